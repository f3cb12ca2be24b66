package harness

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/internal/e2e"
	"github.com/lingpai/lingpai/storage/dbtest"
)

// Main is TestMain of packages that run lingpai: it removes the program, and stops the servers and the browser that
// tests started.
func Main(m *testing.M) {
	status := dbtest.Tests{M: m}.Run()
	endChromium()
	if folder, err := programs(); err == nil {
		_ = os.RemoveAll(folder)
	}
	os.Exit(status)
}

// programs returns the folder of the programs that this process builds.
var programs = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "lingpai-test-") })

// built builds lingpai and returns its path. The last program is kept in the user's cache, so that "go build" links
// it again only if its source has changed.
var built = sync.OnceValues(func() (string, error) {
	folder, err := programs()
	if err != nil {
		return "", err
	}
	path, kept := e2e.ProgramPath(folder, "lingpai"), keptProgram()
	_ = copyProgram(kept, path)
	before, _ := os.Stat(path)
	if _, err := e2e.Build(context.Background(), folder, "lingpai", []string{"-tags", e2e.Tags()}); err != nil {
		return "", err
	}
	if after, err := os.Stat(path); err == nil && !unchanged(before, after) {
		_ = copyProgram(path, kept)
	}
	return path, nil
})

// keptProgram returns the path in the cache of the last program of this working tree and these build tags.
func keptProgram() string {
	tree, _ := filepath.Abs(root())
	sum := sha256.Sum256([]byte(tree + "\n" + e2e.Tags()))
	return filepath.Join(cacheFolder(), fmt.Sprintf("lingpai-%x", sum[:8]))
}

// unchanged reports whether a file did not change between two calls of Stat; before is nil if it did not exist.
func unchanged(before, after os.FileInfo) bool {
	return before != nil && os.SameFile(before, after) && before.ModTime().Equal(after.ModTime())
}

// copyProgram copies a program atomically.
func copyProgram(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(to), "copying-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if err := errors.Join(err, file.Chmod(0o755), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), to)
}

// Program returns the path of lingpai, which is built once for all tests of the process. A result of the test
// is cached until the source of lingpai changes.
func Program(t *testing.T) string {
	t.Helper()
	path, err := built()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", e2e.Tags(), "-f",
		"{{if not .Standard}}{{if .Module.Main}}{{.Dir}}{{end}}{{end}}", e2e.Package)
	folders, err := command.Output()
	require.NoError(t, err)
	for folder := range strings.FieldsFuncSeq(string(folders), func(r rune) bool { return r == '\n' || r == '\r' }) {
		files, err := os.ReadDir(folder)
		require.NoError(t, err)
		for _, file := range files {
			if !strings.HasSuffix(file.Name(), "_test.go") {
				_, _ = os.Stat(filepath.Join(folder, file.Name()))
			}
		}
	}
	return path
}

// DependsOn declares that programs in this test read the files of a folder: "go test" then uses a cached result only
// if they are unchanged.
func DependsOn(t *testing.T, folder string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "node_modules" {
			return fs.SkipDir
		}
		if err == nil {
			_, err = os.Stat(path)
		}
		return err
	}))
}

// Start runs a command until the test ends, and prints its log if the test fails. The default environment is that of
// the test without settings of Lingpai.
func Start(t *testing.T, command *exec.Cmd) *e2e.Process {
	t.Helper()
	if command.Env == nil {
		command.Env = e2e.Environment()
	}
	p, err := e2e.Start(command, filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	killAtEnd(t, p, filepath.Base(command.Path))
	return p
}

func killAtEnd(t *testing.T, p *e2e.Process, name string) {
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, p.Log())
		}
	})
}

// FreePort returns a port that nothing listens on.
func FreePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// WaitFor waits until something listens at an address. It fails the test if the process ends first.
func WaitFor(t *testing.T, p *e2e.Process, address string) {
	t.Helper()
	require.Eventually(t, func() bool {
		select {
		case <-p.Ended():
			return true
		default:
		}
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond, address)
	select {
	case <-p.Ended():
		require.Fail(t, "the process ended", "%s", p.LogTail())
	default:
	}
}

// Skip skips a test that needs more than Go, since developers may have nothing else. In CI it fails the test.
func Skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip("NOT RUN: " + reason)
}
