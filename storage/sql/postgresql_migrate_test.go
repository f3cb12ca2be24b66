package sql

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/storagetest"
)

// migrationRounds is how often concurrent migrations are repeated.
func migrationRounds() int {
	if storagetest.Long() {
		return 6
	}
	return 3
}

// TestKilledMigrationsCanBeContinued terminates the connections of servers that migrate one empty database at the
// same time.
func TestKilledMigrationsCanBeContinued(t *testing.T) {
	t.Parallel()
	var killed atomic.Int64
	t.Run("rounds", func(t *testing.T) {
		for round := range migrationRounds() {
			t.Run(fmt.Sprint(round), func(t *testing.T) {
				t.Parallel()
				migrationsAreKilled(t, &killed)
			})
		}
	})
	require.Positive(t, killed.Load())
}

func migrationsAreKilled(t *testing.T, killed *atomic.Int64) {
	t.Helper()
	database := dbtest.PostgreSQL(t)
	o := newOperator(t, database)
	var running sync.WaitGroup
	for range 4 {
		db := openURL(t, database, 2)
		running.Go(func() { _, _ = db.Schema().MigrateUp(t.Context()) })
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		running.Wait()
	}()
	for kills := 0; kills < 3; {
		select {
		case <-over:
			kills = 3
		case <-time.After(time.Millisecond):
			one := o.number(`SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
					LIMIT 1) AS busy`)
			kills += int(one)
			killed.Add(one)
		}
	}
	<-over
	db := openURL(t, database, 0)
	_, err := db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	require.NoError(t, db.Schema().Check(t.Context()))
	requireStatus(t, db, true)
	requireOnce(t, db)
	signIn(t, db, "alice")
}

// TestSeveralSchemasInOneDatabase keeps several programs separate in one database.
func TestSeveralSchemasInOneDatabase(t *testing.T) {
	t.Parallel()
	database := dbtest.PostgreSQL(t)
	o := newOperator(t, database)
	o.do("CREATE SCHEMA first")
	o.do("CREATE SCHEMA second")
	o.do("CREATE TABLE theirs (id integer PRIMARY KEY)")
	first, second := openURL(t, with(t, database, "search_path", "first"), 0),
		openURL(t, with(t, database, "search_path", "second"), 0)
	_, err := first.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, second.Schema().Check(t.Context()), ErrSchema)
	require.Empty(t, tables(t, second))
	_, err = second.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	signIn(t, first, "alice")
	signIn(t, second, "alice")
	require.Equal(t, tables(t, first), tables(t, second))
	require.ErrorIs(t, openURL(t, database, 0).Schema().Check(t.Context()), ErrSchema, "it belongs to another program")
	for range requireStatus(t, first, true) {
		_, err = first.Schema().MigrateDown(t.Context())
		require.NoError(t, err)
	}
	require.Empty(t, tables(t, first))
	require.EqualValues(t, 1, count(t, second, "sessions"))

	missing := openURL(t, with(t, database, "search_path", "missing"), 0)
	require.ErrorIs(t, missing.Schema().Check(t.Context()), ErrSchema)
	_, err = missing.Schema().MigrateUp(t.Context())
	require.Error(t, err)
	require.EqualValues(t, 1, count(t, second, "sessions"))
}

// TestAMigrationIsAtomic has a view in the place of a table that is created last.
func TestAMigrationIsAtomic(t *testing.T) {
	t.Parallel()
	database := dbtest.PostgreSQL(t)
	db, o := openURL(t, database, 0), newOperator(t, database)
	o.do("CREATE VIEW marks AS SELECT 1 AS name")
	_, err := db.Schema().MigrateUp(t.Context())
	require.Error(t, err)
	require.Empty(t, tables(t, db))
	requireStatus(t, db, false)
	o.do("DROP VIEW marks")
	_, err = db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	require.NoError(t, db.Schema().Check(t.Context()))
}
