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
	"github.com/lingpai/lingpai/storage/sql"
)

func TestConformance(t *testing.T) {
	master, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	ring, err := keys.ParseRing(master)
	require.NoError(t, err)
	conformance.Run(t, func(t *testing.T) (conformance.Stores, func(time.Duration)) {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		db, err := sql.Open(context.Background(), sql.Options{
			URL: "sqlite:" + filepath.Join(t.TempDir(), "lingpai.db") + "?synchronous=off", Ring: ring, Now: now,
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		_, err = db.MigrateUp(context.Background())
		require.NoError(t, err)
		stores := conformance.Stores{
			Users: db.Users(), Apps: db.Apps(), Clients: db.Clients(), Sessions: db.Sessions(), Events: db.Events(), Keys: db.Keys(),
		}
		return stores, func(by time.Duration) { ahead.Add(int64(by)) }
	})
}
