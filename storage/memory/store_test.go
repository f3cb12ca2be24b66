package memory_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/memory"
	"github.com/lingpai/lingpai/storage/storagetest"
)

// clock is a clock that moves only when it is advanced.
type clock struct {
	mutex sync.Mutex
	now   time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *clock) Advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(by)
}

func TestConformance(t *testing.T) {
	storagetest.RunVolatile(t, func(*testing.T) (identity.Volatile, func(time.Duration)) {
		clock := newClock()
		return memory.New(memory.Options{Now: clock.Now}), clock.Advance
	})
}

func TestFullStore(t *testing.T) {
	const room = 10
	full := func(t *testing.T) (*memory.Store, *clock) {
		clock := newClock()
		store := memory.New(memory.Options{Now: clock.Now, MaxEntries: room})
		for n := range room {
			require.NoError(t, store.Put(t.Context(), fmt.Sprint("value ", n), []byte{1}, time.Hour))
		}
		return store, clock
	}

	t.Run("drops the least recently written value", func(t *testing.T) {
		store, _ := full(t)
		require.NoError(t, store.Put(t.Context(), "value 0", []byte{2}, time.Minute)) // written again
		require.NoError(t, store.Put(t.Context(), "one more", []byte{1}, time.Second))
		requireGone(t, store, "value 1")
		requireKept(t, store, "value 0", "value 2", "one more")
	})
	t.Run("drops expired values before others", func(t *testing.T) {
		store, clock := full(t)
		require.NoError(t, store.Put(t.Context(), "value 9", []byte{1}, time.Second))
		clock.Advance(time.Second)
		require.NoError(t, store.Put(t.Context(), "one more", []byte{1}, time.Hour))
		requireGone(t, store, "value 9")
		requireKept(t, store, "value 0", "one more")
	})
	t.Run("counts a long value more than once", func(t *testing.T) {
		store, _ := full(t)
		require.NoError(t, store.Put(t.Context(), "long", make([]byte, 3<<10), time.Hour))
		requireGone(t, store, "value 0", "value 1", "value 2", "value 3")
		requireKept(t, store, "value 4", "long")
	})
	t.Run("keeps a value that is longer than the whole store", func(t *testing.T) {
		store, _ := full(t)
		require.NoError(t, store.Put(t.Context(), "long", make([]byte, 64<<10), time.Hour))
		requireGone(t, store, "value 9")
		requireKept(t, store, "long")
	})
	t.Run("keeps the rate with the most uses", func(t *testing.T) {
		store, _ := full(t)
		for range 5 {
			requireAllowed(t, store, "under attack")
		}
		for n := range 10 * room {
			requireAllowed(t, store, fmt.Sprint("flood ", n))
		}
		wait, err := allow(t, store, "under attack", 5, time.Hour)
		require.NoError(t, err)
		require.Positive(t, wait)
	})
	t.Run("does not let rates displace values", func(t *testing.T) {
		store, _ := full(t)
		for n := range 10 * room {
			requireAllowed(t, store, fmt.Sprint("flood ", n))
		}
		requireKept(t, store, "value 0", "value 9")
	})
}

func TestStoreStaysBounded(t *testing.T) {
	store := memory.New(memory.Options{MaxEntries: 1000})
	before := heapInUse()
	for n := range 50_000 {
		require.NoError(t, store.Put(t.Context(), fmt.Sprint("value ", n), make([]byte, 1000), time.Hour))
		requireAllowed(t, store, fmt.Sprint("rate ", n))
	}
	require.Less(t, heapInUse()-before, int64(8<<20))
	runtime.KeepAlive(store)
}

func TestStoreRejects(t *testing.T) {
	store := memory.New(memory.Options{})
	long := strings.Repeat("k", 257)
	_, err := allow(t, store, long, 1, time.Hour)
	require.Error(t, err)
	_, err = allow(t, store, "key", 0, time.Hour)
	require.Error(t, err)
	_, err = allow(t, store, "key", 1, 0)
	require.Error(t, err)
	require.Error(t, store.Put(t.Context(), "key", nil, 0))
}

func allow(t *testing.T, store *memory.Store, key string, uses int, period time.Duration) (time.Duration, error) {
	wait, _, err := store.AllowAll(t.Context(), "", identity.Rate{Key: key, Uses: uses, Period: period})
	return wait, err
}

func requireAllowed(t *testing.T, store *memory.Store, key string) {
	t.Helper()
	wait, err := allow(t, store, key, 5, time.Hour)
	require.NoError(t, err)
	require.Zero(t, wait)
}

func requireKept(t *testing.T, store *memory.Store, keys ...string) {
	t.Helper()
	for _, key := range keys {
		_, err := store.Get(t.Context(), key)
		require.NoError(t, err, key)
	}
}

func requireGone(t *testing.T, store *memory.Store, keys ...string) {
	t.Helper()
	for _, key := range keys {
		_, err := store.Get(t.Context(), key)
		require.ErrorIs(t, err, identity.ErrNotFound, key)
	}
}

func heapInUse() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
