package dbtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const postgresVariable = "LINGPAI_TEST_POSTGRES"

// PostgreSQL creates an empty database for a test and returns its URL. The database is dropped after the test.
func PostgreSQL(t testing.TB) string {
	t.Helper()
	server := postgresServer()
	if server == "" {
		unavailable(t, "PostgreSQL", postgresVariable)
	}
	return create(t, server, "")
}

// CopyPostgreSQL copies a database of PostgreSQL for a test. Nobody may be connected to it.
func CopyPostgreSQL(t testing.TB, database string) string {
	t.Helper()
	return create(t, postgresServer(), " TEMPLATE "+databaseName(t, database))
}

// RestorePostgreSQL replaces a database with a copy of another one. Nobody may be connected to
// either.
func RestorePostgreSQL(t testing.TB, database, from string) {
	t.Helper()
	name := databaseName(t, database)
	execute(t, postgresServer(), "DROP DATABASE IF EXISTS "+name)
	createDatabase(t, postgresServer(), name, " TEMPLATE "+databaseName(t, from))
}

// Template is a database that is created once for all tests of the process, and copied for each. Copying tables is
// faster than migrating.
type Template struct {
	// Prepare fills an empty database. It must have disconnected when it returns.
	Prepare func(t testing.TB, database string)

	mutex    sync.Mutex
	database string // empty: not created yet
}

// Copy creates a database for a test and returns its URL. The database is dropped after the test.
func (m *Template) Copy(t testing.TB) string {
	t.Helper()
	server := postgresServer()
	if server == "" {
		unavailable(t, "PostgreSQL", postgresVariable)
	}
	return create(t, server, " TEMPLATE "+m.made(t, server))
}

// made returns the name of the template, and creates it first if needed.
func (m *Template) made(t testing.TB, server string) string {
	t.Helper()
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.database == "" {
		name := newName()
		createDatabase(t, server, name, "")
		afterTests(func() { dropDatabase(server, name) })
		m.Prepare(t, urlOf(t, server, name))
		m.database = name
	}
	return m.database
}

func create(t testing.TB, server, how string) string {
	t.Helper()
	name := newName()
	createDatabase(t, server, name, how)
	t.Cleanup(func() { execute(t, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return urlOf(t, server, name)
}

// createDatabase creates a database that need not survive a crash of the machine: commits do not wait for the disk,
// unless the URL has synchronous_commit=on.
func createDatabase(t testing.TB, server, name, how string) {
	t.Helper()
	execute(t, server, "CREATE DATABASE "+name+how, "ALTER DATABASE "+name+" SET synchronous_commit = off")
}

// urlOf returns the URL of a database of a server.
func urlOf(t testing.TB, server, name string) string {
	t.Helper()
	own, err := url.Parse(server)
	require.NoError(t, err)
	own.Path = "/" + name
	return own.String()
}

func newName() string { return fmt.Sprintf("lingpai_test_%016x", rand.Uint64()) }

// dropDatabase runs after all tests. It ignores errors, since there is no test left to report them.
func dropDatabase(server, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connection, err := pgx.Connect(ctx, server)
	if err != nil {
		return
	}
	defer connection.Close(ctx)
	_, _ = connection.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

func databaseName(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	return strings.TrimPrefix(u.Path, "/")
}

// postgresServer returns the URL of a database in which databases can be created. The server is found or started once
// for all tests of the process.
var postgresServer = sync.OnceValue(func() string {
	if named := os.Getenv(postgresVariable); named != "" {
		return named
	}
	if standard := "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"; ci() && postgresAnswers(standard) {
		return standard
	}
	server, err := startPostgreSQL()
	if err != nil {
		return ""
	}
	afterTests(server.remove)
	return server.URL()
})

func execute(t testing.TB, server string, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connection, err := pgx.Connect(ctx, server)
	require.NoError(t, err, "%s must be the URL of a server where databases can be created", postgresVariable)
	defer connection.Close(ctx)
	for _, statement := range statements {
		_, err = connection.Exec(ctx, statement)
		require.NoError(t, err)
	}
}

func postgresAnswers(server string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	connection, err := pgx.Connect(ctx, server)
	if err != nil {
		return false
	}
	return connection.Close(ctx) == nil
}

// PostgreSQLServer is a temporary server, which a test can also stop and start again.
type PostgreSQLServer struct {
	folder, binary, port string
	running              *exec.Cmd
}

// TemporaryPostgreSQL starts a server for the test alone.
func TemporaryPostgreSQL(t testing.TB) *PostgreSQLServer {
	t.Helper()
	server, err := startPostgreSQL()
	if err != nil {
		t.Log(err)
		unavailable(t, "installed PostgreSQL server (initdb, postgres)", "PATH")
	}
	t.Cleanup(server.remove)
	return server
}

// Standby starts a hot standby for the test alone. From then on the server acknowledges a commit only once the standby
// has it.
func (s *PostgreSQLServer) Standby(t testing.TB) *PostgreSQLServer {
	t.Helper()
	standby, err := start("pg_basebackup", "--dbname", s.URL(), "--write-recovery-conf", "--checkpoint", "fast",
		"--no-sync")
	require.NoError(t, err)
	t.Cleanup(standby.remove)
	execute(t, s.URL(), "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
	return standby
}

// Promote makes a standby the primary.
func (s *PostgreSQLServer) Promote(t testing.TB) {
	t.Helper()
	execute(t, s.URL(), "SELECT pg_promote()")
}

// Demote restarts the server as a standby.
func (s *PostgreSQLServer) Demote() error {
	s.Stop()
	if err := os.WriteFile(filepath.Join(s.data(), "standby.signal"), nil, 0o600); err != nil {
		return err
	}
	return s.Start()
}

// RejectWrites makes the server reject writes, or accept them again, and waits until all connections are told.
func (s *PostgreSQLServer) RejectWrites(t testing.TB, reject bool) {
	t.Helper()
	execute(t, s.URL(), fmt.Sprintf("ALTER SYSTEM SET default_transaction_read_only = %t", reject),
		"SELECT pg_reload_conf()")
	require.Eventually(t, func() bool {
		connection, err := pgx.Connect(t.Context(), s.URL())
		if err != nil {
			return false
		}
		defer connection.Close(t.Context())
		var rejected bool
		err = connection.QueryRow(t.Context(),
			"SELECT current_setting('default_transaction_read_only') = 'on'").Scan(&rejected)
		return err == nil && rejected == reject
	}, time.Minute, 10*time.Millisecond)
}

// LimitConnections restarts the server with another max_connections.
func (s *PostgreSQLServer) LimitConnections(t testing.TB, most int) {
	t.Helper()
	execute(t, s.URL(), fmt.Sprintf("ALTER SYSTEM SET max_connections = %d", most))
	s.Stop()
	require.NoError(t, s.Start())
}

// FillPostgreSQL connects to a database until the server rejects connections, three times in a row, since it counts
// those that are ending too. They end after the test, or when the returned function is called.
func FillPostgreSQL(t testing.TB, database string) (disconnect func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var connections []*pgx.Conn
	disconnect = func() {
		for _, connection := range connections {
			_ = connection.Close(context.Background())
		}
	}
	t.Cleanup(disconnect)
	for refusals := 0; len(connections) == 0 || refusals < 3; {
		connection, err := pgx.Connect(ctx, database)
		if err != nil {
			require.ErrorContains(t, err, "53300")
			refusals++
			time.Sleep(50 * time.Millisecond)
			continue
		}
		connections, refusals = append(connections, connection), 0
	}
	return disconnect
}

// startPostgreSQL starts a new server on loopback from the installed binaries. The caller removes it.
func startPostgreSQL() (*PostgreSQLServer, error) {
	return start("initdb", "--username", "postgres", "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale",
		"C")
}

// start starts a server from what a program of PostgreSQL writes into its folder.
func start(program string, arguments ...string) (*PostgreSQLServer, error) {
	initdb := installed("initdb", "/usr/lib/postgresql/*/bin")
	if initdb == "" {
		return nil, exec.ErrNotFound
	}
	initdb, err := filepath.EvalSymlinks(initdb) // PATH may have a link to it, and none to other programs
	if err != nil {
		return nil, err
	}
	binaries := filepath.Dir(initdb)
	folder, err := os.MkdirTemp("", "lingpai-postgres-")
	if err != nil {
		return nil, err
	}
	s := &PostgreSQLServer{folder: folder, binary: filepath.Join(binaries, "postgres")}
	if s.port, err = freePort(); err == nil {
		err = giveToNobody(folder)
	}
	if err == nil {
		create := unprivileged(exec.Command(filepath.Join(binaries, program),
			append(arguments, "--pgdata", s.data())...))
		create.Dir = folder
		if out, failure := create.CombinedOutput(); failure != nil {
			err = fmt.Errorf("%w: %s", failure, out)
		}
	}
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *PostgreSQLServer) data() string { return filepath.Join(s.folder, "data") }

// Addr returns the server's address, HOST:PORT.
func (s *PostgreSQLServer) Addr() string { return "127.0.0.1:" + s.port }

// Socket returns the folder and the port that name the server's Unix socket.
func (s *PostgreSQLServer) Socket() (folder, port string) { return s.folder, s.port }

// URL returns the URL of the database that every server has.
func (s *PostgreSQLServer) URL() string {
	return "postgres://postgres@" + s.Addr() + "/postgres?sslmode=disable"
}

// Start starts the server and waits until it accepts connections.
func (s *PostgreSQLServer) Start() error {
	command := unprivileged(exec.Command(s.binary, "-D", s.data(), "-p", s.port, "-c",
		"listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+s.folder,
		"-c", "logging_collector=off"))
	command.Dir = s.folder
	if err := command.Start(); err != nil {
		return err
	}
	s.running = command
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if postgresAnswers(s.URL()) {
			return nil
		}
	}
	return fmt.Errorf("%s does not answer", s.binary)
}

// Stop shuts the server down and ends all its connections.
func (s *PostgreSQLServer) Stop() {
	if s.running == nil {
		return
	}
	_ = s.running.Process.Signal(os.Interrupt) // "fast" shutdown: connections are ended, committed data is kept
	_ = s.running.Wait()
	s.running = nil
}

// Kill ends the server as a crash would.
func (s *PostgreSQLServer) Kill() {
	_ = s.running.Process.Signal(syscall.SIGQUIT) // "immediate" shutdown: nothing more is written
	_ = s.running.Wait()
	s.running = nil
}

// remove stops the server and deletes its files.
func (s *PostgreSQLServer) remove() {
	s.Stop()
	_ = os.RemoveAll(s.folder)
}
