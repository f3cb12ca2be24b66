package keys

import (
	"bytes"
	"context"
	"crypto/rsa"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// pooled returns options with keys from a pool, which takes no time.
func pooled(now func() time.Time) Options {
	pool, made := []func() *rsa.PrivateKey{firstRSA, secondRSA, spareRSA, lastRSA}, 0
	return Options{Now: now, Policy: testPolicy(), generateRSA: func() (*rsa.PrivateKey, error) {
		made++
		return pool[(made-1)%len(pool)](), nil
	}}
}

// twoServers share a store and a clock.
type twoServers struct {
	store *memoryStore
	a, b  *Keeper
}

func newServers(t *testing.T) *twoServers {
	t.Helper()
	s := &twoServers{store: &memoryStore{now: start}}
	ring, options := newRing(t, entry("k1", 'a')), pooled(func() time.Time { return s.store.now })
	var err error
	s.a, err = Open(t.Context(), s.store, ring, options)
	require.NoError(t, err)
	s.b, err = Open(t.Context(), s.store, ring, options)
	require.NoError(t, err)
	return s
}

func (s *twoServers) pass(d time.Duration) { s.store.now = s.store.now.Add(d) }

// requireAgreed requires that each server accepts what the other makes now.
func (s *twoServers) requireAgreed(t *testing.T) {
	t.Helper()
	for _, pair := range [][2]*Keeper{{s.a, s.b}, {s.b, s.a}} {
		maker, checker := pair[0].Current(), pair[1].Current()
		token, err := maker.Sign("JWT", []byte(`{}`))
		require.NoError(t, err)
		_, err = checker.Verify(token, "JWT")
		require.NoError(t, err)
		mac, _ := maker.MAC(maker.SecretID(), "p")
		same, known := checker.MAC(maker.SecretID(), "p")
		require.True(t, known)
		require.Equal(t, mac, same)
		require.Contains(t, checker.SecretIDs(), maker.SecretID(), "so that a repeated sign-in is found")
	}
}

// TestServersAgreeDuringARotation, before one of them has read the change.
func TestServersAgreeDuringARotation(t *testing.T) {
	s := newServers(t)
	before := s.a.Current().signer.id
	for range 5 {
		s.pass(31 * 24 * time.Hour)
		require.NoError(t, s.b.Reload(t.Context()))
		require.NoError(t, s.a.changeAndReload(t.Context(), planOfServers, ""))
		require.NotEqual(t, s.a.Current().signer.id, s.b.Current().signer.id)
		require.NotEqual(t, before, s.a.Current().signer.id)
		before = s.a.Current().signer.id
		s.requireAgreed(t)
		require.NoError(t, s.b.Reload(t.Context()))
		require.Equal(t, s.a.Current().signer.id, s.b.Current().signer.id)
		jwksA, etagA := s.a.PublicSet()
		jwksB, etagB := s.b.PublicSet()
		require.Equal(t, string(jwksA), string(jwksB))
		require.Equal(t, etagA, etagB)
	}
}

// TestTwoServersRotateOnce although a rotation is due for both.
func TestTwoServersRotateOnce(t *testing.T) {
	s := newServers(t)
	s.pass(31 * 24 * time.Hour)
	updates := s.store.updates
	require.True(t, s.a.due())
	require.True(t, s.b.due())
	require.NoError(t, s.a.change(t.Context(), planOfServers, ""))
	require.NoError(t, s.b.change(t.Context(), planOfServers, ""))
	require.Equal(t, updates+1, s.store.updates)
	require.Len(t, s.store.records, 6, "one more of each purpose")
	require.NoError(t, s.a.Reload(t.Context()))
	require.False(t, s.a.due())
}

func TestAKeyThatIsGoneVerifiesNothingAndIsErased(t *testing.T) {
	s := newServers(t)
	old := s.a.Current()
	token, err := old.Sign("JWT", []byte(`{}`))
	require.NoError(t, err)
	require.Error(t, s.a.Revoke(t.Context(), "nobody's"))
	require.NoError(t, s.a.Revoke(t.Context(), old.signer.id))
	_, err = s.a.Current().Verify(token, "JWT")
	require.ErrorIs(t, err, ErrBadToken)
	jwks, _ := s.a.PublicSet()
	require.False(t, containsKey(t, jwks, old.signer.id))
	require.True(t, containsKey(t, jwks, s.a.Current().signer.id))
	published, _ := old.PublicSet()
	require.True(t, containsKey(t, published, s.a.Current().signer.id), "signed by a key that had been announced")
	for _, r := range s.store.records {
		require.Equal(t, r.ID == old.signer.id, len(r.Sealed) == 0)
	}
	require.NoError(t, s.b.Reload(t.Context()))
	s.requireAgreed(t)
}

func TestRotateByCommand(t *testing.T) {
	s := newServers(t)
	require.ErrorContains(t, s.a.Rotate(t.Context(), Signing), "not known everywhere")
	s.pass(24 * time.Hour)
	before := s.a.Current()
	require.NoError(t, s.a.Rotate(t.Context(), Signing))
	require.NotEqual(t, before.signer.id, s.a.Current().signer.id)
	require.Equal(t, before.SecretID(), s.a.Current().SecretID())
	require.NoError(t, s.a.Rotate(t.Context(), Refresh))
	require.NotEqual(t, before.SecretID(), s.a.Current().SecretID())
	s.requireAgreed(t)
}

// TestAStoreThatIsDownChangesNothing, and neither do keys that the server's master keys cannot open.
func TestAStoreThatIsDownChangesNothing(t *testing.T) {
	s := newServers(t)
	before := s.b.Current()
	s.store.err = errors.New("down")
	require.ErrorIs(t, s.b.Reload(t.Context()), s.store.err)
	require.Same(t, before, s.b.Current())
	s.store.err = nil
	s.a.ring = newRing(t, entry("k2", 'b'), entry("k1", 'a'))
	count, err := s.a.Rewrap(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, count)
	require.ErrorIs(t, s.b.Reload(t.Context()), ErrUnknownMasterKey)
	require.Same(t, before, s.b.Current())
	s.requireAgreed(t)
}

// TestRunMakesDueChanges, and logs each error once a minute.
func TestRunMakesDueChanges(t *testing.T) {
	secondRSA()
	spareRSA()
	lastRSA()
	synctest.Test(t, func(t *testing.T) {
		store, options := &memoryStore{live: true}, pooled(time.Now)
		options.Policy.Signing.Interval, options.Policy.Signing.Announce = time.Hour, time.Minute
		var log bytes.Buffer
		options.Logger = slog.New(slog.NewTextHandler(&log, nil))
		keeper, err := Open(t.Context(), store, newRing(t, entry("k1", 'a')), options)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			keeper.Run(ctx)
		}()
		first := keeper.Current().signer.id
		time.Sleep(time.Hour + time.Minute)
		synctest.Wait()
		require.NotEqual(t, first, keeper.Current().signer.id)
		store.mutex.Lock()
		store.err = errors.New("down")
		store.mutex.Unlock()
		time.Sleep(3 * time.Minute)
		store.mutex.Lock()
		store.err = nil
		store.damage(first)
		store.mutex.Unlock()
		time.Sleep(3 * time.Minute)
		stop()
		<-done
		for _, text := range []string{"cannot read or change the keys", "a key that is not in use is damaged"} {
			require.Contains(t, []int{3, 4}, strings.Count(log.String(), text), log.String())
		}
		require.Contains(t, log.String(), "the keys have changed")
	})
}

// TestAKeeperBeforeItReadsTheKeysHasNone, as Attach returns it.
func TestAKeeperBeforeItReadsTheKeysHasNone(t *testing.T) {
	store := &memoryStore{}
	options := Options{Now: func() time.Time { return start }}
	k := Attach(store, newRing(t, entry("k1", 'a')), options)
	jwks, etag := k.PublicSet()
	require.JSONEq(t, `{"keys":[]}`, string(jwks))
	require.NotEmpty(t, etag)
	require.Empty(t, k.Backend())
	require.Greater(t, k.Age(), 100*365*24*time.Hour, "they were never read")
}
