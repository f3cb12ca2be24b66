package sql

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
)

// everywhere runs a test on an empty database of each kind, which the test may open several times.
func everywhere(t *testing.T, test func(t *testing.T, open func() *DB)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		path := databasePath(t)
		test(t, func() *DB { return openAt(t, path, nil) })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		database := dbtest.PostgreSQL(t)
		test(t, func() *DB { return openURL(t, database, 0) })
	})
}

// tables returns the tables that the migrations created, without those of goose and SQLite.
func tables(t *testing.T, db *DB) []string {
	t.Helper()
	all, err := db.Schema().tables(t.Context())
	require.NoError(t, err)
	all = slices.DeleteFunc(all, func(name string) bool {
		return name == versionTable ||
			strings.HasPrefix(name, "sqlite_")
	})
	slices.Sort(all)
	return all
}

func TestMigrateUpAndDownAndUp(t *testing.T) { everywhere(t, migrateUpAndDownAndUp) }

func migrateUpAndDownAndUp(t *testing.T, open func() *DB) {
	t.Helper()
	ctx, db := t.Context(), open()
	require.Empty(t, tables(t, db), "opening must not migrate")
	all := requireStatus(t, db, false)

	applied, err := db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	require.Equal(t, all, applied)
	require.Equal(t, all, requireStatus(t, db, true))
	made := tables(t, db)
	locks := func(table string) bool { return table == "username_locks" } // SQLite needs none
	require.Equal(t, db.dialect.forUpdate != "", slices.ContainsFunc(made, locks))
	require.Equal(t, []string{
		"accounts", "apps", "browser_sessions", "clients", "consents", "ended_sessions", "events", "joins", "keys",
		"logout_notices", "marks", "phone_uses", "profiles", "pushes", "retired_subjects", "sessions", "unions",
		"users", "withdrawal_notices", "withdrawals",
	}, slices.DeleteFunc(slices.Clone(made), locks))

	again, err := db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	require.Empty(t, again, "nothing to do")
	signIn(t, db, "alice")

	for n := len(all) - 1; n >= 0; n-- {
		name, err := db.Schema().MigrateDown(ctx)
		require.NoError(t, err)
		require.Equal(t, all[n], name)
	}
	requireStatus(t, db, false)
	require.Empty(t, tables(t, db), "also with rows that refer to each other")
	_, err = db.Schema().MigrateDown(ctx)
	require.Error(t, err, "there is nothing to take back")

	_, err = db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	require.Equal(t, made, tables(t, db))
	require.NoError(t, db.Schema().Check(ctx))
}

// requireStatus requires all migrations to be applied, or none, and returns their names.
func requireStatus(t *testing.T, db *DB, applied bool) []string {
	t.Helper()
	status, err := db.Schema().Status(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, status)
	var names []string
	for _, migration := range status {
		require.Equal(t, applied, !migration.AppliedAt.IsZero(), migration.Name)
		names = append(names, migration.Name)
	}
	migrated, err := db.Schema().Migrated(t.Context())
	require.NoError(t, err)
	require.Equal(t, applied, migrated)
	return names
}

// TestConcurrentMigrations opens and migrates one database with several handles, as servers do that start at the same
// time.
func TestConcurrentMigrations(t *testing.T) {
	for round := range migrationRounds() {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			everywhere(t, concurrentMigrations)
		})
	}
}

func concurrentMigrations(t *testing.T, open func() *DB) {
	t.Helper()
	const handles = 5
	done := make([][]string, handles)
	failures := make([]error, handles)
	var running sync.WaitGroup
	for n := range handles {
		db := open()
		running.Go(func() { done[n], failures[n] = db.Schema().MigrateUp(t.Context()) })
	}
	running.Wait()
	require.NoError(t, errors.Join(failures...))
	db := open()
	require.NoError(t, db.Schema().Check(t.Context()))
	require.ElementsMatch(t, requireStatus(t, db, true), slices.Concat(done...),
		"each migration is applied and reported once")
	requireOnce(t, db)
}

// requireOnce requires that no migration is listed twice.
func requireOnce(t *testing.T, db *DB) {
	t.Helper()
	var twice []int64
	require.NoError(t, db.read.Raw("SELECT version_id FROM lingpai_migrations GROUP BY version_id HAVING "+
		"count(*) > 1").Scan(&twice).Error)
	require.Empty(t, twice)
}

// TestTwoHandlesWriteAtOnce uses two handles on one database, which stand for two processes.
func TestTwoHandlesWriteAtOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, twoHandlesWriteAtOnce)
}

func twoHandlesWriteAtOnce(t *testing.T, open func() *DB) {
	t.Helper()
	handles := []*DB{open(), open()}
	_, err := handles[0].Schema().MigrateUp(t.Context())
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
				external := identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: "p", App: "a",
					Subject: fmt.Sprint(m)}}
				_, _, seen := db.Accounts().FindOrCreateUser(t.Context(), external)
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
	require.EqualValues(t, each, count(t, handles[0], "accounts"), "parallel first sign-ins create one account")
	require.EqualValues(t, each+1, count(t, handles[1], "users"))
	total := 0
	for _, moved := range moves {
		total += moved
	}
	last, _, err := handles[1].Sessions().Find(t.Context(), session.ID)
	require.NoError(t, err)
	require.EqualValues(t, total, last.Generation, "of parallel refreshes from one generation one succeeds")
}

func TestADatabaseOfAnotherProgramIsNotChanged(t *testing.T) {
	everywhere(t, aDatabaseOfAnotherProgramIsNotChanged)
}

func aDatabaseOfAnotherProgramIsNotChanged(t *testing.T, open func() *DB) {
	t.Helper()
	db := open()
	// tables of another program, with goose's default name for the versions
	require.NoError(t, db.write.Exec("CREATE TABLE goose_db_version (version_id INTEGER)").Error)
	require.NoError(t, db.write.Exec("CREATE TABLE theirs (id INTEGER PRIMARY KEY)").Error)
	_, err := db.Schema().MigrateUp(t.Context())
	require.ErrorIs(t, err, ErrSchema)
	require.ErrorIs(t, db.Schema().Check(t.Context()), ErrSchema)
	tables, err := db.Schema().tables(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"goose_db_version", "theirs"}, tables)
}

func TestCheckingAnEmptyDatabaseWritesNothing(t *testing.T) {
	everywhere(t, checkingAnEmptyDatabaseWritesNothing)
}

func checkingAnEmptyDatabaseWritesNothing(t *testing.T, open func() *DB) {
	t.Helper()
	db := open()
	require.ErrorIs(t, db.Schema().Check(t.Context()), ErrSchema)
	migrated, err := db.Schema().Migrated(t.Context())
	require.NoError(t, err)
	require.False(t, migrated)
	tables, err := db.Schema().tables(t.Context())
	require.NoError(t, err)
	require.Empty(t, tables)
}
