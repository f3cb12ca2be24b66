package sql

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
)

func TestEveryConnectionHasItsSettings(t *testing.T) {
	for option, synchronous := range map[string]string{"": "2", "?synchronous=off": "0"} { // 2 is FULL
		db, err := Open(t.Context(), Options{URL: "sqlite:" + databasePath(t) + option})
		require.NoError(t, err)
		for _, pool := range []*gorm.DB{db.write, db.read} {
			requirePragmas(t, pool, map[string]string{
				"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000", "synchronous": synchronous,
			})
		}
		require.NoError(t, db.Close())
	}
}

// requirePragmas checks every connection of a pool.
func requirePragmas(t *testing.T, pool *gorm.DB, want map[string]string) {
	t.Helper()
	raw, err := pool.DB()
	require.NoError(t, err)
	for range raw.Stats().MaxOpenConnections {
		connection, err := raw.Conn(t.Context())
		require.NoError(t, err)
		defer connection.Close() // at the end, so that each round gets another connection
		for pragma, value := range want {
			var got string
			require.NoError(t, connection.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			require.Equal(t, value, got, pragma)
		}
	}
}

func TestOneConnectionWritesAndSeveralRead(t *testing.T) {
	db := openMigrated(t)
	writers, err := db.write.DB()
	require.NoError(t, err)
	require.Equal(t, 1, writers.Stats().MaxOpenConnections)
	readers, err := db.read.DB()
	require.NoError(t, err)
	require.Greater(t, readers.Stats().MaxOpenConnections, 1)

	session := signIn(t, db, "alice")
	writing := db.write.Begin()
	require.NoError(t, writing.Exec("UPDATE sessions SET device = 'other'").Error)
	_, _, err = db.Sessions().Find(t.Context(), session.ID)
	require.NoError(t, err, "readers do not wait for writers")
	require.NoError(t, db.Ping(t.Context()))
	require.NoError(t, writing.Rollback().Error)
}

// TestFilesAreTheOwnersOnly migrates first, so that SQLite's side files exist too.
func TestFilesAreTheOwnersOnly(t *testing.T) {
	path := databasePath(t)
	db := openAt(t, path, nil)
	_, err := db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{path, path + "-wal", path + "-shm"}, files)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
	}
}

func TestInvalidURLsAreRejected(t *testing.T) {
	folder := t.TempDir()
	noDatabase := filepath.Join(folder, "text.db")
	require.NoError(t, os.WriteFile(noDatabase, []byte(strings.Repeat("this is a text ", 100)), 0o600))
	for _, url := range []string{
		"", "sqlite", "sqlite:", "sqlite::memory:", "postgres://lingpai:hunter2@localhost/lingpai", "lingpai:hunter2",
		"sqlite:" + databasePath(t) + "?synchronous=hunter2", "sqlite:" + databasePath(t) + "?password=hunter2",
		"sqlite:" + filepath.Join(folder, "missing", "lingpai.db"), "sqlite:" + folder, "sqlite:" + noDatabase,
	} {
		_, err := Open(t.Context(), Options{URL: url})
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.NoFileExists(t, filepath.Join(folder, "missing"))
}

// TestPathsOfOtherProgramsAreRejected: SQLAlchemy, Rails and others write the path of a database differently. The names
// are those of files that such a URL must not create.
func TestPathsOfOtherProgramsAreRejected(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("~", 0o700))
	require.NoError(t, os.Mkdir("folder", 0o700))
	folder, err := os.Getwd()
	require.NoError(t, err)
	for _, url := range []string{
		"sqlite:/" + folder + "/x.db", "sqlite://" + folder + "/x.db", "sqlite:///" + folder + "/x.db", "sqlite:~/x.db",
		"sqlite:~x.db", "sqlite:file:x.db", "sqlite:folder/", "sqlite: x.db", "sqlite:x.db ", "sqlite3:x.db",
		"file:x.db", "x.db",
	} {
		for _, err := range []error{CheckURL(url), errorOf(Open(t.Context(), Options{URL: url}))} {
			require.ErrorContains(t, err, "sqlite:lingpai.db", url)
			require.ErrorContains(t, err, "sqlite:/var/lib/lingpai/lingpai.db", url)
		}
	}
	_, err = Open(t.Context(), Options{URL: "sqlite:folder"})
	require.ErrorContains(t, err, "directory")
	var files []string
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		files = append(files, path)
		return err
	}))
	require.Equal(t, []string{".", "folder", "~"}, files, "nothing is created")
}

func TestRelativePathsAreRelativeToTheWorkingFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	openAt(t, "lingpai.db", nil)
	require.FileExists(t, "lingpai.db")
}

// TestFullDiskFailsWritesAndRecovers fills the file up to a limit that SQLite enforces, and lifts the limit again.
func TestFullDiskFailsWritesAndRecovers(t *testing.T) {
	db := openMigrated(t)
	session := signIn(t, db, "alice")
	require.NoError(t, db.write.Exec("PRAGMA max_page_count = 1").Error) // the limit cannot be below the present size
	var failure error
	for n := 0; n < 1000 && failure == nil; n++ {
		failure = db.Marks().Mark(t.Context(), strings.Repeat("n", n), strings.Repeat("v", 1000))
	}
	require.ErrorContains(t, failure, "full")
	_, _, err := db.Sessions().Find(t.Context(), session.ID)
	require.NoError(t, err, "existing rows can be read")
	require.NoError(t, db.write.Exec("PRAGMA max_page_count = 1000000").Error)
	require.NoError(t, db.Users().Disable(t.Context(), session.UserID), "transactions")
	require.NoError(t, db.Marks().Mark(t.Context(), "name", "value"), "and single statements")
}
