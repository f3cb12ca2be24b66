package provider_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/sql"
)

func TestMain(m *testing.M) { dbtest.Run(m) }

// onPostgreSQL runs all tests of the package on PostgreSQL: go test ./provider -postgresql
var onPostgreSQL = flag.Bool("postgresql", false, "use PostgreSQL instead of SQLite")

// openDatabase opens a copy of the seeded database. Keys and password hashes take long to compute, so all
// environments share them.
func (w *installation) openDatabase() {
	seed, err := seeded()
	require.NoError(w.t, err)
	if *onPostgreSQL {
		w.database = w.seedPostgreSQL(seed)
	} else {
		w.databaseURL = filepath.Join(w.t.TempDir(), "lingpai.db")
		require.NoError(w.t, os.WriteFile(w.databaseURL, seed.database, 0o600))
		w.database, err = openSQLite(w.databaseURL, seed.ring, w.clock.Now)
		require.NoError(w.t, err)
	}
	w.t.Cleanup(func() { w.database.Close() })
	w.ring = seed.ring
	keeper, err := keys.Open(context.Background(), w.database.Keys(), seed.ring, keys.Options{Now: w.clock.Now})
	require.NoError(w.t, err)
	w.keys = keeper.Current()
}

func openSQLite(path string, ring *keys.Ring, now func() time.Time) (*sql.DB, error) {
	return sql.Open(context.Background(), sql.Options{URL: "sqlite:" + path + "?synchronous=off", Ring: ring, Now: now})
}

// seedPostgreSQL returns a new database with a copy of the seeded records.
func (w *installation) seedPostgreSQL(seed seed) *sql.DB {
	ctx := context.Background()
	url, clock := dbtest.MovableClock(w.t, dbtest.PostgreSQL(w.t))
	w.clock.Database, w.databaseURL = clock, url
	database, err := sql.Open(ctx, sql.Options{URL: url, Ring: seed.ring})
	require.NoError(w.t, err)
	_, err = database.Schema().MigrateUp(ctx)
	require.NoError(w.t, err)
	require.NoError(w.t, database.Keys().Update(ctx, func(time.Time, []keys.Record) (keys.Change,
		error) {
		return keys.Change{Records: seed.keys}, nil
	}))
	require.NoError(w.t, populate(ctx, database, seed.passwordHash))
	return database
}
