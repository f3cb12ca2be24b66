package password

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// blockingHasher is a hasher whose hashes block until they are released one by one.
type blockingHasher struct {
	*Hasher
	release          chan struct{}
	running, highest atomic.Int32
	done, busy       atomic.Int32
}

func newBlockingHasher(options Options) *blockingHasher {
	h := &blockingHasher{Hasher: New(options), release: make(chan struct{})}
	h.compute = func(_ hashed, _ string, size int) []byte {
		now := h.running.Add(1)
		defer h.running.Add(-1)
		for high := h.highest.Load(); now > high && !h.highest.CompareAndSwap(high, now); high = h.highest.Load() {
		}
		<-h.release
		return make([]byte, size)
	}
	return h
}

// flood starts n sign-ins and returns when each has been rejected, waits or runs.
func (h *blockingHasher) flood(t *testing.T, caller Caller, n int) {
	for range n {
		go func() {
			switch _, _, err := h.Check(t.Context(), caller, "", "correct horse"); {
			case err == nil:
				h.done.Add(1)
			case errors.Is(err, ErrBusy):
				h.busy.Add(1)
			default:
				t.Errorf("unexpected: %v", err)
			}
		}()
	}
	synctest.Wait()
}

// one starts a sign-in and returns its outcome, which is nil as long as it waits or runs.
func (h *blockingHasher) one(t *testing.T, caller Caller) *atomic.Pointer[string] {
	var outcome atomic.Pointer[string]
	go func() {
		_, _, err := h.Check(t.Context(), caller, "", "correct horse")
		outcome.Store(new(fmt.Sprint(err)))
	}()
	synctest.Wait()
	return &outcome
}

func requireDone(t *testing.T, outcomes ...*atomic.Pointer[string]) {
	t.Helper()
	for n, outcome := range outcomes {
		require.NotNil(t, outcome.Load(), n)
		require.Equal(t, "<nil>", *outcome.Load(), n)
	}
}

func (h *blockingHasher) finish(n int) {
	for range n {
		h.release <- struct{}{}
		synctest.Wait()
	}
}

// TestFloodFromOneNetwork displaces itself: each caller from elsewhere has a place, and the next turn.
func TestFloodFromOneNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBlockingHasher(Options{MaxConcurrent: 2, MaxWaiting: 8})
		flooder := Caller{Network: "flooder"}
		h.flood(t, flooder, 100)
		require.EqualValues(t, 90, h.busy.Load(), "it may have all places that nobody else wants")
		require.EqualValues(t, 2, h.running.Load())
		first, second := h.one(t, Caller{Network: "a"}), h.one(t, Caller{Network: "b"})
		require.EqualValues(t, 92, h.busy.Load(), "the newest of the flood are displaced")
		h.flood(t, flooder, 10)
		require.EqualValues(t, 102, h.busy.Load(), "the flood displaces nobody")
		h.finish(2)
		require.EqualValues(t, 2, h.done.Load(), "running hashes are never displaced")
		h.finish(2)
		requireDone(t, first, second)
		h.finish(6)
		require.EqualValues(t, 8, h.done.Load())
		require.EqualValues(t, 2, h.highest.Load())
		h.requireEmpty(t)
	})
}

// TestNetworksTakeTurns, however many hashes of one wait.
func TestNetworksTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBlockingHasher(Options{MaxConcurrent: 1, MaxWaiting: 20})
		h.flood(t, Caller{Network: "flooder"}, 10)
		var others []*atomic.Pointer[string]
		for range 3 {
			others = append(others, h.one(t, Caller{Network: "a"}))
		}
		for n := range others {
			h.finish(2)
			if n > 0 {
				requireDone(t, others[n-1])
			}
		}
		h.finish(1)
		requireDone(t, others...)
		require.EqualValues(t, 4, h.done.Load())
		h.finish(6)
		h.requireEmpty(t)
	})
}

// TestKnownCallersGoFirst: many networks together cannot displace them.
func TestKnownCallersGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBlockingHasher(Options{MaxConcurrent: 1, MaxWaiting: 4})
		for n := range 50 {
			h.flood(t, Caller{Network: fmt.Sprint("network ", n)}, 1)
		}
		require.EqualValues(t, 45, h.busy.Load())
		known := h.one(t, Caller{Network: "home", Known: true})
		for n := range 50 {
			h.flood(t, Caller{Network: fmt.Sprint("another network ", n)}, 1)
		}
		h.finish(2)
		requireDone(t, known)
		h.finish(3)
		h.requireEmpty(t)
	})
}

// TestExpensiveHashesDoNotDelayOthers: they have one slot of their own.
func TestExpensiveHashesDoNotDelayOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBlockingHasher(Options{MaxConcurrent: 1, MaxWaiting: 4})
		costly := hashed{parameters{64 << 10, 8, 4}, make([]byte, 16), make([]byte, 32)}.String()
		for n := range 4 {
			go func() { _, _, _ = h.Check(t.Context(), Caller{Network: fmt.Sprint(n)}, costly, "correct horse") }()
		}
		synctest.Wait()
		require.EqualValues(t, 1, h.running.Load())
		h.flood(t, Caller{Network: "a"}, 1)
		require.EqualValues(t, 2, h.running.Load(), "runs beside the expensive one")
		h.finish(5)
		require.EqualValues(t, 1, h.done.Load())
		require.EqualValues(t, 2, h.highest.Load())
		h.requireEmpty(t)
	})
}

func TestWhichHashesAreExpensive(t *testing.T) {
	for encoded, expensive := range map[string]bool{
		"$2b$12$": false, "$2b$13$": true, "$2y$14$": true, "$2a$04$": false,
	} {
		want, err := parseBcrypt(encoded + strings.Repeat(".", 53))
		require.NoError(t, err)
		require.Equal(t, expensive, want.expensive(), encoded)
	}
	require.False(t, current().expensive())
	require.False(t, parameters{64 << 10, 3, 1}.expensive(), "RFC 9106's second recommendation")
	require.True(t, parameters{64 << 10, 8, 4}.expensive())
}

func (h *blockingHasher) requireEmpty(t *testing.T) {
	t.Helper()
	for _, b := range []*bound{h.bound, h.expensive} {
		require.Zero(t, b.total)
		require.Empty(t, b.queue)
		require.Empty(t, b.running, "no network is kept")
	}
}

func TestFloodFromManyNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBlockingHasher(Options{MaxConcurrent: 3, MaxWaiting: 5})
		for n := range 50 {
			h.flood(t, Caller{Network: fmt.Sprint("network ", n)}, 2)
		}
		require.EqualValues(t, 3, h.running.Load(), "no more than MaxConcurrent run")
		require.EqualValues(t, 100-8, h.busy.Load(), "no more than MaxWaiting wait")
		h.finish(8)
		require.EqualValues(t, 8, h.done.Load())
		require.EqualValues(t, 3, h.highest.Load())
		h.requireEmpty(t)
	})
}

func TestCanceledCallerReleasesItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBlockingHasher(Options{MaxConcurrent: 1, MaxWaiting: 1})
		h.flood(t, Caller{Network: "a"}, 1)
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := h.Hash(ctx, Caller{Network: "a"}, "correct horse")
			left <- err
		}()
		synctest.Wait()
		h.flood(t, Caller{Network: "a"}, 1)
		require.EqualValues(t, 1, h.busy.Load(), "full")
		cancel()
		require.ErrorIs(t, <-left, context.Canceled)
		h.flood(t, Caller{Network: "a"}, 1)
		require.EqualValues(t, 1, h.busy.Load(), "the place is free again")
		h.finish(2)
		require.EqualValues(t, 2, h.done.Load())
		h.requireEmpty(t)
	})
}

func TestPanickingWorkReleasesItsSlot(t *testing.T) {
	b := newBound(1, 1)
	for range 3 {
		require.Panics(t, func() { _ = b.run(t.Context(), Caller{}, func() { panic("out of memory") }) })
	}
	require.NoError(t, b.run(t.Context(), Caller{}, func() {}))
	require.Zero(t, b.total)
}

func TestDefaults(t *testing.T) {
	for name, options := range map[string]Options{"zero": {}, "negative": {MaxConcurrent: -1, MaxWaiting: -1}} {
		t.Run(name, func(t *testing.T) {
			b := New(options).bound
			require.Positive(t, b.most)
			require.Equal(t, 64, b.room)
		})
	}
}
