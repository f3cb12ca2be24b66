package settings

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFilesThatOthersCanReadOrChangeAreExposed covers every bit of a file with secrets and of one without.
func TestFilesThatOthersCanReadOrChangeAreExposed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such bits")
	}
	folder := t.TempDir()
	secretPath, configPath := filepath.Join(folder, "key"), filepath.Join(folder, "c.yaml")
	t.Setenv("LINGPAI_MASTER_KEY_FILE", secretPath)
	for text, secret := range map[string]bool{
		"log: {level: info}": false, "database: {url: \"sqlite:x.db\"}": false, "redis: {url: \"\"}": false,
		"redis: {url: \"redis://:pw@h:1\"}":                            true,
		"database: {url: \"postgres://u:pw@h/d?sslmode=verify-full\"}": true,
	} {
		write(t, folder, "key", aKey)
		write(t, folder, "c.yaml", text)
		for mode, exposed := range map[os.FileMode][2]string{ // with secrets, and without
			0o600: {}, 0o400: {}, 0o700: {}, 0o711: {},
			0o640: {"read"}, 0o604: {"read"}, 0o644: {"read"}, 0o444: {"read"}, 0o666: {"read", "change"},
			0o620: {"change", "change"}, 0o602: {"change", "change"},
		} {
			require.NoError(t, os.Chmod(secretPath, mode))
			require.NoError(t, os.Chmod(configPath, mode))
			c, err := parsed(t, "--config", configPath)
			require.NoError(t, err)
			require.Equal(t, []File{{secretPath, true}, {configPath, secret}}, c.Files)
			want := exposed[1]
			if secret {
				want = exposed[0]
			}
			requireExposed(t, c.Files[0], exposed[0])
			requireExposed(t, c.Files[1], want)
		}
	}
	require.Empty(t, File{Path: filepath.Join(folder, "missing"), Secret: true}.Exposed())
}

func requireExposed(t *testing.T, file File, how string) {
	t.Helper()
	if how == "" {
		require.Empty(t, file.Exposed())
		return
	}
	require.Contains(t, file.Exposed(), "can "+how+" ")
	require.Contains(t, file.Exposed(), file.Path)
}
