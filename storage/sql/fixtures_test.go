package sql

import (
	"crypto/sha256"
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/storage/dbtest"
)

// databasePath returns the path of a test's database.
func databasePath(t testing.TB) string { return filepath.Join(t.TempDir(), "lingpai.db") }

// openAt opens a file that need not survive a crash of the machine.
func openAt(t testing.TB, path string, ring *keys.Ring) *DB {
	t.Helper()
	db, err := Open(t.Context(), Options{URL: "sqlite:" + path + "?synchronous=off", Ring: ring})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func openMigrated(t testing.TB) *DB {
	t.Helper()
	db := openAt(t, databasePath(t), nil)
	_, err := db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	return db
}

func newRing(t testing.TB) *keys.Ring {
	t.Helper()
	master, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	ring, err := keys.ParseRing(master)
	require.NoError(t, err)
	return ring
}

// signIn creates a user and opens a session for that user.
func signIn(t testing.TB, db *DB, username string) identity.Session {
	t.Helper()
	user, err := db.Users().Create(t.Context(), username, "hash")
	require.NoError(t, err)
	session, err := db.Sessions().Open(t.Context(), newSession(user), user.AuthEpoch, lifetimes(), 0)
	require.NoError(t, err)
	return session
}

func newSession(user identity.User) identity.Session {
	return identity.Session{ID: identity.NewSessionID(), UserID: user.ID, ClientID: "client", Scope: "openid",
		AuthTime: time.Now()}
}

// newBrowserSession returns a browser session of a user whose sessions were never ended.
func newBrowserSession(userID string) identity.BrowserSession {
	id := identity.NewSessionID()
	return identity.BrowserSession{ID: id, SecretHash: sha256.Sum256([]byte(id)), UserID: userID}
}

func lifetimes() identity.Lifetimes {
	return identity.Lifetimes{Idle: 7 * 24 * time.Hour, Absolute: 90 * 24 * time.Hour}
}

// rotated returns a session as a refresh with an idempotency key writes it.
func rotated(session identity.Session) identity.Session {
	now := time.UnixMilli(time.Now().UnixMilli())
	latest := identity.Rotation{Lowest: session.Generation, Highest: session.Generation, At: now,
		KeyHash: make([]byte, identity.KeyHashSize)}
	kept := min(len(session.Rotations), identity.MaxRotations-1)
	session.Rotations = append([]identity.Rotation{latest}, session.Rotations[:kept]...)
	session.Generation++
	session.LastSeenAt, session.IdleExpiresAt = now, now.Add(time.Hour)
	return session
}

// count counts the rows of a table.
func count(t testing.TB, db *DB, table string) int64 {
	t.Helper()
	var rows int64
	require.NoError(t, db.read.Table(table).Count(&rows).Error)
	return rows
}

// TestMain runs four tests at a time unless -parallel is given: most of them wait for a server, which accepts at most
// 100 connections.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	dbtest.Run(m)
}
