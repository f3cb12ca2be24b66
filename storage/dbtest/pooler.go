package dbtest

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Pooler starts PgBouncer for the test alone, and returns the URL of a database through it. The mode is session or
// transaction. PgBouncer opens at most this many connections to the database.
func Pooler(t testing.TB, database, mode string, connections int) string {
	t.Helper()
	binary := installed("pgbouncer", "/usr/sbin")
	if binary == "" {
		unavailable(t, "PgBouncer (pgbouncer)", "PATH")
	}
	u, err := url.Parse(database)
	require.NoError(t, err)
	server := fmt.Sprintf("host=%s port=%s user=%s", u.Hostname(), cmp.Or(u.Port(), "5432"), u.User.Username())
	if password, ok := u.User.Password(); ok {
		server += " password='" + strings.ReplaceAll(password, "'", "''") + "'"
	}
	port, err := freePort()
	require.NoError(t, err)
	folder, err := os.MkdirTemp("", "lingpai-pgbouncer-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	require.NoError(t, giveToNobody(folder))
	file, settings := filepath.Join(folder, "pgbouncer.ini"), fmt.Sprintf(`[databases]
* = %s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = any
max_client_conn = 1000
pool_mode = %s
default_pool_size = %d
`, server, port, mode, connections)
	require.NoError(t, os.WriteFile(file, []byte(settings), 0o644)) // in a folder that others cannot open

	var log strings.Builder
	command := unprivileged(exec.Command(binary, file))
	command.Stderr = &log
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	u.Host = "127.0.0.1:" + port
	require.Eventually(t, func() bool { return postgresAnswers(u.String()) }, 30*time.Second, 20*time.Millisecond)
	return u.String()
}
