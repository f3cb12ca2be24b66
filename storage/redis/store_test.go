package redis_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/redis"
)

func TestReplicasShareTheirData(t *testing.T) {
	url, prefix := dbtest.Redis(t)
	replicas := []*redis.Store{open(t, url, prefix), open(t, url, prefix)}

	t.Run("a burst through both gets no more than limit", func(t *testing.T) {
		for round := range 20 {
			key := fmt.Sprint("burst ", round)
			require.Equal(t, 7, wins(replicas, func(replica *redis.Store) bool {
				wait, err := allow(t.Context(), replica, key, 7, time.Hour)
				return err == nil && wait == 0
			}))
		}
	})
	t.Run("one of them gets a value", func(t *testing.T) {
		for range 20 {
			require.NoError(t, replicas[0].Put(t.Context(), "code", []byte("value"), time.Hour))
			require.Equal(t, 1, wins(replicas, func(replica *redis.Store) bool {
				value, err := replica.Take(t.Context(), "code")
				return err == nil && string(value) == "value"
			}))
		}
	})
	t.Run("one of them puts the first value", func(t *testing.T) {
		for round := range 20 {
			key := fmt.Sprint("first ", round)
			require.Equal(t, 1, wins(replicas, func(replica *redis.Store) bool {
				kept, err := replica.PutIfAbsent(t.Context(), key, nil, time.Hour)
				return err == nil && kept
			}))
		}
	})
}

// wins makes sixteen parallel calls on each replica, and counts those that return true.
func wins(replicas []*redis.Store, call func(*redis.Store) bool) int {
	const each = 16
	answers := make(chan bool, each*len(replicas))
	var running sync.WaitGroup
	for range each {
		for _, replica := range replicas {
			running.Go(func() { answers <- call(replica) })
		}
	}
	running.Wait()
	close(answers)
	won := 0
	for answer := range answers {
		if answer {
			won++
		}
	}
	return won
}

// TestFractionsOfAMillisecond uses a rate whose share is shorter than the precision of a key's lifetime.
func TestFractionsOfAMillisecond(t *testing.T) {
	url, prefix := dbtest.Redis(t)
	store := open(t, url, prefix)
	const limit, per, share = 5, 2 * time.Millisecond, 400 * time.Microsecond
	began, used := time.Now(), 0
	for range 500 {
		wait, err := allow(t.Context(), store, "key", limit, per)
		require.NoError(t, err)
		require.LessOrEqual(t, wait, share)
		if wait == 0 {
			used++
		}
	}
	require.GreaterOrEqual(t, used, limit)
	require.LessOrEqual(t, used, limit+1+int(time.Since(began)/share))
}

func TestACountExpiresWhenAllUsesAreRegained(t *testing.T) {
	url, prefix := dbtest.Redis(t)
	store, client := open(t, url, prefix), dial(t, url)
	for range 3 {
		_, err := allow(t.Context(), store, "key", 10, 10*time.Hour)
		require.NoError(t, err)
	}
	left, err := client.PTTL(t.Context(), prefix+"0{.}key").Result()
	require.NoError(t, err)
	require.InDelta(t, 3*time.Hour, left, float64(time.Minute))
	_, err = allow(t.Context(), store, "brief", 1, time.Nanosecond) // rounds up, and expires immediately
	require.NoError(t, err)
	require.Eventually(t, func() bool { return client.Exists(t.Context(), prefix+"0{.}brief").Val() == 0 },
		10*time.Second, time.Millisecond)
}

func TestASmallerLimitTakesEffect(t *testing.T) {
	url, prefix := dbtest.Redis(t)
	store := open(t, url, prefix)
	for range 100 {
		_, err := allow(t.Context(), store, "key", 100, 100*time.Hour)
		require.NoError(t, err)
	}
	wait, err := allow(t.Context(), store, "key", 2, time.Hour) // after a change of the configuration
	require.NoError(t, err)
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, 30*time.Minute)
}

func TestStoresWithDifferentPrefixesAreSeparate(t *testing.T) {
	url, prefix := dbtest.Redis(t)
	one, other := open(t, url, prefix), open(t, url, prefix+"other:")
	require.NoError(t, one.Put(t.Context(), "key", []byte("value"), time.Hour))
	requireUsed(t, one, "key")
	_, err := other.Take(t.Context(), "key")
	require.ErrorIs(t, err, identity.ErrNotFound)
	wait, err := allow(t.Context(), one, "key", 1, time.Hour)
	require.NoError(t, err)
	require.Positive(t, wait)
	requireUsed(t, other, "key")
	value, err := one.Get(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "value", string(value))

	names, err := dial(t, url).Keys(t.Context(), prefix+"*").Result()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{prefix + "{.key}v", prefix + "0{.}key", prefix + "other:0{.}key"}, names)
}

func TestRedisLosesItsData(t *testing.T) {
	server := dbtest.RestartableRedis(t) // since shared servers must not be flushed
	store, client := open(t, server.URL(), ""), dial(t, server.URL())
	for _, forget := range []func(context.Context) error{
		func(ctx context.Context) error { return client.ScriptFlush(ctx).Err() },
		func(ctx context.Context) error { return client.FlushAll(ctx).Err() },
	} {
		requireWorks(t, store)
		require.NoError(t, forget(t.Context()))
		requireWorks(t, store)
	}
	require.NoError(t, client.FlushAll(t.Context()).Err())
	_, err := store.Get(t.Context(), "the key")
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func TestStoreRejects(t *testing.T) {
	for _, prefix := range []string{"{", "}", "a{b}c"} {
		_, err := redis.Open(redis.Options{URL: "redis://127.0.0.1", KeyPrefix: prefix})
		require.Error(t, err, prefix)
	}
	store := open(t, "redis://127.0.0.1:1", "") // is never contacted
	long := strings.Repeat("k", 257)
	for name, err := range map[string]error{
		"a long key to put":      store.Put(t.Context(), long, nil, time.Hour),
		"a long value":           store.Put(t.Context(), "key", make([]byte, 64<<10+1), time.Hour),
		"no time to live":        store.Put(t.Context(), "key", nil, 0),
		"a long key to get":      second(store.Get(t.Context(), long)),
		"a long key to take":     second(store.Take(t.Context(), long)),
		"a long key to count":    second(allow(t.Context(), store, long, 1, time.Hour)),
		"no uses":                second(allow(t.Context(), store, "key", 0, time.Hour)),
		"no time for its uses":   second(allow(t.Context(), store, "key", 2, 1)),
		"no time to live, again": second(store.PutIfAbsent(t.Context(), "key", nil, -1)),
	} {
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "redis", name)
	}
}

// allow counts a use in the group "".
func allow(ctx context.Context, store *redis.Store, key string, uses int, period time.Duration) (time.Duration, error) {
	wait, _, err := store.AllowAll(ctx, "", identity.Rate{Key: key, Uses: uses, Period: period})
	return wait, err
}

func second[V any](_ V, err error) error { return err }

func requireUsed(t *testing.T, store *redis.Store, key string) {
	t.Helper()
	wait, err := allow(t.Context(), store, key, 1, time.Hour)
	require.NoError(t, err)
	require.Zero(t, wait)
}
