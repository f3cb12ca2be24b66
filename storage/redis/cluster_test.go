package redis_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/storagetest"
)

// TestConformanceOfACluster proves that every command uses one hash slot, whatever the key: a Cluster rejects all
// others, even with one node.
func TestConformanceOfACluster(t *testing.T) {
	node := dbtest.RestartableRedis(t, "--cluster-enabled", "yes")
	client := dial(t, node.URL())
	require.NoError(t, client.ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	requireEventually(t, func() bool {
		return strings.Contains(client.ClusterInfo(t.Context()).Val(),
			"cluster_state:ok")
	})
	url := node.URL() + "?addr=" + node.Address()
	opened := 0
	storagetest.RunVolatile(t, func(t *testing.T) (identity.Volatile, func(time.Duration)) {
		opened++
		prefix := fmt.Sprint("store ", opened, ":")
		return open(t, url, prefix), func(by time.Duration) { advance(t, client, prefix, by) }
	})
	t.Run("a key or group with braces uses one slot", func(t *testing.T) {
		store := open(t, url, "")
		for _, key := range []string{"", "{", "}", "{}", "}{", "a}b", "{a}b{c}", "}}", "{{a}}"} {
			rates := []identity.Rate{{Key: key, Uses: 1, Period: time.Hour}, {Key: "other", Uses: 1, Period: time.Hour}}
			for range 2 {
				wait, _, err := store.AllowAll(t.Context(), key, rates...)
				require.NoError(t, err, key)
				require.Zero(t, wait, key)
				require.NoError(t, store.GiveBack(t.Context(), key, rates...), key)
			}
			require.NoError(t, store.Put(t.Context(), key, nil, time.Hour))
			_, err := store.Take(t.Context(), key)
			require.NoError(t, err, key)
		}
	})
}

func TestTwoNodesOfACluster(t *testing.T) {
	first, second := dbtest.RestartableRedis(t, "--cluster-enabled", "yes"), dbtest.RestartableRedis(t,
		"--cluster-enabled", "yes")
	clients := []*goredis.Client{dial(t, first.URL()), dial(t, second.URL())}
	require.NoError(t, clients[0].ClusterAddSlotsRange(t.Context(), 0, 8191).Err())
	require.NoError(t, clients[1].ClusterAddSlotsRange(t.Context(), 8192, 16383).Err())
	host, port, err := net.SplitHostPort(second.Address())
	require.NoError(t, err)
	require.NoError(t, clients[0].ClusterMeet(t.Context(), host, port).Err())
	for _, client := range clients {
		requireEventually(t, func() bool {
			return strings.Contains(client.ClusterInfo(t.Context()).Val(),
				"cluster_state:ok")
		})
	}
	store := open(t, first.URL()+"?addr="+second.Address(), "")
	for n := range 50 {
		key := fmt.Sprint("key ", n)
		require.NoError(t, store.Put(t.Context(), key, []byte(key), time.Hour))
		wait, _, err := store.AllowAll(t.Context(), key, identity.Rate{Key: key, Uses: 1, Period: time.Hour})
		require.NoError(t, err)
		require.Zero(t, wait)
		value, err := store.Take(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, key, string(value))
		require.NoError(t, store.Put(t.Context(), key, nil, time.Hour))
	}
	for _, client := range clients {
		require.NotZero(t, client.DBSize(t.Context()).Val(), "both nodes have keys")
	}
}

// TestSentinels has a Sentinel return one server, and then another one.
func TestSentinels(t *testing.T) {
	first, second := dbtest.RestartableRedis(t), dbtest.RestartableRedis(t)
	sentinel := startSentinel(t, first)
	store := openWithin(t, sentinel.URL()+"?master_name=mine", "", time.Second)
	require.NoError(t, store.Put(t.Context(), "key", nil, time.Hour))
	require.NotZero(t, dial(t, first.URL()).DBSize(t.Context()).Val())

	sendTo(t, sentinel, "SENTINEL", "REMOVE", "mine")
	monitor(t, sentinel, second)
	first.Kill()
	requireWorksSoon(t, store)
	require.NoError(t, store.Put(t.Context(), "key", nil, time.Hour))
	require.NotZero(t, dial(t, second.URL()).DBSize(t.Context()).Val())
}

func startSentinel(t *testing.T, master *dbtest.RedisServer) *dbtest.RedisServer {
	t.Helper()
	configuration := filepath.Join(t.TempDir(), "sentinel.conf") // a Sentinel rewrites its configuration
	require.NoError(t, os.WriteFile(configuration, nil, 0o600))
	sentinel := dbtest.RestartableRedis(t, configuration, "--sentinel")
	monitor(t, sentinel, master)
	return sentinel
}

func monitor(t *testing.T, sentinel, master *dbtest.RedisServer) {
	t.Helper()
	host, port, err := net.SplitHostPort(master.Address())
	require.NoError(t, err)
	sendTo(t, sentinel, "SENTINEL", "MONITOR", "mine", host, port, 1)
}

func sendTo(t *testing.T, sentinel *dbtest.RedisServer, words ...any) {
	t.Helper()
	require.NoError(t, dial(t, sentinel.URL()).Do(context.WithoutCancel(t.Context()), words...).Err())
}

func requireEventually(t *testing.T, hold func() bool) {
	t.Helper()
	require.Eventually(t, hold, 30*time.Second, 50*time.Millisecond)
}
