package keys

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValueSealedAloneOpensOnlyInItsPlace(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'))
	sealed, err := ring.SealAlone("p", "i", []byte("secret"))
	require.NoError(t, err)
	again, err := ring.SealAlone("p", "i", []byte("secret"))
	require.NoError(t, err)
	require.NotEqual(t, sealed, again)
	require.NotContains(t, string(sealed), "secret")
	opened, err := ring.OpenAlone("p", "i", sealed)
	require.NoError(t, err)
	require.Equal(t, "secret", string(opened))
	for _, place := range [][2]string{{"p", "j"}, {"q", "i"}, {"pi", ""}, {"", "pi"}, {"i", "p"}} {
		_, err := ring.OpenAlone(place[0], place[1], sealed)
		require.ErrorIs(t, err, ErrSealBroken, "%q", place)
	}
	_, err = ring.Open("p", "i", sealed)
	require.ErrorIs(t, err, ErrSealBroken, "Seal uses another subkey")
	together, err := ring.Seal("p", "i", []byte("secret"))
	require.NoError(t, err)
	_, err = ring.OpenAlone("p", "i", together)
	require.ErrorIs(t, err, ErrSealBroken)
	for n := range sealed {
		changed := bytes.Clone(sealed)
		changed[n] ^= 1
		_, err := ring.OpenAlone("p", "i", changed)
		require.Error(t, err)
		_, err = ring.OpenAlone("p", "i", sealed[:n])
		require.Error(t, err)
	}
}

func TestValueSealedAloneOpensWithAnyMasterKey(t *testing.T) {
	old := newRing(t, entry("k1", 'a'))
	sealed, err := old.SealAlone("p", "i", []byte("secret"))
	require.NoError(t, err)
	opened, err := newRing(t, entry("k2", 'b'), entry("k1", 'a')).OpenAlone("p", "i", sealed)
	require.NoError(t, err)
	require.Equal(t, "secret", string(opened))
	_, err = newRing(t, entry("k2", 'b')).OpenAlone("p", "i", sealed)
	require.ErrorIs(t, err, ErrUnknownMasterKey)
}
