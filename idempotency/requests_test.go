package idempotency_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/idempotency"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/storage/memory"
)

const aKey = "the-key-of-one-request-01"

func newRequests(t *testing.T, store identity.Volatile) *idempotency.Requests {
	t.Helper()
	master, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	ring, err := keys.ParseRing(master)
	require.NoError(t, err)
	return idempotency.New(store, ring, slog.New(slog.DiscardHandler))
}

func newRequest(t *testing.T, store identity.Volatile) *idempotency.Request {
	t.Helper()
	return newRequests(t, store).Request(aKey, "test", "a part")
}

func TestKey(t *testing.T) {
	good := strings.Repeat("k", 22)
	for _, c := range []struct {
		values []string
		want   string
		ok     bool
	}{
		{nil, "", true},
		{[]string{good}, good, true},
		{[]string{strings.Repeat("k", 128)}, strings.Repeat("k", 128), true},
		{[]string{""}, "", false},
		{[]string{good[1:]}, "", false},
		{[]string{strings.Repeat("k", 129)}, "", false},
		{[]string{good + " "}, "", false},
		{[]string{good + "é"}, "", false},
		{[]string{good, good}, "", false},
	} {
		got, err := idempotency.Key(c.values)
		require.Equal(t, c.want, got, "%q", c.values)
		require.Equal(t, c.ok, err == nil, "%q", c.values)
		if !c.ok {
			require.ErrorIs(t, err, oauth.InvalidRequest)
		}
	}
}

// TestOnceAnswersDuplicatesWithTheFirstAnswer: of twenty duplicates, the first two fail, and one of the waiting ones
// takes their place.
func TestOnceAnswersDuplicatesWithTheFirstAnswer(t *testing.T) {
	request := newRequest(t, memory.New(memory.Options{}))
	var calls atomic.Int32
	var answered atomic.Pointer[string]
	look := func() (string, bool, error) {
		if answer := answered.Load(); answer != nil {
			return *answer, true, nil
		}
		return "", false, nil
	}
	do := func() (string, error) {
		if calls.Add(1) <= 2 {
			return "", errDown
		}
		answered.Store(new("the answer"))
		return "the answer", nil
	}
	var group sync.WaitGroup
	var failed atomic.Int32
	for range 20 {
		group.Go(func() {
			answer, err := idempotency.Once(t.Context(), request, time.Minute, look, do)
			switch {
			case err != nil:
				failed.Add(1)
			case answer != "the answer":
				t.Errorf("answer %q", answer)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 2, failed.Load())
	require.EqualValues(t, 3, calls.Load())
}

var errDown = errors.New("down")

func nothing() (string, bool, error) { return "", false, nil }

// TestOnceReleasesOnlyItsOwnLock: a request that took longer than its lock lasts must not release the lock of the
// next one.
func TestOnceReleasesOnlyItsOwnLock(t *testing.T) {
	store := memory.New(memory.Options{})
	request := newRequest(t, store)
	_, err := idempotency.Once(t.Context(), request, time.Millisecond, nothing, func() (string, error) {
		for { // until the lock has expired and is another request's
			first, err := store.PutIfAbsent(t.Context(), request.Name()+"/lock", []byte{2}, time.Minute)
			if err != nil || first {
				return "", err
			}
		}
	})
	require.NoError(t, err)
	_, err = store.Get(t.Context(), request.Name()+"/lock")
	require.NoError(t, err, "the next request's lock")
}

// TestOnceWaitsForThreeSeconds: then a duplicate is told to try again, and the first request is not disturbed.
func TestOnceWaitsForThreeSeconds(t *testing.T) {
	request := newRequest(t, memory.New(memory.Options{}))
	_, err := idempotency.Once(t.Context(), request, time.Minute, nothing, func() (string, error) {
		_, err := idempotency.Once(t.Context(), request, time.Minute, nothing, func() (string, error) {
			return "", errors.New("a duplicate was processed")
		})
		return "", err
	})
	require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
}

// TestWhatIsKeptIsSealedForItsName: a value that was copied to another name cannot be read.
func TestWhatIsKeptIsSealedForItsName(t *testing.T) {
	store := memory.New(memory.Options{})
	request := newRequest(t, store)
	request.Keep(t.Context(), "number", "a phone number", time.Minute)
	sealed, err := store.Get(t.Context(), request.Name()+"/number")
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "phone")
	var got string
	require.True(t, request.Recall(t.Context(), "number", &got))
	require.Equal(t, "a phone number", got)
	require.NoError(t, store.Put(context.Background(), request.Name()+"/other", sealed, time.Minute))
	require.False(t, request.Recall(t.Context(), "other", &got))
	request.Forget(t.Context(), "number")
	require.False(t, request.Recall(t.Context(), "number", &got))
}

// TestWhatIsKeptWithoutTimeLeft: the platform answered at the last moment.
func TestWhatIsKeptWithoutTimeLeft(t *testing.T) {
	request := newRequest(t, memory.New(memory.Options{}))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	request.Keep(ended, "number", "an exchange", time.Minute)
	var got string
	require.True(t, request.Recall(t.Context(), "number", &got))
	require.Equal(t, "an exchange", got)
}

// TestRequestsAreTheSameOnlyIfAllPartsAre: another key, or another code with the same key, is another request.
func TestRequestsAreTheSameOnlyIfAllPartsAre(t *testing.T) {
	requests := newRequests(t, memory.New(memory.Options{}))
	same := requests.Request(aKey, "test", "client", "code")
	same.Keep(t.Context(), "answer", "yes", time.Minute)
	var got string
	require.True(t, requests.Request(aKey, "test", "client", "code").Recall(t.Context(), "answer", &got))
	for _, other := range []*idempotency.Request{
		requests.Request(aKey+"x", "test", "client", "code"), requests.Request(aKey, "other", "client", "code"),
		requests.Request(aKey, "test", "client", "codes"), requests.Request(aKey, "test", "client"),
	} {
		require.False(t, other.Recall(t.Context(), "answer", &got), other.Name())
	}
}

// TestNothingIsKeptWithoutAKey: each request is processed.
func TestNothingIsKeptWithoutAKey(t *testing.T) {
	request := newRequests(t, memory.New(memory.Options{})).Request("", "test", "client", "code")
	calls := 0
	for range 2 {
		_, err := idempotency.Once(t.Context(), request, time.Minute, nothing, func() (string, error) {
			calls++
			request.Keep(t.Context(), "answer", "yes", time.Minute)
			return "yes", nil
		})
		require.NoError(t, err)
	}
	require.Equal(t, 2, calls)
	var got string
	require.False(t, request.Recall(t.Context(), "answer", &got))
	request.Forget(t.Context(), "answer")
}
