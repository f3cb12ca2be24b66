package tokens

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	if len(e.endings.SessionIDs) > limit {
		return identity.EndedSessions{}, errors.New("more than the limit")
	}
	return e.endings, e.err
}

type revocationEnv struct {
	*Revocations
	store *endedSessions
	now   time.Time
	ahead time.Duration // of the store's clock
}

func newRevocationEnv(t testing.TB) *revocationEnv {
	t.Helper()
	w := &revocationEnv{store: &endedSessions{}, now: time.Unix(1_800_000_000, 0), ahead: time.Hour}
	issuer := newIssuer(t)
	issuer.config.Sessions, issuer.config.Now = w.store, func() time.Time { return w.now }
	w.Revocations = NewRevocations(issuer)
	return w
}

// list advances the clock, and returns the list and its claims.
func (w *revocationEnv) list(t testing.TB, later time.Duration) (body, etag string, claims revocationClaims) {
	t.Helper()
	w.now = w.now.Add(later)
	w.store.endings.ReadAt = w.now.Add(w.ahead)
	list, err := w.List(t.Context())
	require.NoError(t, err)
	segments := bytes.Split(list.Body, []byte("."))
	payload, err := base64.RawURLEncoding.DecodeString(string(segments[1]))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(payload, &claims))
	return string(list.Body), list.ETag, claims
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

	w.store.endings.SessionIDs = []string{"b", "a", "c", "b"}
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
			go func() { _, _ = w.List(context.Background()) }()
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
	_, err := w.List(t.Context())
	require.ErrorIs(t, err, w.store.err)
	w.store.err = nil
	_, err = w.List(t.Context())
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
	_, err = w.List(t.Context())
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
		_, err := w.List(ctx)
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
	b.store.endings.Buckets = []identity.EndedBucket{{Bucket: 1, At: time.Unix(1, 0)}}
	_, etagB, _ = b.list(t, time.Second)
	require.NotEqual(t, etagA, etagB)
}

// TestListContainsBuckets checks the encoding, and that a token of the second in which a session ended counts as older.
func TestListContainsBuckets(t *testing.T) {
	w := newRevocationEnv(t)
	_, etag, claims := w.list(t, 0)
	require.Empty(t, claims.Buckets)
	w.store.endings.Buckets = []identity.EndedBucket{
		{Bucket: 0x0102, At: time.Unix(0x6b49d1ff, 500_000_000)}, {Bucket: 0xfffe, At: time.Unix(0x6b49d200, 0)}}
	_, newETag, claims := w.list(t, time.Second)
	require.NotEqual(t, etag, newETag)
	all, err := base64.RawURLEncoding.DecodeString(claims.Buckets)
	require.NoError(t, err)
	require.Equal(t, "01026b49d200fffe6b49d201", hex.EncodeToString(all))
}

// largestList fills a list with everything that it can have.
func (w *revocationEnv) largestList(sessions int) {
	for range sessions {
		w.store.endings.SessionIDs = append(w.store.endings.SessionIDs, identity.NewSessionID())
	}
	if sessions < maxRevocations {
		return
	}
	for bucket := range 1 << 16 {
		w.store.endings.Buckets = append(w.store.endings.Buckets, identity.EndedBucket{Bucket: uint16(bucket),
			At: w.now.Add(-time.Duration(bucket) * time.Second / 20)})
	}
}

func TestLargestListIsBounded(t *testing.T) {
	w := newRevocationEnv(t)
	w.largestList(maxRevocations)
	body, _, _ := w.list(t, 0)
	require.Less(t, len(body), 1_300_000)
	gzipped := w.latest.Load().Gzipped
	require.Less(t, len(gzipped), len(body)*4/5)
	reader, err := gzip.NewReader(bytes.NewReader(gzipped))
	require.NoError(t, err)
	plain, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, body, string(plain))
}

// TestSequenceNeverGoesBack if the store's clock was set back: verifiers reject lists with a lower sequence. It counts
// on at the speed of the server's clock, so servers stay together.
func TestSequenceNeverGoesBack(t *testing.T) {
	w := newRevocationEnv(t)
	_, _, before := w.list(t, 0)
	w.ahead = -time.Hour
	w.store.endings.SessionIDs = []string{"a"}
	_, _, after := w.list(t, 2*time.Second)
	require.NotEqual(t, before.Sessions, after.Sessions)
	require.Equal(t, before.Sequence+2000, after.Sequence)
	w.store.endings.SessionIDs = []string{"b"}
	_, _, again := w.list(t, 3*time.Second)
	require.Equal(t, after.Sequence+3000, again.Sequence)
	w.ahead = time.Hour
	w.store.endings.SessionIDs = []string{"c"}
	_, _, restored := w.list(t, time.Second)
	require.Equal(t, w.now.Add(time.Hour).UnixMilli(), restored.Sequence)
}

// TestAnExpensiveListIsReadLessOften: so reading takes a fifth of the time at most.
func TestAnExpensiveListIsReadLessOften(t *testing.T) {
	w := newRevocationEnv(t)
	synctest.Test(t, func(t *testing.T) {
		w.store.gate = make(chan struct{})
		time.AfterFunc(2*time.Second, func() { close(w.store.gate) })
		w.list(t, 0)
	})
	w.list(t, 7*time.Second)
	require.EqualValues(t, 1, w.store.reads.Load())
	w.store.gate = nil
	w.list(t, time.Second)
	require.EqualValues(t, 2, w.store.reads.Load())
	w.list(t, time.Second)
	require.EqualValues(t, 3, w.store.reads.Load())
}

// BenchmarkRevocations signs a list each time. The last one also has all buckets.
func BenchmarkRevocations(b *testing.B) {
	for _, count := range []int{0, 100, 1000, maxRevocations - 1, maxRevocations} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			w := newRevocationEnv(b)
			w.largestList(count)
			for b.Loop() {
				w.now = w.now.Add(2 * time.Minute)
				list, err := w.List(b.Context())
				require.NoError(b, err)
				b.ReportMetric(float64(len(list.Body)), "bytes")
				b.ReportMetric(float64(len(list.Gzipped)), "gzipped-bytes")
			}
		})
	}
}
