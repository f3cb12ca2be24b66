package approval_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/approval"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/memory"
)

// crowded are scans in memory, whose clock tests move.
func crowded(t *testing.T) *clocked {
	scans := &clocked{t: t, now: time.Now()}
	now := func() time.Time { return scans.now }
	scans.Scans = approval.NewScans(memory.New(memory.Options{Now: now}), now)
	return scans
}

// opens opens codes at an address until there are most, or until it is refused.
func (c *clocked) opens(most int, address string) (handles []string) {
	c.t.Helper()
	screen := screen
	screen.Address = address
	for len(handles) < most {
		handle, err := c.Open(c.t.Context(), secret, screen)
		if err != nil {
			require.ErrorIs(c.t, err, approval.ErrCrowded)
			return handles
		}
		handles = append(handles, handle)
	}
	return handles
}

// there returns how many of the codes can be scanned.
func (c *clocked) there(handles []string) (count int) {
	c.t.Helper()
	for _, handle := range handles {
		if _, err := c.Find(c.t.Context(), handle); err == nil {
			count++
		} else {
			require.ErrorIs(c.t, err, identity.ErrNotFound)
		}
	}
	return count
}

// TestAFloodOfCodesDisplacesItsOwn: 10 000 codes of 256 networks and those of an office stay, whatever one more network
// opens, and those of others that come later.
func TestAFloodOfCodesDisplacesItsOwn(t *testing.T) {
	t.Parallel()
	scans := crowded(t)
	var others []string
	for n := range 256 {
		others = append(others, scans.opens(40, fmt.Sprintf("198.18.%d.1", n))...)
	}
	others = append(others, scans.opens(200, screen.Address)...)
	require.Len(t, others, 256*40+200)

	attacker := "203.0.113.1"
	flood := append(scans.opens(20_000, attacker), scans.opens(100_000, "203.0.113.200")...)
	require.Equal(t, 60_000, len(others)+len(flood))
	last := len(flood) - 1
	_, err := scans.Claim(t.Context(), flood[last-1], phone)
	require.NoError(t, err)

	later := scans.opens(200, "2001:db8::1")
	require.Len(t, later, 200)
	require.Equal(t, len(others), scans.there(others))
	require.Equal(t, len(later), scans.there(later))
	require.Zero(t, scans.there(flood[last:]), "the newest")
	require.Equal(t, 1, scans.there(flood[last-199:]), "the one that was scanned")
	require.Equal(t, len(flood)-199, scans.there(flood))

	scans.now = scans.now.Add(approval.ScanLifetime)
	require.Empty(t, scans.opens(1, attacker), "they are still kept, in case that they are scanned at the last moment")
	scans.now = scans.now.Add(2 * approval.ScanLifetime)
	require.Len(t, scans.opens(1000, attacker), 1000)
}

// forgetful is a store that keeps nothing.
type forgetful struct{ identity.Volatile }

func (forgetful) Put(context.Context, string, []byte, time.Duration) error {
	return context.DeadlineExceeded
}

// TestCodesThatWereNotKeptTakeNoRoom, so that an outage of the store does not outlast itself.
func TestCodesThatWereNotKeptTakeNoRoom(t *testing.T) {
	t.Parallel()
	scans := newScans(t, forgetful{memory.New(memory.Options{})})
	for range 60_001 {
		_, err := scans.Open(t.Context(), secret, screen)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
}

// TestFewWaitForTheSameCode: the tabs of one browser.
func TestFewWaitForTheSameCode(t *testing.T) {
	t.Parallel()
	scans := crowded(t)
	handle := scans.open()
	was, err := scans.Find(t.Context(), handle)
	require.NoError(t, err)
	var running sync.WaitGroup
	refused := make(chan error, 100)
	for range cap(refused) {
		running.Go(func() { refused <- scans.Wait(t.Context(), handle, was) })
	}
	for range cap(refused) - 4 {
		require.ErrorIs(t, <-refused, approval.ErrCrowded)
	}
	scans.claim(handle)
	running.Wait()
	for range 4 {
		require.NoError(t, <-refused)
	}
}
