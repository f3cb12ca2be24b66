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

// ci says whether a test that cannot be run is a failure.
func ci() bool { return os.Getenv("CI") == "true" }

// unavailable ends a test for want of a server.
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

// atEnd has something done when all tests of the process are over, the last first.
func atEnd(stop func()) {
	stopping.Lock()
	defer stopping.Unlock()
	stops = append(stops, stop)
}

// Tests is a testing.M that stops the servers which its tests started. TestMain runs it.
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

// Run is TestMain for a package that has nothing else to do there.
func Run(m *testing.M) { os.Exit(Tests{m}.Run()) }

// installed finds a binary on the path, or where Debian keeps what is not meant for it. The newest wins. "":
// there is none.
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

// freePort is a port that nobody listens on now.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}
