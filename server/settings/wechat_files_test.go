package settings

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wechatFolder returns a new folder with files, by name.
func wechatFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		write(t, folder, name, text)
	}
	return folder
}

// TestFilesOfWechatAreReadAsTheyAre, and hidden files, which systems leave in folders, are skipped.
func TestFilesOfWechatAreReadAsTheyAre(t *testing.T) {
	const longest = "abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789.txt"
	files := map[string]string{"MP_verify_AbC123.txt": "AbC123", "6ynZPDvfTF.txt": "a b~\r\n",
		longest: strings.Repeat("x", 1024)}
	folder := wechatFolder(t, files)
	write(t, folder, ".DS_Store", "\x00")
	require.NoError(t, os.Mkdir(filepath.Join(folder, "..data"), 0o700))
	c, err := parsed(t, "--browser-wechat-files", folder)
	require.NoError(t, err)
	read := map[string]string{}
	for name, text := range c.WechatFiles {
		read[name] = string(text)
	}
	require.Equal(t, files, read)
	require.Nil(t, Defaults().WechatFiles)
}

// TestLinksToFilesOfWechatAreFollowed, as those in a volume of Kubernetes.
func TestLinksToFilesOfWechatAreFollowed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets only administrators make links")
	}
	elsewhere, folder := wechatFolder(t, map[string]string{"other.md": "AbC123"}), t.TempDir()
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(folder, "..data")))
	link := filepath.Join(folder, "AbC123.txt")
	require.NoError(t, os.Symlink(filepath.Join("..data", "other.md"), link))
	c, err := parsed(t, "--browser-wechat-files", folder)
	require.NoError(t, err)
	require.Equal(t, map[string][]byte{"AbC123.txt": []byte("AbC123")}, c.WechatFiles)
	for target, fault := range map[string]string{"..data": "is not a file", "none": "cannot be read (no such file"} {
		require.NoError(t, os.Remove(link))
		require.NoError(t, os.Symlink(target, link))
		_, err = parsed(t, "--browser-wechat-files", folder)
		require.ErrorContains(t, err, `: "AbC123.txt" `+fault)
	}
}

// TestWhatIsNoFileOfWechatIsNamed: each of them, with the setting.
func TestWhatIsNoFileOfWechatIsNamed(t *testing.T) {
	faults := map[string][2]string{ // by name, the content and the fault
		"a.txt":                          {strings.Repeat("x", 1025), "has more than 1 KiB"},
		"b.txt":                          {"", "is empty"},
		"c.txt":                          {"caf\u00e9", "has other characters than printable ASCII"},
		"d.txt":                          {"\ufeffAbC123", "has other characters than printable ASCII"},
		"e.txt":                          {"a\tb", "has other characters than printable ASCII"},
		"f.txt":                          {"\x7f", "has other characters than printable ASCII"},
		"index.html":                     {"AbC123", "is not named like MP_verify_AbC123.txt"},
		"no txt":                         {"AbC123", "is not named like MP_verify_AbC123.txt"},
		"two.dots.txt":                   {"AbC123", "is not named like MP_verify_AbC123.txt"},
		strings.Repeat("x", 65) + ".txt": {"AbC123", "is not named like MP_verify_AbC123.txt"},
	}
	files, want := map[string]string{"fine.txt": "AbC123"}, []string(nil)
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		files[name] = faults[name][0]
		want = append(want, fmt.Sprintf("%q %s", name, faults[name][1]))
	}
	folder := wechatFolder(t, files)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "z.txt"), 0o700))
	want = append(want, `"z.txt" is not a file`)
	c, err := parsed(t, "--browser-wechat-files", folder, "--log-level", "loud")
	require.ErrorContains(t, err, fmt.Sprintf("\nbrowser.wechat_files (LINGPAI_BROWSER_WECHAT_FILES): %q from "+
		"--browser-wechat-files: %s; allowed: ", folder, strings.Join(want, ", ")))
	require.ErrorContains(t, err, "\nlog.level ")
	require.Equal(t, map[string][]byte{"fine.txt": []byte("AbC123")}, c.WechatFiles)
}

func TestFilesOfWechatAreFew(t *testing.T) {
	files := map[string]string{}
	for n := range 20 {
		files[fmt.Sprintf("%d.txt", n)] = "AbC123"
	}
	c, err := parsed(t, "--browser-wechat-files", wechatFolder(t, files))
	require.NoError(t, err)
	require.Len(t, c.WechatFiles, 20)
	files["20.txt"] = "AbC123"
	_, err = parsed(t, "--browser-wechat-files", wechatFolder(t, files))
	require.ErrorContains(t, err, "it has more than 20 files; allowed: ")
}
