package approval_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/approval"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/memory"
	"github.com/lingpai/lingpai/storage/redis"
)

func TestMain(m *testing.M) { dbtest.Run(m) }

var (
	secret  = []byte("the secret of the device")
	request = approval.Request{ClientID: "tv", Scope: "openid profile", Resource: "https://api.example.com",
		Address: "192.0.2.1", Device: "Television/7"}
	alice = identity.SignedIn{BrowserSession: identity.BrowserSession{ID: "session-a", UserID: "alice", Epoch: 3,
		Account: identity.AccountKey{Platform: "wechat", App: "wx1", Subject: "o"}, Method: "wechat",
		AuthTime: time.UnixMilli(1_750_000_000_123).UTC()}}
	bob = identity.SignedIn{BrowserSession: identity.BrowserSession{ID: "session-b", UserID: "bob"}}
)

// onEveryStore runs a test with requests in memory and in Redis.
func onEveryStore(t *testing.T, test func(t *testing.T, store identity.Volatile)) {
	t.Run("memory", func(t *testing.T) { test(t, memory.New(memory.Options{})) })
	t.Run("redis", func(t *testing.T) {
		url, prefix := dbtest.Redis(t)
		store, err := redis.Open(redis.Options{URL: url, KeyPrefix: prefix, Timeout: 10 * time.Second})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, store.Close()) })
		test(t, store)
	})
}

func open(t *testing.T, requests *approval.Requests, handle string, secret []byte, request approval.Request) {
	t.Helper()
	interval, err := requests.Open(t.Context(), handle, secret, request)
	require.NoError(t, err)
	require.Equal(t, approval.Interval, interval)
}

func TestRequests(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, store identity.Volatile) {
		requests, others := approval.New("device", store, time.Now), approval.New("scan", store, time.Now)
		open(t, requests, "h", secret, request)
		_, err := requests.Open(t.Context(), "h", []byte("another"), request)
		require.ErrorIs(t, err, identity.ErrExists)
		_, err = others.Find(t.Context(), "h")
		require.ErrorIs(t, err, identity.ErrNotFound, "of another kind")
		_, err = requests.Poll(t.Context(), "h", []byte("another"))
		require.ErrorIs(t, err, identity.ErrNotFound)
		state, err := requests.Poll(t.Context(), "h", secret)
		require.NoError(t, err)
		require.Equal(t, request, state.Request)
		require.Equal(t, approval.Pending, state.Decision.Status)

		require.NoError(t, requests.Decide(t.Context(), "h", approval.Approve(alice)))
		require.NoError(t, requests.Decide(t.Context(), "h", approval.Approve(alice)), "the same again")
		require.ErrorIs(t, requests.Decide(t.Context(), "h", approval.Deny(alice)), approval.ErrDecided)
		require.ErrorIs(t, requests.Decide(t.Context(), "h", approval.Approve(bob)), approval.ErrDecided)
		for range 2 { // a decision is not paced
			state, err = requests.Poll(t.Context(), "h", secret)
			require.NoError(t, err)
			require.Equal(t, approval.Approved, state.Decision.Status)
			require.Equal(t, alice.BrowserSession, state.Decision.By())
		}
		require.ErrorIs(t, requests.Decide(t.Context(), "none", approval.Approve(alice)), identity.ErrNotFound)
	})
}

// TestParallelDecisions: one of them counts.
func TestParallelDecisions(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, store identity.Volatile) {
		requests := approval.New("device", store, time.Now)
		open(t, requests, "h", secret, request)
		decisions := []approval.Decision{approval.Approve(alice), approval.Deny(alice), approval.Approve(bob),
			approval.Deny(bob)}
		decided := make([]error, len(decisions))
		var running sync.WaitGroup
		for n, decision := range decisions {
			running.Go(func() { decided[n] = requests.Decide(t.Context(), "h", decision) })
		}
		running.Wait()
		state, err := requests.Find(t.Context(), "h")
		require.NoError(t, err)
		won := 0
		for n, err := range decided {
			if err == nil {
				won++
				require.Equal(t, decisions[n].Status, state.Decision.Status)
				require.Equal(t, decisions[n].UserID, state.Decision.UserID)
				continue
			}
			require.ErrorIs(t, err, approval.ErrDecided)
		}
		require.Equal(t, 1, won)
	})
}

// hooked calls a function before the next Put, once.
type hooked struct {
	identity.Volatile
	before atomic.Pointer[func()]
	fail   atomic.Bool      // the next Put
	absent func(key string) // is called before PutIfAbsent, unless it is nil
}

func (h *hooked) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if h.absent != nil {
		h.absent(key)
	}
	return h.Volatile.PutIfAbsent(ctx, key, value, ttl)
}

func (h *hooked) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if before := h.before.Swap(nil); before != nil {
		(*before)()
	}
	if h.fail.Swap(false) {
		return errors.New("unreachable")
	}
	return h.Volatile.Put(ctx, key, value, ttl)
}

// TestADecisionDuringAFastPoll is not lost, although the poll writes the request.
func TestADecisionDuringAFastPoll(t *testing.T) {
	t.Parallel()
	store := &hooked{Volatile: memory.New(memory.Options{})}
	requests := approval.New("device", store, time.Now)
	open(t, requests, "h", secret, request)
	_, err := requests.Poll(t.Context(), "h", secret)
	require.NoError(t, err)
	meanwhile := func() { require.NoError(t, requests.Decide(t.Context(), "h", approval.Approve(alice))) }
	store.before.Store(&meanwhile)
	_, err = requests.Poll(t.Context(), "h", secret)
	require.ErrorIs(t, err, approval.ErrTooFast)
	state, err := requests.Poll(t.Context(), "h", secret)
	require.NoError(t, err)
	require.Equal(t, approval.Approved, state.Decision.Status)
}

// TestADecisionThatFailedHalfway is completed by its repetition, and by any other decision, which comes too late.
func TestADecisionThatFailedHalfway(t *testing.T) {
	t.Parallel()
	for _, second := range []struct {
		decision approval.Decision
		err      error
	}{{approval.Approve(alice), nil}, {approval.Deny(alice), approval.ErrDecided},
		{approval.Approve(bob), approval.ErrDecided}} {
		store := &hooked{Volatile: memory.New(memory.Options{})}
		requests := approval.New("device", store, time.Now)
		open(t, requests, "h", secret, request)
		store.fail.Store(true)
		require.Error(t, requests.Decide(t.Context(), "h", approval.Approve(alice)))
		require.ErrorIs(t, requests.Decide(t.Context(), "h", second.decision), second.err)
		state, err := requests.Find(t.Context(), "h")
		require.NoError(t, err)
		require.Equal(t, approval.Approved, state.Decision.Status)
		require.Equal(t, alice.BrowserSession, state.Decision.By())
	}
}

// TestAHandleIsUsedAgain: a decision about an earlier request with the handle is none about this one.
func TestAHandleIsUsedAgain(t *testing.T) {
	t.Parallel()
	var clock dbtest.ProcessClock
	store := memory.New(memory.Options{Now: clock.Now})
	requests := approval.New("device", store, clock.Now)
	open(t, requests, "h", secret, request)
	clock.Move(approval.Lifetime - time.Second)
	require.NoError(t, requests.Decide(t.Context(), "h", approval.Approve(alice)))
	clock.Move(time.Second)
	_, err := requests.Poll(t.Context(), "h", secret)
	require.ErrorIs(t, err, identity.ErrNotFound)
	open(t, requests, "h", []byte("another"), request)
	state, err := requests.Poll(t.Context(), "h", []byte("another"))
	require.NoError(t, err)
	require.Equal(t, approval.Pending, state.Decision.Status)
	require.NoError(t, requests.Decide(t.Context(), "h", approval.Deny(bob)))
}

// TestAPendingRequestIsSmall counts keys and values in Redis of the largest request that is kept, which was polled.
func TestAPendingRequestIsSmall(t *testing.T) {
	t.Parallel()
	url, prefix := dbtest.Redis(t)
	store, err := redis.Open(redis.Options{URL: url, KeyPrefix: prefix, Timeout: 10 * time.Second})
	require.NoError(t, err)
	defer store.Close()
	options, err := goredis.ParseURL(url)
	require.NoError(t, err)
	client := goredis.NewClient(options)
	defer client.Close()

	var requests *approval.Requests
	large := request
	for {
		large.Scope += "s"
		requests = approval.New("device request", store, time.Now) // without a crowd
		if _, err = requests.Open(t.Context(), "BCDFGHJK", secret, large); err != nil {
			break
		}
		_, err = store.Take(t.Context(), identity.VolatileKey("device request", "BCDFGHJK"))
		require.NoError(t, err)
	}
	require.ErrorIs(t, err, approval.ErrTooLarge)
	large.Scope = strings.TrimSuffix(large.Scope, "s")
	open(t, requests, "BCDFGHJK", secret, large)
	_, err = requests.Poll(t.Context(), "BCDFGHJK", secret)
	require.NoError(t, err)
	_, err = requests.Poll(t.Context(), "BCDFGHJK", secret)
	require.ErrorIs(t, err, approval.ErrTooFast)

	names, err := client.Keys(t.Context(), prefix+"*").Result()
	require.NoError(t, err)
	require.Len(t, names, 2, "the request, and when it was polled")
	size := 0
	for _, name := range names {
		size += len(name) + int(client.StrLen(t.Context(), name).Val())
		left, err := client.PTTL(t.Context(), name).Result()
		require.NoError(t, err)
		require.Positive(t, left, "it expires")
	}
	require.LessOrEqual(t, size, approval.MaxStored)
	t.Logf("%d bytes", size)
}

// TestACrowdWaitsLonger: thousands of devices would take much of a server's time, and fewer poll as often as before.
func TestACrowdWaitsLonger(t *testing.T) {
	t.Parallel()
	var clock dbtest.ProcessClock
	requests := approval.New("device", memory.New(memory.Options{Now: clock.Now}), clock.Now)
	handle := 0
	opened := func() time.Duration {
		handle++
		interval, err := requests.Open(t.Context(), strconv.Itoa(handle), secret, request)
		require.NoError(t, err)
		return interval
	}
	for range approval.Crowd {
		require.Equal(t, approval.Interval, opened())
	}
	require.Equal(t, approval.CrowdedInterval, opened())
	_, err := requests.Poll(t.Context(), strconv.Itoa(handle), secret)
	require.NoError(t, err)
	clock.Move(approval.CrowdedInterval - 2*time.Second)
	_, err = requests.Poll(t.Context(), strconv.Itoa(handle), secret)
	require.ErrorIs(t, err, approval.ErrTooFast)
	for range approval.Crowd / 10 {
		opened()
	}
	clock.Move(approval.Lifetime)
	require.Equal(t, approval.CrowdedInterval, opened(), "about as many are still waiting")
	clock.Move(approval.Lifetime / 2)
	require.Equal(t, approval.Interval, opened())
	clock.Move(2 * approval.Lifetime)
	require.Equal(t, approval.Interval, opened())
}

// TestADecisionIsFinal, also if the store forgets only when it was made.
func TestADecisionIsFinal(t *testing.T) {
	t.Parallel()
	var decisionKey string
	store := &hooked{Volatile: memory.New(memory.Options{}), absent: func(key string) { decisionKey = key }}
	requests := approval.New("device", store, time.Now)
	open(t, requests, "h", secret, request)
	require.NoError(t, requests.Decide(t.Context(), "h", approval.Approve(alice)))
	_, err := store.Take(t.Context(), decisionKey)
	require.NoError(t, err)
	require.ErrorIs(t, requests.Decide(t.Context(), "h", approval.Deny(bob)), approval.ErrDecided)
	require.NoError(t, requests.Decide(t.Context(), "h", approval.Approve(alice)))
	state, err := requests.Find(t.Context(), "h")
	require.NoError(t, err)
	require.Equal(t, alice.BrowserSession, state.Decision.By())
}
