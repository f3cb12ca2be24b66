package sql

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

const password = "hunter2"

// TestInvalidURLsOfPostgreSQLAreRejected without repeating the URL in the error.
func TestInvalidURLsOfPostgreSQLAreRejected(t *testing.T) {
	secret := "u:" + password + "@"
	for _, database := range []string{
		"postgres://", "postgres:", "postgresql", "postgres://" + secret + "host",
		"postgres://" + secret + "host/",
		"postgres://" + secret + "host:port/db", "postgres://" + secret + "host:99999999/db",
		"postgres://" + secret + "host/db?sslmode=" + password,
		"postgres://" + secret + "host/db?connect_timeout=" + password, "postgres://" + secret +
			"host/db?sslrootcert=/" + password,
		"postgres://" + secret + "host/db?default_query_exec_mode=" + password, "postgres://" + secret +
			"host/db?target_session_attrs=" + password,
		"postgres://u:" + password + "%zz@host/db", "postgres://u:" + password + " @host/db",
		"postgres://u:" + password + "\x00@host/db",
		"mysql://" + secret + "host/db", "POSTGRES//" + secret + "host/db", "host=localhost password=" +
			password + " dbname=db",
		" postgres://" + secret + "host/db", "postgres://" + secret + "ho st/db", "postgres://" + secret + "[::1/db",
		"postgres://" + secret + "db.example.com/db", // without TLS if a server asks for it
		"postgres://" + secret + "localhost/db?host=db.example.com",
		"postgres://" + secret + "localhost,db.example.com/db",
		"postgres://u:1/" + secret + "localhost/db", "postgres://u:1/d?" + secret + "localhost/db",
		"postgres://u:1/d#" + secret + "localhost/db", "postgres://u:p@" + password + "@localhost/db",
		"postgres://u:p@" + password + "@127.0.0.1:1/db", "postgres://u:" + password + "@@localhost",
	} {
		require.Error(t, CheckURL(database), database)
		require.NotContains(t, CheckURL(database).Error(), password, database)
		_, err := Open(t.Context(), Options{URL: database})
		require.Error(t, err, database)
		require.NotContains(t, err.Error(), password)
	}
	for _, database := range []string{
		"postgres://" + secret + "127.0.0.1/db",
		"postgres://u:p%40" + password + "@localhost/db?application_name=u@db",
		"postgresql://localhost:5433/db", "postgres://" + secret + "[::1]/db",
		"postgres://" + secret + "host/db?sslmode=verify-full", "postgres://" + secret + "host/db?sslmode=disable",
		"postgres://" + secret + "a:5432,b:5433/db?target_session_attrs=read-write&sslmode=verify-ca",
		"postgres://localhost/db?search_path=own&default_query_exec_mode=exec",
		"postgres://" + secret + "/db", "postgres://" + secret + "%2Frun/db", "postgres:///db?host=/run",
	} {
		require.NoError(t, CheckURL(database), database)
	}
}

// TestUnixSockets connects to a real one by each spelling that libpq documents.
func TestUnixSockets(t *testing.T) {
	t.Parallel()
	server := dbtest.TemporaryPostgreSQL(t)
	folder, port := server.Socket()
	for _, database := range []string{
		"postgres:///postgres?user=postgres&host=" + folder + "&port=" + port,
		"postgres://postgres@/postgres?host=" + url.QueryEscape(folder) + "&port=" + port,
		"postgresql://postgres@" + url.QueryEscape(folder) + ":" + port + "/postgres",
		"postgres://postgres@db.example.com:1/postgres?host=" + folder + "&port=" + port,
		"postgres://postgres@" + url.QueryEscape(folder+"/missing") + "," + url.QueryEscape(folder) +
			"/postgres?port=" + port,
	} {
		db := openURL(t, database, 1)
		onEveryConnection(t, db, "DO $$ BEGIN ASSERT inet_client_addr() IS NULL; END $$")
	}
}

// TestPasswordsAreNotInTheErrorsOfConnecting covers every reason why a connection is rejected.
func TestPasswordsAreNotInTheErrorsOfConnecting(t *testing.T) {
	t.Parallel()
	server := dbtest.TemporaryPostgreSQL(t)
	o := newOperator(t, server.URL())
	o.do("CREATE ROLE lingpai LOGIN PASSWORD 'right-" + password + "'")
	o.do("CREATE DATABASE lingpai OWNER lingpai")
	o.do(`DO $$ BEGIN EXECUTE format('COPY (VALUES (''host all postgres 127.0.0.1/32 trust''),
		(''host all all 127.0.0.1/32 scram-sha-256'')) TO %L',
		current_setting('hba_file')); END $$`) // everybody except the operator needs a password
	o.do("SELECT pg_reload_conf()")

	right := strings.Replace(strings.Replace(server.URL(), "postgres@", "lingpai:right-"+password+"@", 1),
		"/postgres?", "/lingpai?", 1)
	wrong := strings.Replace(right, "right-", "wrong-", 1)
	require.Eventually(t, func() bool { // once the server has read it
		db, err := Open(t.Context(), Options{URL: wrong})
		return err != nil || db.Close() != nil
	}, 30*time.Second, 10*time.Millisecond)
	signIn(t, openMigratedURL(t, right, 0), "alice") // not a superuser, but owner of the database
	for name, url := range map[string]string{
		"a wrong password":    wrong,
		"an unknown user":     strings.Replace(right, "lingpai:", "nobody:", 1),
		"an unknown database": strings.Replace(right, "/lingpai?", "/missing?", 1),
		"no TLS":              strings.Replace(right, "sslmode=disable", "sslmode=require", 1),
		"an unknown host":     strings.Replace(right, "127.0.0.1:", "unknown.invalid:", 1),
		"a closed port":       "postgres://u:" + password + "@127.0.0.1:1/db",
		"a wrong setting":     with(t, right, "statement_timeout", password+"s"),
	} {
		start := time.Now()
		_, err := Open(t.Context(), Options{URL: url})
		require.Error(t, err, name)
		require.Less(t, time.Since(start), 2*defaultTimeout, name)
		if name != "a wrong setting" { // which is not secret
			require.NotContains(t, err.Error(), password, name)
		}
	}
}
