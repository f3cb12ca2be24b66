package sql

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// openTransaction begins a transaction that has written to a table, as a backup or a forgotten psql keeps one.
func openTransaction(t *testing.T, database, table string) operator {
	t.Helper()
	o := newOperator(t, database)
	o.do("BEGIN")
	o.do("LOCK TABLE " + table + " IN ROW EXCLUSIVE MODE")
	return o
}

// migrates runs MigrateUp until it waits for a lock with a statement that begins with a text. It returns the process id
// of the waiting connection, and a function that returns the error of MigrateUp when it ends.
func migrates(t *testing.T, db *DB, o operator, statement string) (pid int64, end func() error) {
	t.Helper()
	result := make(chan error, 1)
	go func() { result <- errorOf(db.Schema().MigrateUp(t.Context())) }()
	require.Eventually(t, func() bool {
		pid = o.number(`SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE datname = current_database() AND
			wait_event_type = 'Lock' AND query LIKE $1`, statement+"%")
		return pid != 0
	}, time.Minute, time.Millisecond)
	return pid, func() error { return <-result }
}

// TestAColumnIsAddedBehindAnOpenTransaction requires that others can write while a migration waits for the transaction.
// PostgreSQL lets them wait behind the migration.
func TestAColumnIsAddedBehindAnOpenTransaction(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	db, o := openURL(t, database, 0), newOperator(t, database)
	downTo(t, db, "0011_resources.sql")
	open := openTransaction(t, database, "clients")
	_, end := migrates(t, db, o, "ALTER TABLE")
	o.do("SET lock_timeout = '60s'")
	for range 3 {
		o.do("UPDATE clients SET name = name")
	}
	open.do("COMMIT")
	require.NoError(t, end())
	require.NoError(t, db.Schema().Check(t.Context()))
}

// withoutIndex returns a database that lacks an index of migration 13.
func withoutIndex(t *testing.T) (*DB, string, operator) {
	t.Helper()
	database := migrated.Copy(t)
	db, o := openURL(t, database, 0), newOperator(t, database)
	downTo(t, db, "0013_indexes.sql")
	o.do("DROP INDEX events_of_user")
	return db, database, o
}

// requireIndex requires that an index is valid, and that no other one is not.
func requireIndex(t *testing.T, o operator, name string) {
	t.Helper()
	require.EqualValues(t, 1, o.number("SELECT count(*) FROM pg_index WHERE indexrelid = $1::regclass AND indisvalid",
		name))
	require.Zero(t, o.number("SELECT count(*) FROM pg_index WHERE NOT indisvalid"))
}

func TestIndexesAreBuiltWhileOthersWrite(t *testing.T) {
	t.Parallel()
	db, database, o := withoutIndex(t)
	open := openTransaction(t, database, "events")
	_, end := migrates(t, db, o, "CREATE INDEX")
	o.do("SET lock_timeout = '60s'")
	o.do("INSERT INTO events (id, at, kind, user_id, client_id, session_id, detail) " +
		"VALUES ('e', 1, '', '', '', '', '')")
	open.do("COMMIT")
	require.NoError(t, end())
	require.NoError(t, db.Schema().Check(t.Context()))
	requireIndex(t, o, "events_of_user")
}

// TestAFailedIndexIsRepaired cancels the building of an index, which leaves an invalid one.
func TestAFailedIndexIsRepaired(t *testing.T) {
	t.Parallel()
	db, database, o := withoutIndex(t)
	open := openTransaction(t, database, "events")
	pid, end := migrates(t, db, o, "CREATE INDEX")
	o.do("SELECT pg_cancel_backend($1)", pid)
	require.ErrorContains(t, end(), "57014")
	require.ErrorIs(t, db.Schema().Check(t.Context()), ErrSchema)
	require.EqualValues(t, 1, o.number("SELECT count(*) FROM pg_index WHERE NOT indisvalid"))
	open.do("COMMIT")
	_, err := db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	require.NoError(t, db.Schema().Check(t.Context()))
	requireIndex(t, o, "events_of_user")

	// also one that a server left whose migration is complete, and what a canceled repair leaves
	o.do("CREATE INDEX events_of_user_ccnew ON events (at)")
	o.do("UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid IN ('events_of_user'::regclass, " +
		"'events_of_user_ccnew'::regclass)")
	applied, err := db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	require.Empty(t, applied)
	requireIndex(t, o, "events_of_user")
	require.Zero(t, o.number("SELECT count(*) FROM pg_class WHERE relname = 'events_of_user_ccnew'"))
}
