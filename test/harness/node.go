package harness

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// manifests are the files that npm needs to install packages.
var manifests = []string{"package.json", "package-lock.json"}

// NodeModules returns a folder with node_modules for the lock file in another folder. It is kept in the user's cache
// until one of the manifests changes.
func NodeModules(t *testing.T, manifest string) (string, error) {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("npm is not installed (Debian's package: npm)")
	}
	sum := sha256.New()
	for _, name := range manifests {
		fmt.Fprintf(sum, "%s\n%s\n", name, Text(t, filepath.Join(manifest, name)))
	}
	caches := cacheFolder()
	kept := filepath.Join(caches, fmt.Sprintf("node-%s-%s-%x", runtime.GOOS, runtime.GOARCH, sum.Sum(nil)[:8]))
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	if err := os.MkdirAll(caches, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(caches, "installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := npmInstall(t, npm, manifest, fresh); err != nil {
		return "", err
	}
	// Another process may have been faster; its folder has the same content.
	if err := os.Rename(fresh, kept); err != nil && !isThere(kept) {
		return "", err
	}
	return kept, nil
}

// cacheFolder returns the folder for files that are kept between runs of the tests.
func cacheFolder() string {
	caches, err := os.UserCacheDir()
	if err != nil {
		caches = os.TempDir()
	}
	return filepath.Join(caches, "lingpai-test")
}

func npmInstall(t *testing.T, npm, manifest, folder string) error {
	for _, name := range manifests {
		CopyFile(t, filepath.Join(manifest, name), filepath.Join(folder, name))
	}
	command := exec.CommandContext(t.Context(), npm, "ci", "--prefer-offline", "--ignore-scripts", "--no-audit",
		"--no-fund", "--fetch-retries=1")
	command.Dir = folder
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("npm could not install %s: %w\n%s", manifest, err, out)
	}
	return nil
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// UseNodeModules makes the modules of NodeModules available to the programs in a folder.
func UseNodeModules(t *testing.T, manifest, folder string) error {
	t.Helper()
	kept, err := NodeModules(t, manifest)
	if err != nil {
		return err
	}
	from, to := filepath.Join(kept, "node_modules"), filepath.Join(folder, "node_modules")
	if os.Symlink(from, to) == nil {
		return nil
	}
	return os.CopyFS(to, os.DirFS(from)) // on systems where symbolic links need privileges
}

// CopyFile copies a file, and creates the folders above it.
func CopyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	require.NoError(t, os.WriteFile(to, text, 0o600))
}
