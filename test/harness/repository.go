package harness

import (
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// root returns the folder of the repository, which is the nearest one above a test with lingpai's module.
var root = sync.OnceValue(func() string {
	folder := "."
	for range 9 {
		if _, err := os.Stat(filepath.Join(folder, "cmd", "lingpai")); err == nil {
			return folder
		}
		folder = filepath.Join(folder, "..")
	}
	return "."
})

// Path returns the path of a file in the repository, given with slashes.
func Path(name string) string { return filepath.Join(root(), filepath.FromSlash(name)) }

// Document returns the text of a file in the repository.
func Document(t *testing.T, name string) string {
	t.Helper()
	return Text(t, Path(name))
}

// Text returns the text of a file.
func Text(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// fence matches a block of code in Markdown; its group is the code.
var fence = regexp.MustCompile("(?ms)^ *```\\w+\n(.*?)^ *```$")

// Fenced returns the blocks of code of a page.
func Fenced(page string) (blocks []string) {
	for _, block := range fence.FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, block[1])
	}
	return blocks
}

// Prose returns a page without its blocks of code.
func Prose(page string) string { return fence.ReplaceAllString(page, "") }
