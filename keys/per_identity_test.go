package keys

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenPerIdentityRejectsOtherPlaces(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'))
	sealed, err := ring.SealPerIdentity("p", "i", []byte("secret"))
	require.NoError(t, err)
	again, err := ring.SealPerIdentity("p", "i", []byte("secret"))
	require.NoError(t, err)
	require.NotEqual(t, sealed, again)
	require.NotContains(t, string(sealed), "secret")
	opened, err := ring.OpenPerIdentity("p", "i", sealed)
	require.NoError(t, err)
	require.Equal(t, "secret", string(opened))
	for _, place := range [][2]string{{"p", "j"}, {"q", "i"}, {"pi", ""}, {"", "pi"}, {"i", "p"}} {
		_, err := ring.OpenPerIdentity(place[0], place[1], sealed)
		require.ErrorIs(t, err, ErrSealBroken, "%q", place)
	}
	_, err = ring.Open("p", "i", sealed)
	require.ErrorIs(t, err, ErrSealBroken, "Seal uses another subkey")
	together, err := ring.Seal("p", "i", []byte("secret"))
	require.NoError(t, err)
	_, err = ring.OpenPerIdentity("p", "i", together)
	require.ErrorIs(t, err, ErrSealBroken)
	for n := range sealed {
		changed := bytes.Clone(sealed)
		changed[n] ^= 1
		_, err := ring.OpenPerIdentity("p", "i", changed)
		require.Error(t, err)
		_, err = ring.OpenPerIdentity("p", "i", sealed[:n])
		require.Error(t, err)
	}
}

func TestOpenPerIdentityWithAnyMasterKey(t *testing.T) {
	old := newRing(t, entry("k1", 'a'))
	sealed, err := old.SealPerIdentity("p", "i", []byte("secret"))
	require.NoError(t, err)
	opened, err := newRing(t, entry("k2", 'b'), entry("k1", 'a')).OpenPerIdentity("p", "i", sealed)
	require.NoError(t, err)
	require.Equal(t, "secret", string(opened))
	_, err = newRing(t, entry("k2", 'b')).OpenPerIdentity("p", "i", sealed)
	require.ErrorIs(t, err, ErrUnknownMasterKey)
}
