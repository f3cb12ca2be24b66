package redis_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/redis"
)

// A call takes at most twice its timeout. A busy machine gets ten times that.
const (
	shortTimeout = 500 * time.Millisecond
	bound        = 10 * 2 * shortTimeout
)

func TestRedisIsKilledAndStartedAgain(t *testing.T) {
	server := dbtest.RestartableRedis(t)
	store := openWithin(t, server.URL(), "", shortTimeout)
	requireWorksSoon(t, store)
	for range 2 {
		server.Kill()
		requireFailsInTime(t, store)
		require.NoError(t, server.Start())
		requireWorksSoon(t, store)
	}
}

func TestRedisHangsAndResumes(t *testing.T) {
	server := dbtest.RestartableRedis(t)
	store := openWithin(t, server.URL(), "", shortTimeout)
	requireWorksSoon(t, store)
	require.NoError(t, server.Pause())
	requireFailsInTime(t, store)
	require.NoError(t, server.Resume())
	requireWorksSoon(t, store)
}

func TestRedisIsDownWhenAStoreIsOpened(t *testing.T) {
	server := dbtest.RestartableRedis(t)
	server.Kill()
	store := openWithin(t, server.URL(), "", shortTimeout)
	requireFailsInTime(t, store)
	require.NoError(t, server.Start())
	requireWorksSoon(t, store)
}

func TestUnresponsiveServers(t *testing.T) {
	// an address for documentation (RFC 5737): packets to it are lost or rejected on the way
	silent, nowhere := listenSilently(t), "192.0.2.1:6379"
	for name, address := range map[string]string{
		"a server that hangs":     "redis://" + silent,
		"TLS that hangs":          "rediss://" + silent,
		"a Cluster that hangs":    "redis://" + silent + "?" + silentNodes(t, 20),
		"a Sentinel that hangs":   "redis://" + silent + "?master_name=name",
		"a server nowhere":        "redis://" + nowhere,
		"a Cluster nowhere":       "redis://" + nowhere + "?addr=192.0.2.2:6379",
		"Sentinels nowhere":       "redis://" + nowhere + "?master_name=name&addr=192.0.2.2:6379",
		"a socket that is absent": "unix:///nowhere/redis.sock",
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			store, err := redis.Open(redis.Options{URL: address, Timeout: shortTimeout})
			require.NoError(t, err)
			requireFailsInTime(t, store)
			require.NoError(t, store.Close())
			require.Eventually(t, func() bool { return goleak.Find(before) == nil }, 10*time.Second,
				10*time.Millisecond, "goroutines are still running")
		})
	}
}

func TestAnOutageInTheMiddleOfABurst(t *testing.T) {
	server := dbtest.RestartableRedis(t)
	before := goleak.IgnoreCurrent()
	store, err := redis.Open(redis.Options{URL: server.URL(), Timeout: shortTimeout})
	require.NoError(t, err)
	for _, disturb := range []func(){
		func() { require.NoError(t, server.Pause()) },
		server.Kill,
	} {
		requireWorksSoon(t, store)
		began := time.Now()
		ended := make(chan time.Duration)
		const callers = 100 // more than there are connections
		for range callers {
			go func() {
				for store.Ping(context.Background()) == nil {
					continue
				}
				ended <- time.Since(began)
			}()
		}
		disturb()
		for range callers {
			require.Less(t, <-ended, bound)
		}
		server.Kill()
		require.NoError(t, server.Start())
	}
	requireWorksSoon(t, store)
	require.NoError(t, store.Close())
	server.Kill() // go-redis waits for it in a goroutine
	require.Eventually(t, func() bool { return goleak.Find(before) == nil }, 10*time.Second, 10*time.Millisecond,
		"goroutines are still running")
}

func TestTheCallersContextEndsACall(t *testing.T) {
	store := open(t, "redis://"+listenSilently(t), "")
	ctx, cancel := context.WithTimeout(t.Context(), shortTimeout)
	defer cancel()
	began := time.Now()
	_, err := store.Get(ctx, "key")
	require.Equal(t, context.DeadlineExceeded, err)
	require.Less(t, time.Since(began), longTimeout/2)
}

// listenSilently returns an address that accepts connections and never responds.
func listenSilently(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	return listener.Addr().String() // the kernel accepts the connections
}

// silentNodes returns so many nodes that trying one after another would take too long.
func silentNodes(t *testing.T, count int) string {
	t.Helper()
	nodes := url.Values{}
	for range count {
		nodes.Add("addr", listenSilently(t))
	}
	return nodes.Encode()
}

func calls(ctx context.Context, store *redis.Store) map[string]func() error {
	return map[string]func() error{
		"Ping":   func() error { return store.Ping(ctx) },
		"Put":    func() error { return store.Put(ctx, "the key", []byte("the value"), time.Hour) },
		"Get":    func() error { _, err := store.Get(ctx, "the key"); return err },
		"GetAll": func() error { _, err := store.GetAll(ctx, "the key", "the key"); return err },
		"Take":   func() error { _, err := store.Take(ctx, "the key"); return err },
		"PutIfAbsent": func() error {
			_, err := store.PutIfAbsent(ctx, "the key", []byte("the value"),
				time.Hour)
			return err
		},
		"AllowAll": func() error { _, err := allow(ctx, store, "the key", 1000, time.Hour); return err },
		"GiveBack": func() error {
			return store.GiveBack(ctx, "", identity.Rate{Key: "the key", Uses: 1000, Period: time.Hour})
		},
	}
}

// requireFailsInTime makes all calls in parallel and requires them to fail in time, with errors that look neither
// like a result nor like the end of the caller's context.
func requireFailsInTime(t *testing.T, store *redis.Store) {
	t.Helper()
	began, failed := time.Now(), map[string]chan error{}
	for name, call := range calls(t.Context(), store) {
		answered := make(chan error, 1)
		go func() { answered <- call() }()
		failed[name] = answered
	}
	for name, answered := range failed {
		err := <-answered
		require.Error(t, err, name)
		require.Less(t, time.Since(began), bound, name)
		for _, other := range []error{identity.ErrNotFound, context.Canceled, context.DeadlineExceeded} {
			require.NotErrorIs(t, err, other, name)
		}
		require.False(t, strings.Contains(err.Error(), "the key") || strings.Contains(err.Error(), "the value"), err)
	}
}

func requireWorks(t require.TestingT, store *redis.Store) {
	require.NoError(t, store.Put(context.Background(), "the key", []byte("the value"), time.Hour))
	for name, call := range calls(context.Background(), store) {
		if err := call(); name != "Get" && name != "Take" { // their result depends on the order of the calls
			require.NoError(t, err, name)
		}
	}
}

// requireWorksSoon allows for a busy machine, on which an answer may take longer than a short timeout, and for the
// second that go-redis waits between two connection attempts after many that failed.
func requireWorksSoon(t *testing.T, store *redis.Store) {
	t.Helper()
	require.EventuallyWithT(t, func(t *assert.CollectT) { requireWorks(t, store) }, time.Minute, 20*time.Millisecond)
}
