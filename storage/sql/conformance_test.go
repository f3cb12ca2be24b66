package sql_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/storage/conformance"
	"github.com/lingpai/lingpai/storage/servers"
	"github.com/lingpai/lingpai/storage/sql"
)

func TestConformanceOfSQLite(t *testing.T) {
	ring := newRing(t)
	conformance.Run(t, func(t *testing.T) (conformance.Stores, func(time.Duration)) {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		url := "sqlite:" + filepath.Join(t.TempDir(), "lingpai.db") + "?synchronous=off"
		return openStores(t, sql.Options{URL: url, Ring: ring, Now: now}), func(by time.Duration) { ahead.Add(int64(by)) }
	})
}

func TestConformanceOfPostgreSQL(t *testing.T) {
	ring := newRing(t)
	conformance.Run(t, func(t *testing.T) (conformance.Stores, func(time.Duration)) {
		url, advance := servers.MovableClock(t, servers.PostgreSQL(t))
		return openStores(t, sql.Options{URL: url, Ring: ring}), advance
	})
}

// openStores opens and migrates an empty database.
func openStores(t *testing.T, options sql.Options) conformance.Stores {
	t.Helper()
	db, err := sql.Open(context.Background(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.MigrateUp(context.Background())
	require.NoError(t, err)
	return conformance.Stores{
		Users: db.Users(), Apps: db.Apps(), Clients: db.Clients(), Sessions: db.Sessions(), Events: db.Events(), Keys: db.Keys(),
	}
}

func newRing(t *testing.T) *keys.Ring {
	t.Helper()
	master, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	ring, err := keys.ParseRing(master)
	require.NoError(t, err)
	return ring
}
