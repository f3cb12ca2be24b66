package keys

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSealedValueOpens(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'))
	for _, plaintext := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("long"), 10_000)} {
		sealed, err := ring.Seal("app-secret", "wx1", plaintext)
		require.NoError(t, err)
		opened, err := ring.Open("app-secret", "wx1", sealed)
		require.NoError(t, err)
		require.Equal(t, string(plaintext), string(opened))
	}
}

func TestSealIsNotRepeatable(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'))
	first, err := ring.Seal("p", "i", []byte("same"))
	require.NoError(t, err)
	second, err := ring.Seal("p", "i", []byte("same"))
	require.NoError(t, err)
	require.NotEqual(t, first, second)
}

func TestSealedValueStaysInItsPlace(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'))
	sealed, err := ring.Seal("ab", "c", []byte("secret"))
	require.NoError(t, err)
	for name, place := range map[string][2]string{
		"other identity":                     {"ab", "d"},
		"other purpose":                      {"ax", "c"},
		"same letters, split elsewhere":      {"a", "bc"},
		"same letters, all in the purpose":   {"abc", ""},
		"same letters, all in the identity":  {"", "abc"},
		"purpose and identity are exchanged": {"c", "ab"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ring.Open(place[0], place[1], sealed)
			require.ErrorIs(t, err, ErrSealBroken)
		})
	}
}

// TestAssociatedDataIsUnambiguous without the subkey, which would already distinguish purposes.
func TestAssociatedDataIsUnambiguous(t *testing.T) {
	require.NotEqual(t, associatedData("ab", "c"), associatedData("a", "bc"))
	require.NotEqual(t, associatedData("", "a"), associatedData("a", ""))
}

func TestChangedSealIsRefused(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'), entry("k2", 'b'))
	sealed, err := ring.Seal("p", "i", []byte("secret"))
	require.NoError(t, err)
	t.Run("any bit flipped", func(t *testing.T) {
		for n := range sealed {
			for bit := range 8 {
				changed := bytes.Clone(sealed)
				changed[n] ^= 1 << bit
				_, err := ring.Open("p", "i", changed)
				require.Error(t, err, "byte %d, bit %d", n, bit)
			}
		}
	})
	t.Run("cut anywhere", func(t *testing.T) {
		for n := range sealed {
			_, err := ring.Open("p", "i", sealed[:n])
			require.ErrorIs(t, err, ErrSealBroken, "%d bytes", n)
		}
	})
	t.Run("a byte too many", func(t *testing.T) {
		_, err := ring.Open("p", "i", append(bytes.Clone(sealed), 0))
		require.ErrorIs(t, err, ErrSealBroken)
	})
	t.Run("renamed to another key of the ring", func(t *testing.T) {
		_, err := ring.Open("p", "i", bytes.Replace(sealed, []byte("k1"), []byte("k2"), 1))
		require.ErrorIs(t, err, ErrSealBroken)
	})
}

func TestRingChanges(t *testing.T) {
	old := newRing(t, entry("k1", 'a'))
	sealed, err := old.Seal("p", "i", []byte("secret"))
	require.NoError(t, err)
	t.Run("after a new first key the old one still opens", func(t *testing.T) {
		ring := newRing(t, entry("k2", 'b'), entry("k1", 'a'))
		opened, err := ring.Open("p", "i", sealed)
		require.NoError(t, err)
		require.Equal(t, "secret", string(opened))
		fresh, err := ring.Seal("p", "i", []byte("new"))
		require.NoError(t, err)
		_, err = old.Open("p", "i", fresh)
		require.ErrorIs(t, err, ErrUnknownMasterKey)
		require.ErrorContains(t, err, `"k2"`)
	})
	t.Run("another key of the same id does not open", func(t *testing.T) {
		_, err := newRing(t, entry("k1", 'b')).Open("p", "i", sealed)
		require.ErrorIs(t, err, ErrSealBroken)
	})
}

func TestSubkeyIsDerivedOnce(t *testing.T) {
	master := newRing(t, entry("k1", 'a')).masters[0]
	first, err := master.sealer("p")
	require.NoError(t, err)
	second, err := master.sealer("p")
	require.NoError(t, err)
	require.True(t, first == second)
	other, err := master.sealer("q")
	require.NoError(t, err)
	require.False(t, first == other)
}

// goldenSeal is "secret" for purpose "p" and identity "i" under the key of 32 letters a.
const goldenSeal = "01026b31d36814f5766f7c77eac8e84c2c17b5f61675a06ca240322c27d7126759321ab48037"

// TestOldSealOpens: values in databases must open in every later version.
func TestOldSealOpens(t *testing.T) {
	sealed, err := hex.DecodeString(goldenSeal)
	require.NoError(t, err)
	opened, err := newRing(t, entry("k1", 'a')).Open("p", "i", sealed)
	require.NoError(t, err)
	require.Equal(t, "secret", string(opened))
}

func FuzzOpen(f *testing.F) {
	ring := newRing(f, entry("k1", 'a'))
	sealed, err := hex.DecodeString(goldenSeal)
	require.NoError(f, err)
	for _, seed := range [][]byte{nil, {1}, {1, 255}, {1, 2, 'k', '1'}, {2, 2, 'k', '1'}, sealed,
		sealed[:len(sealed)-1]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ring.Open("p", "i", b); err == nil {
			require.Equal(t, sealed, b, "a forgery")
		}
	})
}
