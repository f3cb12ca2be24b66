package keys

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// damage flips the last bit of the sealed keys.
func (s *memoryStore) damage(ids ...string) {
	for n, r := range s.records {
		if slices.Contains(ids, r.ID) {
			s.records[n].Sealed = append(slices.Clone(r.Sealed[:len(r.Sealed)-1]), r.Sealed[len(r.Sealed)-1]^1)
		}
	}
}

// TestDamagedKeysCanBeRevoked, one after the other, and then servers can start again. A ring that does not open the
// other keys cannot revoke them.
func TestDamagedKeysCanBeRevoked(t *testing.T) {
	for name, rotate := range map[string]bool{"retired": true, "in use": false} {
		t.Run(name, func(t *testing.T) {
			s := newServers(t)
			ring, options := newRing(t, entry("k1", 'a')), pooled(func() time.Time { return s.store.now })
			s.pass(testPolicy().Signing.Announce)
			signer, secret := s.a.Current().KeyID(), hex.EncodeToString(s.a.Current().secretIDs[0][:])
			if rotate {
				require.NoError(t, s.a.Rotate(t.Context(), Signing))
				require.NoError(t, s.a.Rotate(t.Context(), Refresh))
			}
			s.store.damage(signer, secret)
			_, err := Open(t.Context(), s.store, ring, options)
			require.Equal(t, !rotate, errors.Is(err, ErrSealBroken))
			stranger := Attach(s.store, newRing(t, entry("k1", 'b')), options)
			require.ErrorIs(t, stranger.Revoke(t.Context(), signer), ErrSealBroken)
			command := Attach(s.store, ring, options)
			if !rotate {
				require.ErrorIs(t, command.Rotate(t.Context(), Signing), ErrSealBroken)
			}
			require.NoError(t, command.Revoke(t.Context(), signer))
			require.NoError(t, command.Revoke(t.Context(), secret))
			_, err = Open(t.Context(), s.store, ring, options)
			require.NoError(t, err)
		})
	}
}

// TestADamagedKeyIsNotPutIntoUse: otherwise no server could start, and running ones would still use the stolen key.
func TestADamagedKeyIsNotPutIntoUse(t *testing.T) {
	s := newServers(t)
	s.pass(testPolicy().Signing.Announce)
	stolen := s.a.Current().KeyID()
	next := newSuccession(Signing, s.store.now, testPolicy().Signing, s.store.records).next().ID
	s.store.damage(next)
	damaged := slices.Clone(s.store.records)
	options := Options{Now: func() time.Time { return s.store.now }, Policy: testPolicy()} // each key is another one
	command := Attach(s.store, newRing(t, entry("k1", 'a')), options)
	require.ErrorContains(t, command.Revoke(t.Context(), stolen), "revoke it first")
	require.Equal(t, damaged, s.store.records)
	require.NoError(t, command.Revoke(t.Context(), next))
	require.NoError(t, command.Revoke(t.Context(), stolen))
	for _, server := range []*Keeper{s.a, s.b} {
		require.NoError(t, server.Reload(t.Context()))
		require.NotContains(t, []string{stolen, next}, server.Current().KeyID())
	}
}

// TestARevokedKeyGoesWithoutTheMasterKey: a server that lacks the master key of others stops using a revoked key. It
// uses the next key if it can open that, and otherwise signs nothing until it has the master key.
func TestARevokedKeyGoesWithoutTheMasterKey(t *testing.T) {
	s := newServers(t)
	s.pass(testPolicy().Signing.Announce)
	stolen := s.b.Current().KeyID()
	token, err := s.b.Current().Sign("JWT", []byte(`{}`))
	require.NoError(t, err)
	kept, known := s.b.Current().MAC(s.b.Current().SecretID(), "p")
	require.True(t, known)
	both := newRing(t, entry("k2", 'b'), entry("k1", 'a'))
	// each key is another one
	command := Attach(s.store, both, Options{Now: func() time.Time { return s.store.now }, Policy: testPolicy()})
	require.NoError(t, command.Revoke(t.Context(), stolen))
	require.ErrorIs(t, s.b.Reload(t.Context()), ErrUnknownMasterKey)
	next := s.b.Current().KeyID()
	require.NotContains(t, []string{stolen, ""}, next, "it uses the announced key")
	signed, err := s.b.Current().Sign("JWT", []byte(`{}`))
	require.NoError(t, err)
	_, err = s.b.Current().Verify(signed, "JWT")
	require.NoError(t, err)
	require.NoError(t, command.Revoke(t.Context(), next))
	for range 2 {
		require.ErrorIs(t, s.b.Reload(t.Context()), ErrUnknownMasterKey)
		set := s.b.Current()
		require.Empty(t, set.KeyID())
		require.Empty(t, set.Backend())
		_, err = set.Verify(token, "JWT")
		require.ErrorIs(t, err, ErrBadToken)
		_, err = set.Sign("JWT", []byte(`{}`))
		require.ErrorIs(t, err, errNoSigner)
		jwks, _ := set.PublicSet()
		require.NotContains(t, string(jwks), stolen)
		again, _ := set.MAC(set.SecretID(), "p")
		require.Equal(t, kept, again, "refresh tokens are not affected")
	}
	s.a.ring, s.b.ring = both, both // both restart
	require.NoError(t, s.a.Reload(t.Context()))
	require.NoError(t, s.b.Reload(t.Context()))
	s.requireAgreed(t)
}

// TestNothingIsForgottenByAClock that is ahead while not all keys can be opened: a key could not be added again when
// the clock is corrected.
func TestNothingIsForgottenByAClock(t *testing.T) {
	s := newServers(t)
	s.pass(testPolicy().Signing.Announce)
	token, err := s.b.Current().Sign("JWT", []byte(`{}`))
	require.NoError(t, err)
	require.NoError(t, s.a.Rotate(t.Context(), Signing))
	require.NoError(t, s.b.Reload(t.Context()))
	s.store.damage(s.a.Current().KeyID())
	s.pass(testPolicy().Signing.Retire)
	require.ErrorIs(t, s.b.Reload(t.Context()), ErrSealBroken)
	_, err = s.b.Current().Verify(token, "JWT")
	require.NoError(t, err)
}

// TestNoRefreshSecretIsLeft: then nothing is signed either.
func TestNoRefreshSecretIsLeft(t *testing.T) {
	none, err := newTestSet(t).without(func(string) bool { return true })
	require.NoError(t, err)
	require.JSONEq(t, `{"keys":[]}`, string(none.jwks))
	less, err := newTestSet(t).without(func(id string) bool { return len(id) == 2*secretIDSize })
	require.NoError(t, err)
	_, known := less.MAC(less.SecretID(), "p")
	require.False(t, known)
	_, err = less.Sign("JWT", []byte(`{}`))
	require.ErrorIs(t, err, errNoSigner)
}

// TestAServerSignsOnlyWithPublishedKeys, since verifiers know no others: a server that lacks a master key may be able
// to open a later key, but still publishes the old set.
func TestAServerSignsOnlyWithPublishedKeys(t *testing.T) {
	s := newServers(t)
	s.pass(testPolicy().Signing.Announce)
	options := Options{Now: func() time.Time { return s.store.now }, Policy: testPolicy()} // each key is another one
	next := func(purpose Purpose) string {
		return newSuccession(purpose, s.store.now, testPolicy().of(purpose), s.store.records).next().ID
	}
	ours := Attach(s.store, newRing(t, entry("k1", 'a'), entry("k2", 'b')), options)
	theirs := Attach(s.store, newRing(t, entry("k2", 'b'), entry("k1", 'a')), options)
	require.NoError(t, theirs.Revoke(t.Context(), next(Refresh))) // b cannot open its successor
	require.NoError(t, ours.Revoke(t.Context(), next(Signing)))   // b can open its successor
	require.ErrorIs(t, s.b.Reload(t.Context()), ErrUnknownMasterKey)
	require.NoError(t, ours.Revoke(t.Context(), s.b.Current().KeyID()))
	require.ErrorIs(t, s.b.Reload(t.Context()), ErrUnknownMasterKey)
	require.Empty(t, s.b.Current().KeyID())
	_, err := s.b.Current().Sign("at+jwt", []byte("{}"))
	require.ErrorIs(t, err, errNoSigner)
}
