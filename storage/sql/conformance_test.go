package sql

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/memory"
	"github.com/lingpai/lingpai/storage/storagetest"
)

// TestConformanceOfSQLite reads clients and apps through the server's cache with a lifetime of an hour: a change must
// be visible at once to the server that makes it.
func TestConformanceOfSQLite(t *testing.T) {
	t.Parallel()
	ring := newRing(t)
	storagetest.Run(t, func(t *testing.T) (storagetest.Stores, func(time.Duration)) {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		url := "sqlite:" + filepath.Join(t.TempDir(), "lingpai.db") + "?synchronous=off"
		stores := openStores(t, Options{URL: url, Ring: ring, Now: now})
		stores.Clients, stores.Apps = memory.CacheClients(stores.Clients, time.Hour),
			memory.CacheApps(stores.Apps, time.Hour)
		return stores, func(by time.Duration) { ahead.Add(int64(by)) }
	})
}

// TestConformanceOfPostgreSQL runs two servers on one database. It requires that the database rejects only duplicate
// keys, deadlocks and, of imports, changes to rows that another transaction has changed: no text that cannot be stored
// may reach it.
func TestConformanceOfPostgreSQL(t *testing.T) {
	t.Parallel()
	ring := newRing(t)
	storagetest.Run(t, func(t *testing.T) (storagetest.Stores, func(time.Duration)) {
		url, clock := dbtest.MovableClock(t, migrated.Copy(t))
		proxiedURL, proxy := startProxy(t, url)
		t.Cleanup(func() { proxy.requireRefused(t, "23505", "40P01", "40001") })
		options := Options{URL: proxiedURL, Ring: ring, Connections: DefaultConnections / 2}
		stores, replica := openStores(t, options), openStores(t, options)
		stores.Replica = &replica
		return stores, clock.Move
	})
}

// TestRacesOnAServerWithAStricterDefault simulates a pooler that drops the settings of connections.
func TestRacesOnAServerWithAStricterDefault(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			storagetest.RunRaces(t, func(t *testing.T) (storagetest.Stores, func(time.Duration)) {
				database := migrated.Copy(t)
				var replicas [2]storagetest.Stores
				for n := range replicas {
					db := openURL(t, database, DefaultConnections)
					onEveryConnection(t, db, "SET default_transaction_isolation = '"+level+"'")
					replicas[n] = storesOf(db)
				}
				replicas[0].Replica = &replicas[1]
				return replicas[0], nil
			})
		})
	}
}

// openStores opens a database, and migrates it unless another server did.
func openStores(t *testing.T, options Options) storagetest.Stores {
	t.Helper()
	db, err := Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	if db.timeout > 0 {
		db.timeout = time.Minute // the test is not about speed
	}
	_, err = db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	return storesOf(db)
}

func storesOf(db *DB) storagetest.Stores {
	return storagetest.Stores{
		Users: db.Users(), Profiles: db.Profiles(), Apps: db.Apps(), Clients: db.Clients(), Sessions: db.Sessions(),
		Accounts: db.Accounts(), Entitlements: db.Entitlements(), Deletions: db.Deletions(),
		Events: db.Events(), Keys: db.Keys(),
		Merges: db.Merges(), Imports: db.Imports(), Browsers: db.BrowserSessions(), Consents: db.Consents(),
		Notices: db.LogoutNotices(), Pushes: db.Apps().Pushes(), Withdrawals: db.Deletions().Withdrawals(),
		WithdrawalNotices: db.Apps().Pushes().WithdrawalNotices(),
	}
}
