package sql

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

// onDisk opens a migrated database on a disk, with the settings of production.
func onDisk(t *testing.T, disk *dbtest.Disk) *DB {
	t.Helper()
	db := reopened(t, disk)
	_, err := db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	return db
}

func reopened(t *testing.T, disk *dbtest.Disk) *DB {
	t.Helper()
	db, err := Open(t.Context(), Options{URL: "sqlite:" + filepath.Join(disk.Folder, "lingpai.db")})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// requireFault requires an error that tells the operator what to do.
func requireFault(t *testing.T, err error, found string) {
	t.Helper()
	explained, advice := Explain(err)
	require.Contains(t, explained, found, "%v", err)
	require.NotEmpty(t, advice)
	require.ErrorContains(t, err, advice, "it is in the log, too")
}

// TestAFullDisk: every kind of write says so, what was acknowledged stays, and all works again once there is space.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	disk := dbtest.SmallDisk(t)
	db := onDisk(t, disk)
	session := signIn(t, db, "alice")
	user, err := db.Users().Find(t.Context(), session.UserID)
	require.NoError(t, err)
	require.NoError(t, db.CheckWritable(t.Context()))
	disk.Fill()
	acknowledged := 0
	for _, size := range []int{100_000, 10} { // the second fills what is left of the log
		for err = nil; err == nil; acknowledged++ {
			require.Less(t, acknowledged, 10_000)
			err = db.Marks().Mark(t.Context(), fmt.Sprint(acknowledged), strings.Repeat("v", size))
		}
		acknowledged--
		requireFault(t, err, "is full")
	}
	requireFault(t, db.CheckWritable(t.Context()), "is full")
	requireFault(t, db.Users().Disable(t.Context(), user.ID), "is full")
	for _, err := range openTogether(t, db, user, newSessions(user, 3)) {
		requireFault(t, err, "is full")
	}
	_, _, err = db.Sessions().Find(t.Context(), session.ID)
	require.NoError(t, err, "what is there can be read")

	disk.Empty()
	require.NoError(t, db.CheckWritable(t.Context()))
	for _, err := range openTogether(t, db, user, newSessions(user, 3)) {
		require.NoError(t, err)
	}
	require.NoError(t, db.Users().Disable(t.Context(), user.ID))
	require.NoError(t, db.Close())
	db = reopened(t, disk)
	for n := range acknowledged {
		value, err := db.Marks().Marked(t.Context(), fmt.Sprint(n))
		require.NoError(t, err)
		require.NotEmpty(t, value, n)
	}
}

// TestADiskThatBecomesReadOnly while the database is open, as a disk with errors does.
func TestADiskThatBecomesReadOnly(t *testing.T) {
	t.Parallel()
	disk := dbtest.FailingDisk(t)
	db := onDisk(t, disk)
	session := signIn(t, db, "alice")
	require.NoError(t, db.CheckWritable(t.Context()))
	disk.Fail()
	requireFault(t, db.CheckWritable(t.Context()), "read-only")
	requireFault(t, db.Marks().Mark(t.Context(), "name", "value"), "read-only")
	_, _, err := db.Sessions().Find(t.Context(), session.ID)
	require.NoError(t, err, "what is there can be read")
}

// TestADiskThatIsReadOnly from the start.
func TestADiskThatIsReadOnly(t *testing.T) {
	t.Parallel()
	disk := dbtest.SmallDisk(t)
	require.NoError(t, onDisk(t, disk).Close())
	disk.Remount("ro")
	_, err := Open(t.Context(), Options{URL: "sqlite:" + filepath.Join(disk.Folder, "lingpai.db")})
	require.ErrorContains(t, err, "read-only")
	disk.Remount("rw")
	require.NoError(t, reopened(t, disk).CheckWritable(t.Context()))
}

func TestCheckWritableLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	path := databasePath(t)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	db := openAt(t, path, nil)
	require.NoError(t, db.CheckWritable(t.Context()), "before there are any tables")
	tables, err := db.Schema().tables(t.Context())
	require.NoError(t, err)
	require.Empty(t, tables)
	require.NoError(t, db.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.LessOrEqual(t, len(content), 4096, "no more than the header of an empty database")
}

// TestCheckWritableDisturbsNoWriter, of this process or of another.
func TestCheckWritableDisturbsNoWriter(t *testing.T) {
	t.Parallel()
	db := openMigrated(t)
	session := signIn(t, db, "alice")
	user, err := db.Users().Find(t.Context(), session.UserID)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var checks sync.WaitGroup
	for range 4 {
		checks.Go(func() {
			for ctx.Err() == nil {
				if err := db.CheckWritable(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for _, session := range newSessions(user, 50) {
		_, err := db.Sessions().Open(t.Context(), session, user.AuthEpoch, lifetimes(), 0)
		require.NoError(t, err)
	}
	stop()
	checks.Wait()

	var path string
	require.NoError(t, db.read.Raw("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path).Error)
	other := openAt(t, path, nil)
	writing := other.write.Begin()
	require.NoError(t, writing.Error)
	require.NoError(t, db.CheckWritable(t.Context()), "another process that writes shows that it can be written")
	require.NoError(t, writing.Rollback().Error)
}
