package sql

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// fullRotations returns as many rotations as a session remembers, of every kind.
func fullRotations() []identity.Rotation {
	at := time.UnixMilli(1_790_000_000_123)
	key := bytes.Repeat([]byte{0, 0xff}, identity.KeyHashSize/2)
	return []identity.Rotation{
		{Lowest: math.MaxUint32, Highest: math.MaxUint32, At: at, KeyHash: key, AnyKey: true},
		{Lowest: 7, Highest: math.MaxUint32 - 1, At: at, AnyKey: true},
		{Lowest: 6, Highest: 6, At: at, KeyHash: key},
		{Lowest: 5, Highest: 5, At: at},
		{Lowest: 4, Highest: 4, At: time.UnixMilli(-1)},
		{Lowest: 3, Highest: 3, At: time.UnixMilli(0)},
		{Lowest: 1, Highest: 2, At: at, KeyHash: make([]byte, identity.KeyHashSize)},
		{At: at, KeyHash: key},
	}
}

func TestRotationsRoundTrip(t *testing.T) {
	all := fullRotations()
	require.Len(t, all, identity.MaxRotations)
	for n := range len(all) + 1 {
		decoded, err := decodeRotations(encodeRotations(all[:n]))
		require.NoError(t, err)
		require.Len(t, decoded, n)
		require.True(t, n == 0 || slices.EqualFunc(all[:n], decoded, sameRotation))
	}
}

func sameRotation(a, b identity.Rotation) bool {
	return a.Lowest == b.Lowest && a.Highest == b.Highest && a.At.Equal(b.At) && bytes.Equal(a.KeyHash, b.KeyHash) &&
		(a.KeyHash == nil) == (b.KeyHash == nil) && a.AnyKey == b.AnyKey
}

func TestDamagedRotationsAreRejected(t *testing.T) {
	whole := encodeRotations(fullRotations())
	keyed, plain := fullRotations()[:1], fullRotations()[3:4]
	change := func(at int, to byte) []byte {
		b := encodeRotations(plain)
		b[at] = to
		return b
	}
	for name, blob := range map[string][]byte{
		"an unknown version":            append([]byte{rotationsVersion + 1}, whole[1:]...),
		"one rotation too many":         append(slices.Clone(whole), whole[1:1+rotationSize+identity.KeyHashSize]...),
		"a byte too many":               append(encodeRotations(plain), 0),
		"a byte too few":                encodeRotations(plain)[:rotationSize],
		"a key hash that is cut":        encodeRotations(keyed)[:1+rotationSize+identity.KeyHashSize-1],
		"a key hash that is missing":    encodeRotations(keyed)[:1+rotationSize],
		"an unknown flag":               change(rotationSize, 1<<2),
		"a range that ends before":      change(1, 0xff),
		"another format":                []byte("rotations"),
		"a version byte of text: '\\0'": {0},
	} {
		_, err := decodeRotations(blob)
		require.ErrorIs(t, err, errRotations, name)
	}
}

// TestSessionWithDamagedRotationsIsAnError: otherwise a theft could be taken for a refresh whose rotation was
// forgotten.
func TestSessionWithDamagedRotationsIsAnError(t *testing.T) {
	db := openMigrated(t)
	session := signIn(t, db, "alice")
	require.NoError(t, db.write.Exec("UPDATE sessions SET rotations = ? WHERE id = ?", []byte("sensitive"),
		session.ID).Error)
	_, _, err := db.Sessions().Find(t.Context(), session.ID)
	require.Error(t, err)
	require.NotErrorIs(t, err, identity.ErrNotFound)
	require.NotContains(t, err.Error(), "sensitive")
	_, err = db.Sessions().List(t.Context(), session.UserID)
	require.Error(t, err)
}

func FuzzDecodeRotations(f *testing.F) {
	for n := range identity.MaxRotations + 1 {
		f.Add(encodeRotations(fullRotations()[:n]))
	}
	f.Add([]byte{rotationsVersion})
	f.Add([]byte{rotationsVersion, 0, 0})
	f.Fuzz(func(t *testing.T, blob []byte) {
		rotations, err := decodeRotations(blob)
		if err != nil {
			require.Nil(t, rotations)
			return
		}
		require.LessOrEqual(t, len(rotations), identity.MaxRotations)
		for _, rotation := range rotations {
			require.LessOrEqual(t, rotation.Lowest, rotation.Highest)
			require.Contains(t, []int{0, identity.KeyHashSize}, len(rotation.KeyHash))
		}
		if len(rotations) > 0 {
			require.Equal(t, blob, encodeRotations(rotations), "one way to write it")
		}
	})
}
