package grants_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

func TestMain(m *testing.M) { dbtest.Run(m) }

// onPostgreSQL runs all tests of the package on PostgreSQL: go test ./grants -postgresql
var onPostgreSQL = flag.Bool("postgresql", false, "use PostgreSQL instead of SQLite")

// store is the database of an env. backup and restore may be called only while the database is closed.
type store interface {
	url() string
	backup()
	restore()
}

func newStore(t testing.TB, clock *dbtest.ProcessClock) store {
	t.Helper()
	if !*onPostgreSQL {
		return sqliteFile{t, t.TempDir()}
	}
	database := dbtest.PostgreSQL(t)
	url, moving := dbtest.MovableClock(t, database)
	clock.Database = moving
	return &postgresDatabase{t: t, database: database, clockedURL: url, clock: moving}
}

type sqliteFile struct {
	t      testing.TB
	folder string
}

func (f sqliteFile) url() string {
	return "sqlite:" + filepath.Join(f.folder, "lingpai.db") + "?synchronous=off"
}

func (f sqliteFile) backup() { f.copy("lingpai.db", "backup.db") }

func (f sqliteFile) restore() {
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(filepath.Join(f.folder, "lingpai.db"+suffix))
	}
	f.copy("backup.db", "lingpai.db")
}

func (f sqliteFile) copy(from, to string) {
	data, err := os.ReadFile(filepath.Join(f.folder, from))
	require.NoError(f.t, err)
	require.NoError(f.t, os.WriteFile(filepath.Join(f.folder, to), data, 0o600))
}

type postgresDatabase struct {
	t                    testing.TB
	database, clockedURL string
	clock                *dbtest.Clock
	copied               string
}

func (d *postgresDatabase) url() string { return d.clockedURL }

func (d *postgresDatabase) backup() {
	d.clock.Disconnect()
	if d.copied == "" {
		d.copied = dbtest.CopyPostgreSQL(d.t, d.database)
		return
	}
	dbtest.RestorePostgreSQL(d.t, d.copied, d.database)
}

func (d *postgresDatabase) restore() {
	d.clock.Disconnect()
	dbtest.RestorePostgreSQL(d.t, d.database, d.copied)
}
