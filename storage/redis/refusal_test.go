package redis_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/redis"
)

// broken starts a server with a store that cannot write, and returns how to repair it.
type broken func(t *testing.T) (server *dbtest.RedisServer, user string, repair []any)

// command sends a command that must succeed.
func command(t *testing.T, server *dbtest.RedisServer, words ...any) {
	t.Helper()
	require.NoError(t, dial(t, server.URL()).Do(t.Context(), words...).Err())
}

func noMemory(t *testing.T) (*dbtest.RedisServer, string, []any) {
	server := dbtest.RestartableRedis(t, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
	client := dial(t, server.URL())
	for _, size := range []int{100_000, 1000, 1} {
		require.Eventually(t, func() bool {
			return client.RPush(t.Context(), "filler", strings.Repeat("x", size)).Err() != nil
		}, 30*time.Second, time.Nanosecond)
	}
	return server, "", []any{"DEL", "filler"}
}

func replica(t *testing.T) (*dbtest.RedisServer, string, []any) {
	server, primary := dbtest.RestartableRedis(t), dbtest.RestartableRedis(t)
	host, port, err := net.SplitHostPort(primary.Address())
	require.NoError(t, err)
	command(t, server, "REPLICAOF", host, port)
	return server, "", []any{"REPLICAOF", "NO", "ONE"}
}

func staleReplica(t *testing.T) (*dbtest.RedisServer, string, []any) {
	server := dbtest.RestartableRedis(t, "--replica-serve-stale-data", "no")
	command(t, server, "REPLICAOF", "127.0.0.1", "1")
	return server, "", []any{"REPLICAOF", "NO", "ONE"}
}

func noReplicas(t *testing.T) (*dbtest.RedisServer, string, []any) {
	return dbtest.RestartableRedis(t, "--min-replicas-to-write", "1"), "", []any{"CONFIG", "SET",
		"min-replicas-to-write", "0"}
}

func noDisk(t *testing.T) (*dbtest.RedisServer, string, []any) {
	server := dbtest.RestartableRedis(t, "--enable-protected-configs", "yes")
	command(t, server, "CONFIG", "SET", "dir", "/proc") // where nothing can be saved
	command(t, server, "CONFIG", "SET", "save", "3600 1")
	command(t, server, "BGSAVE")
	client := dial(t, server.URL())
	requireEventually(t, func() bool {
		return strings.Contains(client.Info(t.Context(), "persistence").Val(), "rdb_last_bgsave_status:err")
	})
	return server, "", []any{"CONFIG", "SET", "stop-writes-on-bgsave-error", "no"}
}

// without returns a server with a user who lacks what a rule takes away.
func without(rule string) broken {
	return func(t *testing.T) (*dbtest.RedisServer, string, []any) {
		server := dbtest.RestartableRedis(t)
		command(t, server, "ACL", "SETUSER", "lingpai", "on", ">hidden", "~*", "+@all", rule)
		return server, "lingpai:hidden@", []any{"ACL", "SETUSER", "lingpai", "+@all", "allkeys"}
	}
}

func noPassword(t *testing.T) (*dbtest.RedisServer, string, []any) {
	server := dbtest.RestartableRedis(t)
	command(t, server, "CONFIG", "SET", "requirepass", "hidden")
	return server, "", []any{"AUTH", "hidden"}
}

// TestARedisThatRefusesWrites answers PING. The errors say what is wrong and what to do, and the same store works again
// when that is done.
func TestARedisThatRefusesWrites(t *testing.T) {
	for name, test := range map[string]struct {
		start  broken
		found  string
		advice string
	}{
		"no memory":        {noMemory, "no memory left", "maxmemory"},
		"a replica":        {replica, "read-only replica", "primary"},
		"a lonely replica": {staleReplica, "replica", "primary"},
		"no replicas":      {noReplicas, "min-replicas-to-write", "start its replicas"},
		"no disk":          {noDisk, "cannot save", "stop-writes-on-bgsave-error"},
		"may not write":    {without("-@write"), "its user may not", "SET, GET, DEL"},
		"may not count":    {without("-time"), "its user may not", "TIME"},
		"may not use keys": {without("resetkeys"), "its user may not", "redis.key_prefix"},
		"no password":      {noPassword, "requires a password", "redis.url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, user, repair := test.start(t)
			store := open(t, "redis://"+user+server.Address(), "")
			err := store.CheckWritable(t.Context())
			found, advice := redis.Explain(err)
			require.Contains(t, found, test.found, "%v", err)
			require.Contains(t, advice, test.advice)
			require.ErrorContains(t, err, found+"; "+advice, "it is in the log, too")
			require.NotContains(t, err.Error(), "hidden")
			if name == "no password" {
				return // there is nothing to repair but the URL
			}
			command(t, server, repair...)
			requireEventually(t, func() bool { return store.CheckWritable(t.Context()) == nil })
			requireWorks(t, store)
		})
	}
}

// TestTheCodesOfOlderServers, which put the code of a command in a script after its name.
func TestTheCodesOfOlderServers(t *testing.T) {
	address := startFakeServer(t, func([]string) string {
		return "-ERR Error running script (call to f_0123): @user_script:5: -OOM command not allowed"
	})
	found, _ := redis.Explain(open(t, "redis://"+address, "").CheckWritable(t.Context()))
	require.Contains(t, found, "no memory left")
	found, _ = redis.Explain(errors.New("OOM"))
	require.Empty(t, found)
}

// TestARedisThatReadsItsData is a server that answers every command so until it has finished.
func TestARedisThatReadsItsData(t *testing.T) {
	var ready atomic.Bool
	server := dbtest.RestartableRedis(t)
	behind, err := goredis.ParseURL(server.URL())
	require.NoError(t, err)
	address := startFakeServer(t, func([]string) string {
		if ready.Load() {
			return "" // the connection ends, as at a restart
		}
		return "-LOADING Redis is loading the dataset in memory"
	})
	var target atomic.Pointer[string]
	target.Store(&address)
	store := open(t, "redis://"+forwardTo(t, &target), "")
	found, _ := redis.Explain(store.CheckWritable(t.Context()))
	require.Contains(t, found, "reading its data")
	target.Store(&behind.Addr)
	ready.Store(true)
	requireEventually(t, func() bool { return store.CheckWritable(t.Context()) == nil })
}

// forwardTo returns an address that leads new connections to the current target, as a virtual address does.
func forwardTo(t *testing.T, target *atomic.Pointer[string]) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			outside, err := listener.Accept()
			if err != nil {
				return
			}
			inside, err := net.Dial("tcp", *target.Load())
			if err != nil {
				_ = outside.Close()
				continue
			}
			go pass(inside, outside)
			go pass(outside, inside)
		}
	}()
	return listener.Addr().String()
}

// TestAFailoverBehindOneAddress: the open connections lead to a server that has become a replica, and are given up.
func TestAFailoverBehindOneAddress(t *testing.T) {
	old, primary := dbtest.RestartableRedis(t), dbtest.RestartableRedis(t)
	addresses := []string{old.Address(), primary.Address()}
	var target atomic.Pointer[string]
	target.Store(&addresses[0])
	store := open(t, "redis://"+forwardTo(t, &target), "")
	const connections = 5
	together := make(chan error)
	for range connections {
		go func() { together <- store.CheckWritable(context.WithoutCancel(t.Context())) }()
	}
	for range connections {
		require.NoError(t, <-together)
	}
	host, port, err := net.SplitHostPort(primary.Address())
	require.NoError(t, err)
	command(t, old, "REPLICAOF", host, port)
	target.Store(&addresses[1])
	refused := 0
	for range 2 * connections {
		if err := store.CheckWritable(t.Context()); err != nil {
			found, _ := redis.Explain(err)
			require.Contains(t, found, "read-only replica")
			refused++
		}
	}
	require.LessOrEqual(t, refused, connections, "each connection is given up after one refusal")
	require.NoError(t, store.Put(t.Context(), "key", nil, time.Hour))
	require.NotZero(t, dial(t, primary.URL()).DBSize(t.Context()).Val())
}
