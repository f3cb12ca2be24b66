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

// ends is a store of sessions that ended, and nothing else.
type ends struct {
	identity.Sessions
	endings identity.Endings
	err     error
	asked   atomic.Int64
	gate    chan struct{} // opens before anybody is answered; nil: open
}

func (e *ends) Ended(_ context.Context, _ time.Duration, limit int) (identity.Endings, error) {
	e.asked.Add(1)
	if e.gate != nil {
		<-e.gate
	}
	endings := e.endings
	endings.SessionIDs = endings.SessionIDs[:min(limit, len(endings.SessionIDs))]
	return endings, e.err
}

type revocationWorld struct {
	*Revocations
	store *ends
	now   time.Time
}

func newRevocationWorld(t testing.TB) *revocationWorld {
	t.Helper()
	w := &revocationWorld{store: &ends{}, now: time.Unix(1_800_000_000, 0)}
	issuer := newIssuer(t)
	issuer.config.Sessions, issuer.config.Now = w.store, func() time.Time { return w.now }
	w.Revocations = NewRevocations(issuer)
	return w
}

// list reads the list some time later, and what it says.
func (w *revocationWorld) list(t testing.TB, later time.Duration) (body, etag string, claims revocationClaims) {
	t.Helper()
	w.now = w.now.Add(later)
	w.store.endings.ReadAt = w.now.Add(time.Hour) // the store's clock is another one
	text, etag, err := w.List(t.Context())
	require.NoError(t, err)
	segments := bytes.Split(text, []byte("."))
	payload, err := base64.RawURLEncoding.DecodeString(string(segments[1]))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(payload, &claims))
	return string(text), etag, claims
}

// TestTheListIsSignedByTheKeyInUse, a second after that has changed though the list says nothing new:
// verifiers take none by a key that was revoked.
func TestTheListIsSignedByTheKeyInUse(t *testing.T) {
	w := newRevocationWorld(t)
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

func TestTheListOfRevocationsSaysWhoLeft(t *testing.T) {
	w := newRevocationWorld(t)
	body, etag, claims := w.list(t, 0)
	require.Equal(t, revocationClaims{
		Issuer: "https://login.example.com", IssuedAt: w.now.Unix(), Expires: w.now.Add(5 * time.Minute).Unix(),
		Sequence: w.now.Add(time.Hour).UnixMilli(),
	}, claims)
	again, sameETag, _ := w.list(t, 15*time.Second)
	require.Equal(t, body, again, "it says nothing new")
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
	require.Negative(t, bytes.Compare(all[:16], all[16:32]), "in order, whoever left first")
	require.Negative(t, bytes.Compare(all[16:32], all[32:]))

	_, oldETag, _ := w.list(t, 20*time.Second)
	require.Equal(t, newETag, oldETag)
	_, renewed, later := w.list(t, 40*time.Second)
	require.NotEqual(t, newETag, renewed, "signed again before verifiers grow uneasy")
	require.Equal(t, more.Sessions, later.Sessions)
	require.Equal(t, w.now.Add(5*time.Minute).Unix(), later.Expires)
}

// TestOneReadIsForAllWhoAsk: nobody can make us read, or sign, by asking often.
func TestOneReadIsForAllWhoAsk(t *testing.T) {
	w := newRevocationWorld(t)
	synctest.Test(t, func(t *testing.T) {
		w.store.gate = make(chan struct{})
		for range 100 {
			go func() { _, _, _ = w.List(context.Background()) }()
		}
		synctest.Wait()
		require.EqualValues(t, 1, w.store.asked.Load())
		close(w.store.gate)
	})
	w.store.gate = nil
	for range 100 {
		w.list(t, 9*time.Millisecond)
	}
	require.EqualValues(t, 1, w.store.asked.Load())
	w.list(t, time.Second)
	require.EqualValues(t, 2, w.store.asked.Load())
}

// TestAListIsServedWhileItIsGood though the store is down.
func TestAListIsServedWhileItIsGood(t *testing.T) {
	w := newRevocationWorld(t)
	w.store.err = errors.New("down")
	_, _, err := w.List(t.Context())
	require.ErrorIs(t, err, w.store.err)
	w.store.err = nil
	_, _, err = w.List(t.Context())
	require.Error(t, err, "for a second nobody asks a store again that failed")
	body, _, _ := w.list(t, time.Second)
	w.store.err = errors.New("down")
	again, _, _ := w.list(t, 5*time.Minute-time.Second)
	require.Equal(t, body, again)
	asked := w.store.asked.Load()
	for range 100 {
		w.list(t, 0)
	}
	require.Equal(t, asked, w.store.asked.Load())
	w.now = w.now.Add(time.Second)
	_, _, err = w.List(t.Context())
	require.ErrorIs(t, err, w.store.err)
}

// TestAStoreThatHangsHoldsNobodyUp who can be given the last list, and nobody for longer than he waits.
func TestAStoreThatHangsHoldsNobodyUp(t *testing.T) {
	w := newRevocationWorld(t)
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
		require.EqualValues(t, 2, w.store.asked.Load(), "one waits for all")
		close(w.store.gate)
		synctest.Wait()
	})
	w.store.gate = nil
}

// TestServersAgreeOnTheETag: behind a load balancer who asks again is told that there is nothing new,
// whichever server he meets.
func TestServersAgreeOnTheETag(t *testing.T) {
	a, b := newRevocationWorld(t), newRevocationWorld(t)
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

// TestTooManyAreToldByAnInstant: the list stays below 600 KB, and leaves nobody out.
func TestTooManyAreToldByAnInstant(t *testing.T) {
	w := newRevocationWorld(t)
	for n := range maxRevocations + 5 {
		w.store.endings.SessionIDs = append(w.store.endings.SessionIDs, fmt.Sprint(n))
	}
	w.store.endings.MissingUntil = time.Unix(1_799_999_000, 500_000_000)
	body, _, claims := w.list(t, 0)
	require.Less(t, len(body), 600_000)
	require.EqualValues(t, 1_799_999_001, claims.AllBefore, "a token of that second says 1 799 999 000")
	require.Equal(t, maxRevocations*16, base64.RawURLEncoding.DecodedLen(len(claims.Sessions)))
}

// BenchmarkRevocations makes lists of sessions that are new each time.
func BenchmarkRevocations(b *testing.B) {
	for _, count := range []int{0, 100, 1000, maxRevocations} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			w := newRevocationWorld(b)
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
