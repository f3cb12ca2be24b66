package approval_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/approval"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/memory"
)

var (
	screen = approval.Screen{ClientID: "shop", Host: "shop.example.com", Address: "192.0.2.1", Device: "Firefox/150",
		Numbers: []int{42, 17, 88}}
	phone = approval.Approver{SessionID: "session-a", UserID: "alice", Epoch: 3,
		Account: identity.AccountKey{Platform: "wechat", App: "wx1", Subject: "o"}}
	other = approval.Approver{SessionID: "session-b", UserID: "bob"}
)

// clocked are scans with a clock that tests move.
type clocked struct {
	*approval.Scans
	t   *testing.T
	now time.Time
}

func newScans(t *testing.T, store identity.Volatile) *clocked {
	t.Helper()
	c := &clocked{t: t, now: time.Now()}
	c.Scans = approval.NewScans(store, func() time.Time { return c.now })
	return c
}

func (c *clocked) open() string {
	c.t.Helper()
	handle, err := c.Open(c.t.Context(), secret, screen)
	require.NoError(c.t, err)
	require.True(c.t, approval.ValidHandle(handle))
	return handle
}

func (c *clocked) decide(handle, sessionID string, status approval.Status) error {
	_, err := c.Decide(c.t.Context(), handle, sessionID, status)
	return err
}

func (c *clocked) claim(handle string) {
	c.t.Helper()
	_, err := c.Claim(c.t.Context(), handle, phone)
	require.NoError(c.t, err)
}

func TestAScan(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, store identity.Volatile) {
		scans := newScans(t, store)
		handle := scans.open()
		found, err := scans.FindFor(t.Context(), handle, secret)
		require.NoError(t, err)
		require.Equal(t, screen, found.Screen)
		require.Nil(t, found.ScannedBy)
		_, err = scans.FindFor(t.Context(), handle, []byte("another screen's"))
		require.ErrorIs(t, err, identity.ErrNotFound)
		require.ErrorIs(t, scans.decide(handle, phone.SessionID, approval.Approved), approval.ErrScanned,
			"nobody has scanned it")

		scans.claim(handle)
		scans.claim(handle) // again, as after a lost answer
		_, err = scans.Claim(t.Context(), handle, other)
		require.ErrorIs(t, err, approval.ErrScanned)
		require.ErrorIs(t, scans.decide(handle, other.SessionID, approval.Approved), approval.ErrScanned)
		require.NoError(t, scans.decide(handle, phone.SessionID, approval.Approved))
		require.NoError(t, scans.decide(handle, phone.SessionID, approval.Approved), "the same again")
		require.ErrorIs(t, scans.decide(handle, phone.SessionID, approval.Denied), approval.ErrDecided)
		_, err = scans.Claim(t.Context(), handle, phone)
		require.ErrorIs(t, err, approval.ErrDecided)
		found, err = scans.FindFor(t.Context(), handle, secret)
		require.NoError(t, err)
		require.Equal(t, approval.Approved, found.Status)
		require.Equal(t, phone, *found.ScannedBy)

		require.False(t, found.Used)
		for n, want := range []bool{true, false} {
			first, err := scans.Redeem(t.Context(), handle)
			require.NoError(t, err)
			require.Equal(t, want, first, n)
		}
		found, err = scans.Find(t.Context(), handle)
		require.NoError(t, err)
		require.True(t, found.Used)
	})
}

// TestHandlesAreNotGuessed: they are 192 random bits, in exactly the 32 characters that a mini-program code carries.
func TestHandlesAreNotGuessed(t *testing.T) {
	t.Parallel()
	scans := newScans(t, memory.New(memory.Options{}))
	handle := scans.open()
	require.Len(t, handle, 32)
	require.NotEqual(t, handle, scans.open())
	for _, text := range []string{"", handle[1:], handle + "A", handle[:31] + "=", handle[:31] + "\n",
		strings.Repeat("%", 32)} {
		require.False(t, approval.ValidHandle(text), text)
	}
	_, err := scans.Find(t.Context(), strings.Repeat("A", 32))
	require.ErrorIs(t, err, identity.ErrNotFound)
}

// TestOneOfManyPhonesScans: of any number that scan a code at once, one may decide.
func TestOneOfManyPhonesScans(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, store identity.Volatile) {
		scans := newScans(t, store)
		handle := scans.open()
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		claimed, decided := make([]error, len(names)), make([]error, len(names))
		var running sync.WaitGroup
		for n, name := range names {
			running.Go(func() {
				_, claimed[n] = scans.Claim(t.Context(), handle, approval.Approver{SessionID: name, UserID: name})
				decided[n] = scans.decide(handle, name, approval.Approved)
			})
		}
		running.Wait()
		won := ""
		for n, name := range names {
			if decided[n] == nil {
				require.Empty(t, won)
				require.NoError(t, claimed[n])
				won = name
				continue
			}
			require.ErrorIs(t, decided[n], approval.ErrScanned)
		}
		found, err := scans.Find(t.Context(), handle)
		require.NoError(t, err)
		require.Equal(t, won, found.ScannedBy.SessionID)
	})
}

// TestDecisionsAtOnce of one user who taps twice: one counts, and the other is told so.
func TestDecisionsAtOnce(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, store identity.Volatile) {
		scans := newScans(t, store)
		handle := scans.open()
		scans.claim(handle)
		statuses := []approval.Status{approval.Approved, approval.Denied}
		var decided [2]error
		var running sync.WaitGroup
		for n, status := range statuses {
			running.Go(func() { decided[n] = scans.decide(handle, phone.SessionID, status) })
		}
		running.Wait()
		found, err := scans.Find(t.Context(), handle)
		require.NoError(t, err)
		for n, status := range statuses {
			if status == found.Status {
				require.NoError(t, decided[n])
			} else {
				require.ErrorIs(t, decided[n], approval.ErrDecided)
			}
		}
	})
}

// TestScansExpire two minutes after the code was shown, or scanned, or decided.
func TestScansExpire(t *testing.T) {
	t.Parallel()
	gone := func(scans *clocked, handle string) {
		t.Helper()
		scans.now = scans.now.Add(approval.ScanLifetime - time.Second)
		_, err := scans.Find(t.Context(), handle)
		require.NoError(t, err)
		scans.now = scans.now.Add(time.Second)
		_, err = scans.Find(t.Context(), handle)
		require.ErrorIs(t, err, identity.ErrNotFound)
		_, err = scans.Claim(t.Context(), handle, phone)
		require.ErrorIs(t, err, identity.ErrNotFound)
		require.ErrorIs(t, scans.decide(handle, phone.SessionID, approval.Approved), identity.ErrNotFound)
	}
	scans := newScans(t, memory.New(memory.Options{}))
	gone(scans, scans.open())
	scanned := scans.open()
	scans.now = scans.now.Add(approval.ScanLifetime - time.Second)
	scans.claim(scanned)
	gone(scans, scanned)
	decided := scans.open()
	scans.claim(decided)
	require.NoError(t, scans.decide(decided, phone.SessionID, approval.Denied))
	gone(scans, decided)
}

// TestReports: all codes of an address that are open then become invalid, but no later ones, none that was approved,
// and none of other customers.
func TestReports(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, store identity.Volatile) {
		scans := newScans(t, store)
		before, scanned := scans.open(), scans.open()
		scans.claim(scanned)
		approved := scans.open()
		scans.claim(approved)
		require.NoError(t, scans.decide(approved, phone.SessionID, approval.Approved))
		elsewhere := scans.opens(1, "198.51.100.7")[0]
		sameHome, otherHome := scans.opens(1, "2001:db8:1:1::1")[0], scans.opens(1, "2001:db8:1:2::1")[0]
		require.NoError(t, scans.Report(t.Context(), screen.Address))
		require.NoError(t, scans.Report(t.Context(), "2001:db8:1:1::2"))
		scans.now = scans.now.Add(time.Second)
		later := scans.open()
		for handle, want := range map[string]error{before: identity.ErrNotFound, scanned: identity.ErrNotFound,
			sameHome: identity.ErrNotFound, approved: nil, elsewhere: nil, otherHome: nil, later: nil} {
			_, err := scans.Find(t.Context(), handle)
			require.ErrorIs(t, err, want)
		}
		require.ErrorIs(t, scans.decide(scanned, phone.SessionID, approval.Approved), identity.ErrNotFound)
	})
}

// recorded records the sizes of values.
type recorded struct {
	identity.Volatile
	bytes int
}

func (r *recorded) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	r.bytes += len(key) + len(value)
	return r.Volatile.Put(ctx, key, value, ttl)
}

// TestAPendingScanIsSmall however long what the browser says: at most 1 KiB.
func TestAPendingScanIsSmall(t *testing.T) {
	t.Parallel()
	store := &recorded{Volatile: memory.New(memory.Options{})}
	scans := newScans(t, store)
	long := approval.Screen{ClientID: strings.Repeat("c", 64), Host: strings.Repeat("h", 253),
		Address: "2001:db8:1111:2222:3333:4444:5555:6666", Device: strings.Repeat("d", 128), Numbers: []int{10, 20, 30}}
	_, err := scans.Open(t.Context(), secret, long)
	require.NoError(t, err)
	require.LessOrEqual(t, store.bytes, approval.MaxStored)
	long.Device = strings.Repeat("d", approval.MaxStored)
	_, err = scans.Open(t.Context(), secret, long)
	require.ErrorIs(t, err, approval.ErrTooLarge)
}

// TestWaiting: who waits learns of each step, whether this process or another one has written it.
func TestWaiting(t *testing.T) {
	t.Parallel()
	for name, replicas := range map[string]int{"one process": 1, "two": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memory.New(memory.Options{})
				here := newScans(t, store)
				there := here
				if replicas == 2 {
					there = newScans(t, store)
				}
				handle := here.open()
				was, err := here.Find(t.Context(), handle)
				require.NoError(t, err)
				for _, step := range []func(){
					func() { there.claim(handle) },
					func() { require.NoError(t, there.decide(handle, phone.SessionID, approval.Denied)) },
				} {
					woken := make(chan time.Time, 2)
					for range 2 { // the page may be open twice
						go func() { _ = here.Wait(t.Context(), handle, was); woken <- time.Now() }()
					}
					time.Sleep(10 * time.Second)
					synctest.Wait()
					require.Empty(t, woken)
					stepped := time.Now()
					step()
					for range 2 {
						require.LessOrEqual(t, (<-woken).Sub(stepped), time.Second)
					}
					was, err = here.Find(t.Context(), handle)
					require.NoError(t, err)
				}
				require.NoError(t, here.Wait(t.Context(), handle, was)) // nothing more can come
			})
		})
	}
}

// TestWaitingEnds with the caller, with the server, and leaves no goroutine: synctest fails if one is left.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scans := newScans(t, memory.New(memory.Options{}))
		handle := scans.open()
		was, err := scans.Find(t.Context(), handle)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		began := time.Now()
		require.NoError(t, scans.Wait(ctx, handle, was))
		require.Equal(t, 25*time.Second, time.Since(began))
		go func() { time.Sleep(time.Minute); scans.StopWaiting(); scans.StopWaiting() }()
		require.NoError(t, scans.Wait(t.Context(), handle, was))
		require.NoError(t, scans.Wait(t.Context(), handle, was))
		require.Equal(t, 85*time.Second, time.Since(began))
	})
}

// failing fails on demand.
type failing struct {
	identity.Volatile
	err atomic.Pointer[error]
}

func (f *failing) GetAll(ctx context.Context, keys ...string) ([][]byte, error) {
	if err := f.err.Load(); err != nil {
		return nil, *err
	}
	return f.Volatile.GetAll(ctx, keys...)
}

// TestWaitingOutlastsAnOutage of the store.
func TestWaitingOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &failing{Volatile: memory.New(memory.Options{})}
		here, there := newScans(t, store), newScans(t, store.Volatile)
		handle := here.open()
		was, err := here.Find(t.Context(), handle)
		require.NoError(t, err)
		refused := errors.New("connection refused")
		store.err.Store(&refused)
		_, err = here.Find(t.Context(), handle)
		require.ErrorIs(t, err, refused)
		woken := make(chan struct{})
		go func() { _ = here.Wait(t.Context(), handle, was); close(woken) }()
		there.claim(handle)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		select {
		case <-woken:
			require.Fail(t, "it knows what it cannot know")
		default:
		}
		store.err.Store(nil)
		<-woken
	})
}

// TestMutilatedValuesAreNoScan: what another program has written is not taken for a scan.
func TestMutilatedValuesAreNoScan(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	scans := newScans(t, store)
	handle := scans.open()
	key := identity.VolatileKey("scan", handle)
	value, err := store.Get(t.Context(), key)
	require.NoError(t, err)
	require.True(t, json.Valid(value))
	require.NotContains(t, string(value), string(secret))
	require.NoError(t, store.Put(t.Context(), key, value[1:], time.Hour))
	_, err = scans.Find(t.Context(), handle)
	require.ErrorIs(t, err, identity.ErrNotFound)
}
