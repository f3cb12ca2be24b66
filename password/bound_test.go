package password

import (
	"context"
	"errors"
	"fmt"
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

// flood starts n sign-ins from one address and returns when each has been rejected, waits or runs.
func (h *blockingHasher) flood(t *testing.T, address string, n int) {
	for range n {
		go func() {
			switch _, _, err := h.Check(t.Context(), address, "", "correct horse"); {
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

func (h *blockingHasher) finish(n int) {
	for range n {
		h.release <- struct{}{}
		synctest.Wait()
	}
}

func TestFloodFromOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBlockingHasher(Options{MaxConcurrent: 2, MaxWaiting: 8, MaxPerAddress: 4})
		h.flood(t, "flooder", 100)
		require.EqualValues(t, 96, h.busy.Load(), "one address gets only its share")
		require.EqualValues(t, 2, h.running.Load())

		h.flood(t, "another address", 1)
		require.EqualValues(t, 96, h.busy.Load(), "another address gets a slot")
		h.finish(4)
		h.flood(t, "flooder", 100)
		h.finish(1)
		require.EqualValues(t, 5, h.done.Load(), "another address had its turn after the flooder's share")

		h.finish(4)
		require.EqualValues(t, 9, h.done.Load())
		require.EqualValues(t, 2, h.highest.Load())
		require.Zero(t, h.bound.total)
		require.Empty(t, h.bound.byAddress, "no address is kept")
	})
}

func TestFloodFromManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBlockingHasher(Options{MaxConcurrent: 3, MaxWaiting: 5, MaxPerAddress: 4})
		for n := range 50 {
			h.flood(t, fmt.Sprint("address ", n), 2)
		}
		require.EqualValues(t, 3, h.running.Load(), "no more than MaxConcurrent run")
		require.EqualValues(t, 100-8, h.busy.Load(), "no more than MaxWaiting wait")
		h.finish(8)
		require.EqualValues(t, 8, h.done.Load())
		require.EqualValues(t, 3, h.highest.Load())
		require.Zero(t, h.bound.total)
		require.Empty(t, h.bound.byAddress)
	})
}

func TestCanceledCallerReleasesItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBlockingHasher(Options{MaxConcurrent: 1, MaxWaiting: 1, MaxPerAddress: 2})
		h.flood(t, "a", 1)
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := h.Hash(ctx, "a", "correct horse")
			left <- err
		}()
		synctest.Wait()
		h.flood(t, "b", 1)
		require.EqualValues(t, 1, h.busy.Load(), "full")
		cancel()
		require.ErrorIs(t, <-left, context.Canceled)
		h.flood(t, "a", 1)
		require.EqualValues(t, 1, h.busy.Load(), "both the slot and the share are free again")
		h.finish(2)
		require.EqualValues(t, 2, h.done.Load())
		require.Zero(t, h.bound.total)
	})
}

func TestPanickingWorkReleasesItsSlot(t *testing.T) {
	b := newBound(1, 1, 1)
	for range 3 {
		require.Panics(t, func() { _ = b.run(t.Context(), "a", func() { panic("out of memory") }) })
	}
	require.NoError(t, b.run(t.Context(), "a", func() {}))
	require.Zero(t, b.total)
}

func TestDefaults(t *testing.T) {
	for name, options := range map[string]Options{"zero": {}, "negative": {MaxConcurrent: -1, MaxWaiting: -1,
		MaxPerAddress: -1}} {
		t.Run(name, func(t *testing.T) {
			b := New(options).bound
			require.Positive(t, cap(b.slots))
			require.Equal(t, 64, b.most-cap(b.slots))
			require.Equal(t, 4, b.share)
		})
	}
}
