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

// held is a hasher whose hashes start and then stay until they are released, one for each receive.
type held struct {
	*Hasher
	release          chan struct{}
	running, highest atomic.Int32
	done, busy       atomic.Int32
}

func newHeld(options Options) *held {
	h := &held{Hasher: New(options), release: make(chan struct{})}
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

// flood starts n logins from one address and returns when each has been refused, waits or runs.
func (h *held) flood(t *testing.T, address string, n int) {
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

func (h *held) finish(n int) {
	for range n {
		h.release <- struct{}{}
		synctest.Wait()
	}
}

func TestFloodFromOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld(Options{MaxConcurrent: 2, MaxWaiting: 8, MaxPerAddress: 4})
		h.flood(t, "flooder", 100)
		require.EqualValues(t, 96, h.busy.Load(), "gets its share and no more")
		require.EqualValues(t, 2, h.running.Load())

		h.flood(t, "somebody else", 1)
		require.EqualValues(t, 96, h.busy.Load(), "is let in")
		h.finish(4)
		h.flood(t, "flooder", 100)
		h.finish(1)
		require.EqualValues(t, 5, h.done.Load(), "somebody else had a turn behind the share of the flooder")

		h.finish(4)
		require.EqualValues(t, 9, h.done.Load())
		require.EqualValues(t, 2, h.highest.Load())
		require.Zero(t, h.bound.inside)
		require.Empty(t, h.bound.byOwner, "no address is remembered")
	})
}

func TestFloodFromManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld(Options{MaxConcurrent: 3, MaxWaiting: 5, MaxPerAddress: 4})
		for n := range 50 {
			h.flood(t, fmt.Sprint("address ", n), 2)
		}
		require.EqualValues(t, 3, h.running.Load(), "the rest of the processors is free")
		require.EqualValues(t, 100-8, h.busy.Load(), "no more wait than may")
		h.finish(8)
		require.EqualValues(t, 8, h.done.Load())
		require.EqualValues(t, 3, h.highest.Load())
		require.Zero(t, h.bound.inside)
		require.Empty(t, h.bound.byOwner)
	})
}

func TestWhoStopsWaitingLeavesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHeld(Options{MaxConcurrent: 1, MaxWaiting: 1, MaxPerAddress: 2})
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
		require.EqualValues(t, 1, h.busy.Load(), "both the place and the share are free again")
		h.finish(2)
		require.EqualValues(t, 2, h.done.Load())
		require.Zero(t, h.bound.inside)
	})
}

func TestFailedWorkLeavesItsPlace(t *testing.T) {
	b := newBound(1, 1, 1)
	for range 3 {
		require.Panics(t, func() { _ = b.run(t.Context(), "a", func() { panic("out of memory") }) })
	}
	require.NoError(t, b.run(t.Context(), "a", func() {}))
	require.Zero(t, b.inside)
}

func TestDefaults(t *testing.T) {
	for name, options := range map[string]Options{"zero": {}, "negative": {MaxConcurrent: -1, MaxWaiting: -1,
		MaxPerAddress: -1}} {
		t.Run(name, func(t *testing.T) {
			b := New(options).bound
			require.Positive(t, cap(b.places))
			require.Equal(t, 64, b.most-cap(b.places))
			require.Equal(t, 4, b.share)
		})
	}
}
