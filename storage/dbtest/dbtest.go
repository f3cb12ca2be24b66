package dbtest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// ci reports whether a test that cannot run must fail.
func ci() bool { return os.Getenv("CI") == "true" }

// unavailable skips a test, or fails it with CI=true, because there is no server.
func unavailable(t testing.TB, server, variable string) {
	t.Helper()
	if ci() {
		t.Fatalf("no %s to test with: set %s, or install it", server, variable)
	}
	t.Skipf("NOT RUN: there is no %s to test with; set %s, or install it", server, variable)
}

var (
	stopping sync.Mutex
	stops    []func()
)

// afterTests registers a function that runs when all tests of the process are over. Functions run in
// reverse order.
func afterTests(stop func()) {
	stopping.Lock()
	defer stopping.Unlock()
	stops = append(stops, stop)
}

// Tests is a testing.M that stops the servers that its tests started. Call it from TestMain.
type Tests struct{ M *testing.M }

// Run runs the tests and returns the status to exit with.
func (t Tests) Run() int {
	status := t.M.Run()
	stopping.Lock()
	defer stopping.Unlock()
	for _, stop := range slices.Backward(stops) {
		stop()
	}
	stops = nil
	return status
}

// Run is a TestMain for a package that needs nothing else there.
func Run(m *testing.M) { os.Exit(Tests{m}.Run()) }

// installed returns the path of the newest installed binary, either from PATH or from where Debian keeps binaries
// that are not in PATH. It returns "" if there is none.
func installed(name, elsewhere string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob(filepath.Join(elsewhere, name))
	if len(found) == 0 {
		return ""
	}
	return slices.Max(found)
}

// freePort returns a port on which nobody listens.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}
