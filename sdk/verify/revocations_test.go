package verify

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const testInterval = 5 * time.Second

// newListEnv returns a env whose verifier uses the list of revocations.
func newListEnv(t testing.TB, policy RevocationPolicy, options ...Option) *env {
	t.Helper()
	w := &env{issuer: newIssuer(t), clock: newClock()}
	w.revoke()
	w.verifier = w.verifierOf(t, append(options, WithRevocations(testInterval, policy))...)
	return w
}

// listOf returns a list of sessions with changes; nil removes a claim.
func (w *env) listOf(changes map[string]any, sessions ...string) string {
	now := w.clock.now()
	hashes := make([]string, len(sessions))
	for n, session := range sessions {
		sum := sha256.Sum256([]byte(session))
		hashes[n] = string(sum[:hashSize])
	}
	slices.Sort(hashes)
	claims := map[string]any{
		"iss": w.issuer.URL, "iat": now.Unix(), "exp": now.Unix() + 300, "seq": now.UnixMilli(),
		"sids": b64([]byte(strings.Join(hashes, ""))), "buckets": "",
	}
	for name, value := range changes {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (w *env) signedList(changes map[string]any, sessions ...string) string {
	return sign(listHeader, w.listOf(changes, sessions...), firstRSA())
}

// bucketsOf returns the entries of buckets: a bucket and a time each.
func bucketsOf(values ...int64) (all []byte) {
	for n := 0; n < len(values); n += 2 {
		all = binary.BigEndian.AppendUint16(all, uint16(values[n]))
		all = binary.BigEndian.AppendUint32(all, uint32(values[n+1]))
	}
	return all
}

// bucketOf returns the bucket of a user.
func bucketOf(user string) int64 {
	sum := sha256.Sum256([]byte(user))
	return int64(binary.BigEndian.Uint16(sum[:]))
}

const listHeader = `{"alg":"RS256","kid":"first","typ":"revocations2+jwt"}`

// revoke publishes a list of sessions.
func (w *env) revoke(sessions ...string) { w.publishList(w.signedList(nil, sessions...)) }

func (w *env) publishList(list string) { w.issuer.change(func() { w.issuer.list = list }) }

func (w *env) settleList(t *testing.T) {
	t.Helper()
	eventually(t, "the fetch of the list ends", func() bool { return w.verifier.revocations.flight.Load() == nil })
}

func requireUnavailable(t *testing.T, w *env, token string) {
	t.Helper()
	if err := w.verify(token); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrInvalidToken) {
		t.Fatal(err)
	}
}

// TestALogoutIsSeen by a verifier that makes no request for the token itself, whether or not the token is cached.
func TestALogoutIsSeen(t *testing.T) {
	for _, policy := range []RevocationPolicy{RefuseWithoutList, AcceptWithoutList} {
		w := newListEnv(t, policy)
		left, stays, service := w.token(nil), w.token(map[string]any{"sid": "s_2"}), w.token(map[string]any{"sid": nil})
		requireGood(t, w, left)
		w.revoke("s_9", "s_1", "s_0")
		requireGood(t, w, left) // within the interval the list is not fetched
		requireEqual(t, int64(1), w.issuer.listed.Load())
		w.clock.advance(2 * testInterval)
		requireRefused(t, w, left, sessionEnded)
		requireRefused(t, w, w.token(map[string]any{"jti": "another of the session"}), sessionEnded)
		requireGood(t, w, stays)
		requireGood(t, w, service)
		requireEqual(t, int64(2), w.issuer.listed.Load())
		requireEqual(t, 401, ask(w.api(), "Bearer "+left).Code)
	}
}

// TestAListThatIsFreshTakesNoLock: tokens are accepted while the only lock is held.
func TestAListThatIsFreshTakesNoLock(t *testing.T) {
	w := newListEnv(t, RefuseWithoutList)
	w.verifier.revocations.mutex.Lock()
	defer w.verifier.revocations.mutex.Unlock()
	requireGood(t, w, w.token(nil))
}

// TestTheListIsFetchedInTheBackground: between one and two intervals, callers do not wait for it.
func TestTheListIsFetchedInTheBackground(t *testing.T) {
	w := newListEnv(t, RefuseWithoutList)
	token := w.token(nil)
	hold := make(chan struct{})
	w.revoke("s_1")
	w.issuer.change(func() { w.issuer.held = hold })
	w.clock.advance(testInterval)
	requireGood(t, w, token)
	close(hold)
	w.settleList(t)
	requireRefused(t, w, token, sessionEnded)
}

// TestABucketOfTooManyEndedSessions: its users must refresh older tokens, and no other user is affected.
func TestABucketOfTooManyEndedSessions(t *testing.T) {
	w := newListEnv(t, RefuseWithoutList)
	now := w.clock.now().Unix()
	token := func(user string, issued int64) string { return w.token(map[string]any{"sub": user, "iat": issued}) }
	service := w.token(map[string]any{"sub": "u_1", "iat": now - 1, "sid": nil})
	others := make([]int64, 0, 20)
	for bucket := int64(0); bucket < 1<<16; bucket += 1 << 12 {
		others = append(others, bucket, now+1)
	}
	for name, c := range map[string]struct {
		buckets []int64
		sids    []string
		old     error
	}{
		"none":         {nil, nil, nil},
		"only its own": {[]int64{bucketOf("u_1"), now}, nil, bucketEnded},
		"the first":    {append([]int64{bucketOf("u_1"), now}, bucketOf("u_1")+1, now+1), nil, bucketEnded},
		"the last":     {append([]int64{bucketOf("u_1") - 1, now + 1}, bucketOf("u_1"), now), nil, bucketEnded},
		"not among":    {others, nil, nil},
		"and listed":   {[]int64{bucketOf("u_1"), now}, []string{"s_1"}, sessionEnded},
	} {
		t.Run(name, func(t *testing.T) {
			list := w.signedList(map[string]any{"buckets": b64(bucketsOf(c.buckets...)), "seq": now * 1000}, c.sids...)
			read, err := w.verifier.revocations.read(context.Background(), []byte(list))
			if err != nil {
				t.Fatal(err)
			}
			w.verifier.revocations.list.Store(read)
			read.readAt = w.clock.now()
			requireEqual(t, c.old, w.verify(token("u_1", now-1)))
			requireEqual(t, c.sids != nil, w.verify(token("u_1", now)) != nil)
			requireEqual(t, c.sids != nil, w.verify(token("u_2", now-1)) != nil)
			requireGood(t, w, service)
		})
	}
	requireEqual(t, true, errors.Is(bucketEnded, ErrInvalidToken))
}

// TestWithoutAList follows the policy, and an issuer that is down delays no caller.
func TestWithoutAList(t *testing.T) {
	w := newListEnv(t, RefuseWithoutList)
	lenient := w.verifierOf(t, WithRevocations(testInterval, AcceptWithoutList))
	ended, token, service := w.token(nil), w.token(map[string]any{"sid": "s_2"}), w.token(map[string]any{"sid": nil})
	w.revoke("s_1")
	w.clock.advance(2 * testInterval)
	requireRefused(t, w, ended, sessionEnded)
	_, err := lenient.Verify(context.Background(), ended)
	requireEqual(t, sessionEnded, err)
	w.publishList("")
	for range 4 {
		w.clock.advance(time.Minute)
		requireGood(t, w, token)
		requireRefused(t, w, ended, sessionEnded)
		w.settleList(t)
	}
	w.clock.advance(2 * time.Minute)
	requireUnavailable(t, w, token)
	requireUnavailable(t, w, ended)
	requireGood(t, w, service)
	requireEqual(t, 503, ask(w.api(), "Bearer "+token).Code)
	_, err = lenient.Verify(context.Background(), token)
	requireEqual(t, nil, err)
	_, err = lenient.Verify(context.Background(), ended)
	requireEqual(t, sessionEnded, err)
	w.settleList(t)
	w.revoke("s_1")
	hold := make(chan struct{})
	w.issuer.change(func() { w.issuer.held = hold })
	w.clock.advance(testInterval)
	requireUnavailable(t, w, token) // starts a fetch, and does not wait since the last one failed
	close(hold)
	w.settleList(t)
	requireGood(t, w, token)
	requireRefused(t, w, ended, sessionEnded)
}

// TestALazyStartWithoutAList starts before its issuer.
func TestALazyStartWithoutAList(t *testing.T) {
	for policy, good := range map[RevocationPolicy]bool{RefuseWithoutList: false, AcceptWithoutList: true} {
		w := &env{issuer: newIssuer(t), clock: newClock()}
		w.verifier = w.verifierOf(t, WithLazyStart(), WithRevocations(testInterval, policy))
		for range 3 {
			requireEqual(t, good, w.verify(w.token(nil)) == nil)
		}
		requireEqual(t, int64(1), w.issuer.listed.Load())
	}
}

// TestOneFailureIsForgotten: long after it, callers wait for the next list as usual.
func TestOneFailureIsForgotten(t *testing.T) {
	w := newListEnv(t, AcceptWithoutList)
	token := w.token(nil)
	w.publishList("")
	w.clock.advance(testInterval)
	requireGood(t, w, token)
	w.settleList(t)
	w.revoke("s_1")
	w.clock.advance(4 * time.Minute)
	requireRefused(t, w, token, sessionEnded)
}

// TestCallersWithOlderClocksFetchNothing: the floor applies in whatever order callers read the clock.
func TestCallersWithOlderClocksFetchNothing(t *testing.T) {
	w := newListEnv(t, RefuseWithoutList)
	before := w.clock.now().Add(-time.Nanosecond)
	for range 100 {
		w.verifier.revocations.fetch(before)
		w.verifier.keys.fetch(before)
		w.settleList(t)
		w.settle(t)
	}
	requireEqual(t, []int64{1, 1}, []int64{w.issuer.listed.Load(), w.issuer.fetched.Load()})
}

func TestNewReturnsErrorsOfRevocations(t *testing.T) {
	issuer := newIssuer(t)
	for _, option := range []Option{
		WithRevocations(0, RefuseWithoutList), WithRevocations(time.Hour, RefuseWithoutList),
		WithRevocations(testInterval, 0),
	} {
		_, err := New(context.Background(), issuer.URL, testAudience, option)
		requireEqual(t, true, err != nil && strings.Contains(err.Error(), "WithRevocations"))
	}
	issuer.metadata = keysAt(issuer, issuer.URL+"/.well-known/jwks.json")
	_, err := New(context.Background(), issuer.URL, testAudience, WithRevocations(testInterval, AcceptWithoutList))
	requireEqual(t, true, err != nil && strings.Contains(err.Error(), "revocation_list_uri"))
}

// TestListsAndTokensAtOnce is for the race detector.
func TestListsAndTokensAtOnce(t *testing.T) {
	w := newListEnv(t, AcceptWithoutList)
	var group sync.WaitGroup
	for n := range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			token := w.token(map[string]any{"sid": fmt.Sprint("s_", n), "exp": w.clock.now().Unix() + 1<<30})
			for m := range 50 {
				if err := w.verify(token); err != nil && !errors.Is(err, sessionEnded) {
					t.Error(err)
				}
				if n == 0 {
					w.clock.advance(testInterval)
					w.revoke(fmt.Sprint("s_", m%8))
				}
			}
		}()
	}
	group.Wait()
	w.settleList(t)
}
