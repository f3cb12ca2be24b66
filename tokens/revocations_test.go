package tokens

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// endedSessions is a store that has only ended sessions.
type endedSessions struct {
	identity.Sessions
	endings identity.EndedSessions
	err     error
	reads   atomic.Int64
	gate    chan struct{} // if not nil, Ended blocks until it is closed
}

func (e *endedSessions) Ended(_ context.Context, _ time.Duration, limit int) (identity.EndedSessions, error) {
	e.reads.Add(1)
	if e.gate != nil {
		<-e.gate
	}
	endings := e.endings
	endings.SessionIDs = endings.SessionIDs[:min(limit, len(endings.SessionIDs))]
	return endings, e.err
}

type revocationEnv struct {
	*Revocations
	store *endedSessions
	now   time.Time
}

func newRevocationEnv(t testing.TB) *revocationEnv {
	t.Helper()
	w := &revocationEnv{store: &endedSessions{}, now: time.Unix(1_800_000_000, 0)}
	issuer := newIssuer(t)
	issuer.config.Sessions, issuer.config.Now = w.store, func() time.Time { return w.now }
	w.Revocations = NewRevocations(issuer)
	return w
}

// list advances the clock, and returns the list and its claims.
func (w *revocationEnv) list(t testing.TB, later time.Duration) (body, etag string, claims revocationClaims) {
	t.Helper()
	w.now = w.now.Add(later)
	w.store.endings.ReadAt = w.now.Add(time.Hour) // the store's clock is ahead
	text, etag, err := w.List(t.Context())
	require.NoError(t, err)
	segments := bytes.Split(text, []byte("."))
	payload, err := base64.RawURLEncoding.DecodeString(string(segments[1]))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(payload, &claims))
	return string(text), etag, claims
}

// TestListIsSignedByTheKeyInUse checks that an unchanged list is signed again a second after the key in use has
// changed, since verifiers reject a list signed by a revoked key.
func TestListIsSignedByTheKeyInUse(t *testing.T) {
	w := newRevocationEnv(t)
	body, etag, _ := w.list(t, 0)
	w.issuer.config.Keys = newIssuer(t).config.Keys
	again, newETag, _ := w.list(t, time.Second)
	require.NotEqual(t, etag, newETag)
	require.NotEqual(t, kidOf(t, body), kidOf(t, again))
	require.Equal(t, w.issuer.config.Keys.Current().KeyID(), kidOf(t, again))
}

func kidOf(t *testing.T, token string) string {
	t.Helper()
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	require.NoError(t, err)
	var members struct{ Kid string }
	require.NoError(t, json.Unmarshal(header, &members))
	return members.Kid
}

func TestListContainsEndedSessions(t *testing.T) {
	w := newRevocationEnv(t)
	body, etag, claims := w.list(t, 0)
	require.Equal(t, revocationClaims{
		Issuer: "https://login.example.com", IssuedAt: w.now.Unix(), Expires: w.now.Add(5 * time.Minute).Unix(),
		Sequence: w.now.Add(time.Hour).UnixMilli(),
	}, claims)
	again, sameETag, _ := w.list(t, 15*time.Second)
	require.Equal(t, body, again, "the contents have not changed")
	require.Equal(t, etag, sameETag)

	w.store.endings.SessionIDs = []string{"b", "a", "c"}
	_, newETag, more := w.list(t, time.Second)
	require.NotEqual(t, etag, newETag)
	require.Greater(t, more.Sequence, claims.Sequence)
	all, err := base64.RawURLEncoding.DecodeString(more.Sessions)
	require.NoError(t, err)
	require.Len(t, all, 3*16)
	for _, id := range []string{"a", "b", "c"} {
		sum := sha256.Sum256([]byte(id))
		require.True(t, bytes.Contains(all, sum[:16]))
	}
	require.Negative(t, bytes.Compare(all[:16], all[16:32]), "sorted by hash")
	require.Negative(t, bytes.Compare(all[16:32], all[32:]))

	_, oldETag, _ := w.list(t, 20*time.Second)
	require.Equal(t, newETag, oldETag)
	_, renewed, later := w.list(t, 40*time.Second)
	require.NotEqual(t, newETag, renewed, "signed again long before it expires")
	require.Equal(t, more.Sessions, later.Sessions)
	require.Equal(t, w.now.Add(5*time.Minute).Unix(), later.Expires)
}

// TestReadsAreShared: frequent requests must not cause frequent reads or signatures.
func TestReadsAreShared(t *testing.T) {
	w := newRevocationEnv(t)
	synctest.Test(t, func(t *testing.T) {
		w.store.gate = make(chan struct{})
		for range 100 {
			go func() { _, _, _ = w.List(context.Background()) }()
		}
		synctest.Wait()
		require.EqualValues(t, 1, w.store.reads.Load())
		close(w.store.gate)
	})
	w.store.gate = nil
	for range 100 {
		w.list(t, 9*time.Millisecond)
	}
	require.EqualValues(t, 1, w.store.reads.Load())
	w.list(t, time.Second)
	require.EqualValues(t, 2, w.store.reads.Load())
}

// TestListIsReturnedUntilItExpires even if the store is down.
func TestListIsReturnedUntilItExpires(t *testing.T) {
	w := newRevocationEnv(t)
	w.store.err = errors.New("down")
	_, _, err := w.List(t.Context())
	require.ErrorIs(t, err, w.store.err)
	w.store.err = nil
	_, _, err = w.List(t.Context())
	require.Error(t, err, "a failing store is not read again for a second")
	body, _, _ := w.list(t, time.Second)
	w.store.err = errors.New("down")
	again, _, _ := w.list(t, 5*time.Minute-time.Second)
	require.Equal(t, body, again)
	reads := w.store.reads.Load()
	for range 100 {
		w.list(t, 0)
	}
	require.Equal(t, reads, w.store.reads.Load())
	w.now = w.now.Add(time.Second)
	_, _, err = w.List(t.Context())
	require.ErrorIs(t, err, w.store.err)
}

// TestHangingStore checks that callers wait only for a second if there is a last list, and otherwise until their
// context ends.
func TestHangingStore(t *testing.T) {
	w := newRevocationEnv(t)
	body, _, _ := w.list(t, 0)
	synctest.Test(t, func(t *testing.T) {
		w.store.gate = make(chan struct{})
		began := time.Now()
		again, _, _ := w.list(t, 2*time.Second)
		require.Equal(t, body, again)
		require.Equal(t, time.Second, time.Since(began))
		w.now = w.now.Add(time.Hour)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_, _, err := w.List(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualValues(t, 2, w.store.reads.Load(), "one read for all callers")
		close(w.store.gate)
		synctest.Wait()
	})
	w.store.gate = nil
}

// TestServersAgreeOnTheETag: behind a load balancer, a verifier's If-None-Match must match on every server.
func TestServersAgreeOnTheETag(t *testing.T) {
	a, b := newRevocationEnv(t), newRevocationEnv(t)
	b.issuer.config.Keys = a.issuer.config.Keys
	a.store.endings.SessionIDs = []string{"x", "y"}
	b.store.endings.SessionIDs = []string{"y", "x"}
	_, etagA, _ := a.list(t, 0)
	_, etagB, _ := b.list(t, 10*time.Second)
	require.Equal(t, etagA, etagB)
	b.store.endings.MissingUntil = time.Unix(1, 0)
	_, etagB, _ = b.list(t, time.Second)
	require.NotEqual(t, etagA, etagB)
}

// TestTooManyRevocationsSetAllBefore checks that the list stays below 600 KB and covers all sessions.
func TestTooManyRevocationsSetAllBefore(t *testing.T) {
	w := newRevocationEnv(t)
	for n := range maxRevocations + 5 {
		w.store.endings.SessionIDs = append(w.store.endings.SessionIDs, fmt.Sprint(n))
	}
	w.store.endings.MissingUntil = time.Unix(1_799_999_000, 500_000_000)
	body, _, claims := w.list(t, 0)
	require.Less(t, len(body), 600_000)
	require.EqualValues(t, 1_799_999_001, claims.AllBefore, "a token of the same second has 1799999000")
	require.Equal(t, maxRevocations*16, base64.RawURLEncoding.DecodedLen(len(claims.Sessions)))
}

// BenchmarkRevocations signs a list with new sessions each time.
func BenchmarkRevocations(b *testing.B) {
	for _, count := range []int{0, 100, 1000, maxRevocations} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			w := newRevocationEnv(b)
			for range count {
				w.store.endings.SessionIDs = append(w.store.endings.SessionIDs, identity.NewSessionID())
			}
			for b.Loop() {
				w.now = w.now.Add(2 * time.Minute)
				body, _, err := w.List(b.Context())
				require.NoError(b, err)
				b.ReportMetric(float64(len(body)), "bytes")
				require.Equal(b, 2, strings.Count(string(body[:min(len(body), 1<<20)]), "."))
			}
		})
	}
}
