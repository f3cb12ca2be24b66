package keys

import (
	"crypto/rsa"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAClockBehindTheStores: an erased key cannot be opened, so it is gone even if the server's clock is behind. A
// stolen key must be gone everywhere, and a replica must be able to start at that moment.
func TestAClockBehindTheStores(t *testing.T) {
	for _, behind := range []time.Duration{50 * time.Millisecond, 5 * time.Minute} {
		t.Run(behind.String(), func(t *testing.T) {
			store, ring := &memoryStore{now: start}, newRing(t, entry("k1", 'a'))
			slow := pooled(func() time.Time { return store.now.Add(-behind) })
			replica, err := Open(t.Context(), store, ring, slow)
			require.NoError(t, err)
			store.now = start.Add(48 * time.Hour)
			stolen := replica.Current().signer.id
			require.NoError(t, replica.Revoke(t.Context(), stolen))
			require.NotEqual(t, stolen, replica.Current().signer.id)
			require.NotContains(t, replica.Current().publicIDs, stolen)
			for range 120 * 24 { // through all scheduled changes
				store.now = store.now.Add(time.Hour)
				require.NoError(t, replica.changeAndReload(t.Context(), planOfServers, ""))
			}
			_, err = Open(t.Context(), store, ring, slow)
			require.NoError(t, err)
		})
	}
}

// TestAClockThatIsCorrected: a key that seemed gone while the clock was ahead is valid again, without any change of
// the keys.
func TestAClockThatIsCorrected(t *testing.T) {
	store, ring := &memoryStore{now: start}, newRing(t, entry("k1", 'a'))
	var ahead time.Duration
	options := pooled(func() time.Time { return store.now.Add(ahead) })
	running, err := Open(t.Context(), store, ring, options)
	require.NoError(t, err)
	store.now = start.Add(testPolicy().Signing.Announce)
	token, err := running.Current().Sign("JWT", []byte(`{}`))
	require.NoError(t, err)
	require.NoError(t, running.Rotate(t.Context(), Signing))
	ahead = testPolicy().Signing.Retire
	require.NoError(t, running.Reload(t.Context()))
	started, err := Open(t.Context(), store, ring, options)
	require.NoError(t, err)
	for _, keeper := range []*Keeper{running, started} {
		_, err = keeper.Current().Verify(token, "JWT")
		require.ErrorIs(t, err, ErrBadToken)
	}
	ahead = 0
	for _, keeper := range []*Keeper{running, started} {
		require.NoError(t, keeper.Reload(t.Context()))
		_, err = keeper.Current().Verify(token, "JWT")
		require.NoError(t, err)
	}
	store.now = store.now.Add(testPolicy().Signing.Retire) // without any server that rotates keys
	require.NoError(t, running.Reload(t.Context()))
	_, err = running.Current().Verify(token, "JWT")
	require.ErrorIs(t, err, ErrBadToken, "the key is gone")
}

// TestAClockAheadOfTheStores generates each key only once, however often it is too early for it.
func TestAClockAheadOfTheStores(t *testing.T) {
	store, made := &memoryStore{now: start}, 0
	options := pooled(func() time.Time { return store.now.Add(5 * time.Minute) })
	fromPool := options.generateRSA
	options.generateRSA = func() (*rsa.PrivateKey, error) {
		made++
		return fromPool()
	}
	keeper, err := Open(t.Context(), store, newRing(t, entry("k1", 'a')), options)
	require.NoError(t, err)
	store.now = start.Add(testPolicy().Signing.Interval - 4*time.Minute)
	before, signer := made, keeper.Current().signer.id
	for range 200 {
		store.now = store.now.Add(2 * time.Second)
		require.NoError(t, keeper.changeAndReload(t.Context(), planOfServers, ""))
	}
	require.NotEqual(t, signer, keeper.Current().signer.id, "the interval has passed")
	require.Equal(t, 1, made-before)
}

// TestALostAnswerToACommit: keys that the store did write are not inserted again, which would always fail.
func TestALostAnswerToACommit(t *testing.T) {
	store := &memoryStore{now: start, unique: true}
	options := Options{Now: func() time.Time { return store.now }, Policy: testPolicy()} // every key is new
	keeper, err := Open(t.Context(), store, newRing(t, entry("k1", 'a')), options)
	require.NoError(t, err)
	store.now = store.now.Add(testPolicy().Signing.Interval)
	store.lost = true
	require.Error(t, keeper.changeAndReload(t.Context(), planOfServers, ""))
	store.lost = false
	for range 2 {
		before := keeper.Current().signer.id
		store.now = store.now.Add(testPolicy().Signing.Interval)
		require.NoError(t, keeper.changeAndReload(t.Context(), planOfServers, ""))
		require.NotEqual(t, before, keeper.Current().signer.id)
	}
}

// TestCommandsMakeOnlyTheRequestedChange: rotations by the policy are left to servers.
func TestCommandsMakeOnlyTheRequestedChange(t *testing.T) {
	store, ring := &memoryStore{now: start}, newRing(t, entry("k1", 'a'))
	now := func() time.Time { return store.now }
	_, err := Open(t.Context(), store, ring, pooled(now))
	require.NoError(t, err)
	store.now = start.AddDate(1, 0, 0) // all rotations are due
	before, err := store.Keys(t.Context())
	require.NoError(t, err)

	reading := Attach(store, ring, pooled(now))
	require.NoError(t, reading.Reload(t.Context()))
	_, err = Attach(store, ring, pooled(now)).Rewrap(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, store.records, "reading and resealing rotate nothing")

	require.NoError(t, Attach(store, ring, pooled(now)).Rotate(t.Context(), Refresh))
	for _, r := range store.records {
		if r.Purpose == Signing {
			require.Contains(t, before, r, "the other purpose is unchanged")
		}
	}
}

// TestAge is the time since the keys were last read and opened, whether or not they had changed.
func TestAge(t *testing.T) {
	s := newServers(t)
	s.pass(time.Minute)
	require.Equal(t, time.Minute, s.a.Age())
	require.NoError(t, s.a.Reload(t.Context()))
	require.Zero(t, s.a.Age())
	s.pass(time.Minute)
	s.store.err = errors.New("down")
	require.Error(t, s.a.Reload(t.Context()))
	require.Equal(t, time.Minute, s.a.Age())
}
