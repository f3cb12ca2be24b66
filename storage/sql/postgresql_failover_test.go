package sql

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

// openLogged opens a database, and returns a file with its log.
func openLogged(t *testing.T, database string) (*DB, string) {
	t.Helper()
	db := openURL(t, database, 0)
	log, err := os.CreateTemp(t.TempDir(), "log")
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	db.LogTo(slog.New(slog.NewTextHandler(log, nil)))
	return db, log.Name()
}

// requireAdvice requires a log of few lines, one of which gives some advice.
func requireAdvice(t *testing.T, log, advice string) {
	t.Helper()
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Contains(t, string(text), advice)
	require.Less(t, strings.Count(string(text), "\n"), 10)
}

// TestAURLWithSeveralHostsSurvivesTheLossOfThePrimary and loses no acknowledged refresh, since the standby had each.
func TestAURLWithSeveralHostsSurvivesTheLossOfThePrimary(t *testing.T) {
	t.Parallel()
	primary := dbtest.TemporaryPostgreSQL(t)
	openMigratedURL(t, primary.URL(), 0)
	standby := primary.Standby(t)
	db := openURL(t, "postgres://postgres@"+standby.Addr()+","+primary.Addr()+
		"/postgres?sslmode=disable&target_session_attrs=read-write", 0)
	refreshing := keepRefreshing(t, db, signInMany(t, db, 8))
	refreshing.requireMore()
	require.NoError(t, db.CheckWritable(t.Context()))

	primary.Kill()
	require.Eventually(t, func() bool {
		found, advice := Explain(db.CheckWritable(t.Context()))
		return found == "read-only: PostgreSQL accepts no writes" && strings.Contains(advice, "the primary")
	}, time.Minute, 10*time.Millisecond)
	standby.Promote(t)
	refreshing.requireMore()
	refreshing.end()
	require.NoError(t, db.CheckWritable(t.Context()))
}

// TestConnectionsToADemotedPrimaryAreReplaced has an address that leads to the new primary only after the old one has
// come back as a standby: connections to it exist by then, and never end by themselves.
func TestConnectionsToADemotedPrimaryAreReplaced(t *testing.T) {
	t.Parallel()
	old := dbtest.TemporaryPostgreSQL(t)
	openMigratedURL(t, old.URL(), 0)
	standby := old.Standby(t)
	database, address := startProxy(t, old.URL())
	db, log := openLogged(t, database)
	refreshing := keepRefreshing(t, db, signInMany(t, db, 8))
	refreshing.requireMore()

	require.NoError(t, old.Demote())
	require.Eventually(t, func() bool {
		err := db.CheckWritable(t.Context())
		return err != nil && err.Error() == "read-only: the server is a standby"
	}, time.Minute, 10*time.Millisecond)
	standby.Promote(t)
	address.lead(standby.Addr())
	refreshing.requireMore()
	refreshing.end()
	require.NoError(t, db.CheckWritable(t.Context()))
	requireAdvice(t, log, "target_session_attrs=read-write")
}

// TestIdleConnectionsToADemotedPrimaryAreReplaced by the readiness check alone, since no load balancer sends requests
// to a server that is not ready.
func TestIdleConnectionsToADemotedPrimaryAreReplaced(t *testing.T) {
	t.Parallel()
	demoted, primary := dbtest.TemporaryPostgreSQL(t), dbtest.TemporaryPostgreSQL(t)
	require.NoError(t, demoted.Demote())
	database, address := startProxy(t, demoted.URL())
	db := openURL(t, database, 0)
	onEveryConnection(t, db, "SELECT 1")
	address.lead(primary.Addr())
	require.ErrorIs(t, db.CheckWritable(t.Context()), errReadOnly)
	onEveryConnection(t, db, "CREATE TABLE IF NOT EXISTS written (id text)")
}

// TestAPrimaryThatRejectsWrites as one whose disk is full, at some providers.
func TestAPrimaryThatRejectsWrites(t *testing.T) {
	t.Parallel()
	server := dbtest.TemporaryPostgreSQL(t)
	database, proxy := startProxy(t, server.URL())
	openMigratedURL(t, server.URL(), 0)
	db, log := openLogged(t, database)
	session := signIn(t, db, "alice")
	server.RejectWrites(t, true)
	require.EqualError(t, db.CheckWritable(t.Context()), "read-only: default_transaction_read_only is on")
	before, begun := proxy.count(), time.Now()
	const rejected = 500
	for range rejected {
		_, err := db.Sessions().Rotate(t.Context(), rotated(session), session.Generation)
		require.ErrorContains(t, err, "25006")
		requireNoIdentityError(t, "Rotate", err)
	}
	require.NoError(t, errorOfTwo(db.Sessions().Find(t.Context(), session.ID)), "reads go on")
	most := 2 + int(time.Since(begun)/renewPeriod)
	require.LessOrEqual(t, proxy.count()-before, most, "%d rejected writes need few new connections", rejected)
	requireAdvice(t, log, "default_transaction_read_only")

	server.RejectWrites(t, false)
	require.NoError(t, db.CheckWritable(t.Context()))
	moved, err := db.Sessions().Rotate(t.Context(), rotated(session), session.Generation)
	require.NoError(t, err)
	require.True(t, moved)
}

// TestTooManyConnectionsAreExplained whatever limits them.
func TestTooManyConnectionsAreExplained(t *testing.T) {
	t.Parallel()
	server := dbtest.TemporaryPostgreSQL(t)
	o := newOperator(t, server.URL())
	o.do("CREATE ROLE limited LOGIN CONNECTION LIMIT 2")
	o.do("CREATE ROLE unlimited LOGIN")
	o.do("CREATE DATABASE limited CONNECTION LIMIT 2")
	server.LimitConnections(t, 12)
	for _, c := range []struct{ limited, database string }{
		{"the role", "postgres://limited@" + server.Addr() + "/postgres?sslmode=disable"},
		{"the database", "postgres://unlimited@" + server.Addr() + "/limited?sslmode=disable"},
		{"the server", server.URL()}, // the last, since its connections take a moment to end
	} {
		limited, database := c.limited, c.database
		db, log := openLogged(t, database)
		pool, err := db.read.DB()
		require.NoError(t, err)
		pool.SetMaxIdleConns(0) // an idle connection would answer
		only, err := pool.Conn(t.Context())
		require.NoError(t, err)
		disconnect := dbtest.FillPostgreSQL(t, database)
		_, refused := Open(t.Context(), Options{URL: database})
		for _, err := range []error{refused, db.Ping(t.Context()), db.Schema().Check(t.Context())} {
			found, advice := Explain(err)
			require.Equal(t, "PostgreSQL accepts no more connections", found, "%s: %v", limited, err)
			require.Contains(t, advice, "max_connections", limited)
			require.Contains(t, advice, "LINGPAI_DATABASE_CONNECTIONS", limited)
			requireNoIdentityError(t, limited, err)
		}
		requireAdvice(t, log, "LINGPAI_DATABASE_CONNECTIONS")
		disconnect()
		require.Eventually(t, func() bool { return db.Ping(t.Context()) == nil }, time.Minute, 10*time.Millisecond)
		require.NoError(t, only.Close())
	}
}
