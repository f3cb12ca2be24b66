package sql

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// tables lists what the migrations made, without what goose and SQLite keep for themselves.
func tables(t *testing.T, db *DB) []string {
	t.Helper()
	var names []string
	require.NoError(t, db.read.Raw(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'goose_%' AND name NOT LIKE 'sqlite_%'
		ORDER BY name`).Scan(&names).Error)
	return names
}

func TestMigrationsGoUpAndDownAndUp(t *testing.T) {
	ctx := t.Context()
	db := openAt(t, databasePath(t), nil)
	require.Empty(t, tables(t, db), "opening does not migrate")
	all := requireStatus(t, db, false)

	applied, err := db.MigrateUp(ctx)
	require.NoError(t, err)
	require.Equal(t, all, applied)
	require.Equal(t, all, requireStatus(t, db, true))
	made := tables(t, db)
	require.Equal(t, []string{"accounts", "apps", "clients", "events", "keys", "marks", "retired_subjects", "sessions", "unions", "users"}, made)

	again, err := db.MigrateUp(ctx)
	require.NoError(t, err)
	require.Empty(t, again, "nothing to do")
	signIn(t, db, "alice")

	for n := len(all) - 1; n >= 0; n-- {
		name, err := db.MigrateDown(ctx)
		require.NoError(t, err)
		require.Equal(t, all[n], name)
	}
	requireStatus(t, db, false)
	require.Empty(t, tables(t, db), "also with rows that refer to each other")
	_, err = db.MigrateDown(ctx)
	require.Error(t, err, "there is nothing to take back")

	_, err = db.MigrateUp(ctx)
	require.NoError(t, err)
	require.Equal(t, made, tables(t, db))
	require.NoError(t, db.CheckSchema(ctx))
}

// requireStatus wants all migrations applied or none, and returns their names.
func requireStatus(t *testing.T, db *DB, applied bool) []string {
	t.Helper()
	status, err := db.MigrationStatus(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, status)
	var names []string
	for _, migration := range status {
		require.Equal(t, applied, !migration.AppliedAt.IsZero(), migration.Name)
		names = append(names, migration.Name)
	}
	migrated, err := db.Migrated(t.Context())
	require.NoError(t, err)
	require.Equal(t, applied, migrated)
	return names
}

func TestSchemaThatDoesNotFitIsRefused(t *testing.T) {
	ctx := t.Context()
	db := openAt(t, databasePath(t), nil)
	err := db.CheckSchema(ctx)
	require.ErrorIs(t, err, ErrSchema)
	require.ErrorContains(t, err, "lingpai migrate up")

	_, err = db.MigrateUp(ctx)
	require.NoError(t, err)
	require.NoError(t, db.CheckSchema(ctx))

	require.NoError(t, db.write.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)").Error)
	err = db.CheckSchema(ctx)
	require.ErrorIs(t, err, ErrSchema)
	require.ErrorContains(t, err, "newer version")
	require.NotContains(t, err.Error(), "migrate up")
}

// TestManyMigrateAtOnce opens and migrates one file with several handles, as servers do that start together.
func TestManyMigrateAtOnce(t *testing.T) {
	const handles, rounds = 4, 5
	for range rounds {
		path := databasePath(t)
		done := make([][]string, handles)
		failures := make([]error, handles)
		var running sync.WaitGroup
		for n := range handles {
			db := openAt(t, path, nil)
			running.Go(func() { done[n], failures[n] = db.MigrateUp(t.Context()) })
		}
		running.Wait()
		require.NoError(t, errors.Join(failures...))
		db := openAt(t, path, nil)
		require.NoError(t, db.CheckSchema(t.Context()))
		var names []string
		for _, applied := range done {
			names = append(names, applied...)
		}
		require.ElementsMatch(t, requireStatus(t, db, true), names, "each step is taken, and told of, once")
	}
}

// TestTwoHandlesWriteAtOnce has two handles on one file: what SQLite sees of two processes.
func TestTwoHandlesWriteAtOnce(t *testing.T) {
	path := databasePath(t)
	handles := []*DB{openAt(t, path, nil), openAt(t, path, nil)}
	_, err := handles[0].MigrateUp(t.Context())
	require.NoError(t, err)
	session := signIn(t, handles[0], "alice")

	const writers, each = 8, 25
	failures := make([]error, writers)
	moves := make([]int, writers)
	var running sync.WaitGroup
	for n := range writers {
		running.Go(func() {
			db := handles[n%2]
			for m := range each {
				sighting := identity.Sighting{AccountKey: identity.AccountKey{Platform: "p", App: "a", Subject: fmt.Sprint(m)}}
				_, _, seen := db.Users().FindOrCreateByAccount(t.Context(), sighting)
				current, _, found := db.Sessions().Find(t.Context(), session.ID)
				moved, rotate := db.Sessions().Rotate(t.Context(), rotated(current), current.Generation)
				if moved {
					moves[n]++
				}
				failures[n] = errors.Join(failures[n], seen, found, rotate)
			}
		})
	}
	running.Wait()
	require.NoError(t, errors.Join(failures...))
	require.EqualValues(t, each, count(t, handles[0], "accounts"), "parallel first sights make one account")
	require.EqualValues(t, each+1, count(t, handles[1], "users"))
	total := 0
	for _, moved := range moves {
		total += moved
	}
	last, _, err := handles[1].Sessions().Find(t.Context(), session.ID)
	require.NoError(t, err)
	require.EqualValues(t, total, last.Generation, "of parallel refreshes from one generation one moves the session")
}

func TestAnotherProgramsDatabaseIsLeftAlone(t *testing.T) {
	db := openAt(t, databasePath(t), nil)
	require.NoError(t, db.write.Exec("CREATE TABLE theirs (id INTEGER PRIMARY KEY)").Error)
	_, err := db.MigrateUp(t.Context())
	require.ErrorIs(t, err, ErrSchema)
	require.ErrorIs(t, db.CheckSchema(t.Context()), ErrSchema)
	tables, err := db.tables(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"theirs"}, tables)
}

func TestLookingAtAnEmptyDatabaseWritesNothing(t *testing.T) {
	db := openAt(t, databasePath(t), nil)
	require.ErrorIs(t, db.CheckSchema(t.Context()), ErrSchema)
	migrated, err := db.Migrated(t.Context())
	require.NoError(t, err)
	require.False(t, migrated)
	tables, err := db.tables(t.Context())
	require.NoError(t, err)
	require.Empty(t, tables)
}
