package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// goFile is a Go file, of this module or of one in a subfolder.
type goFile struct {
	name   string // from the root, with slashes
	lines  []string
	syntax *ast.File
}

func (f goFile) folder() string { return path.Dir(f.name) }

func (f goFile) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

var (
	positions = token.NewFileSet()
	parsed    = sync.OnceValues(parseAll)
)

// goFiles returns all Go files in the repository.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	files, err := parsed()
	require.NoError(t, err)
	require.Greater(t, len(files), 400)
	return files
}

func parseAll() (files []goFile, err error) {
	err = walk(".go", func(name, text string) error {
		file, err := parse(name, text)
		files = append(files, file)
		return err
	})
	return files, err
}

// walk visits the files of the repository with an extension, with their paths from the root and their texts.
func walk(extension string, visit func(name, text string) error) error {
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() && name != root && (strings.HasPrefix(base, ".") || base == "node_modules" ||
			base == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(base) != extension {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(relative), string(text))
	})
}

func parse(name, text string) (goFile, error) {
	syntax, err := parser.ParseFile(positions, name, text, parser.ParseComments)
	return goFile{name, strings.Split(text, "\n"), syntax}, err
}
