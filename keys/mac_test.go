package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMACIsHMACOverLengthPrefixedParts(t *testing.T) {
	ring, store := newRing(t, entry("k1", 'a')), &memoryStore{}
	set, err := load(t.Context(), store, ring, options(start, firstRSA))
	require.NoError(t, err)
	record := store.records[2]
	require.Equal(t, Refresh, record.Purpose)
	secret, err := ring.Open("refresh-secret", record.ID, record.Sealed)
	require.NoError(t, err)
	id := set.SecretID()
	require.Equal(t, record.ID, hex.EncodeToString(id[:]))

	mac := hmac.New(sha256.New, secret)
	for _, part := range []string{"refresh token", "one", ""} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	got, known := set.MAC(id, "refresh token", []byte("one"), nil)
	require.True(t, known)
	require.Equal(t, mac.Sum(nil), got[:])
}

func TestMACOfDifferentInputsDiffers(t *testing.T) {
	set := newTestSet(t)
	seen := map[[32]byte]string{}
	for name, input := range map[string][]string{
		"a|bc": {"a", "bc"}, "ab|c": {"ab", "c"}, "abc": {"abc"}, "abc|": {"abc", ""}, "|abc": {"", "abc"},
		"a|b|c": {"a", "b", "c"},
		"a||bc": {"a", "", "bc"}, "a|bc|": {"a", "bc", ""}, "empty": {""}, "empty|": {"", ""},
	} {
		var parts [][]byte
		for _, part := range input[1:] {
			parts = append(parts, []byte(part))
		}
		mac, known := set.MAC(set.SecretID(), input[0], parts...)
		require.True(t, known)
		require.NotContains(t, seen, mac, "%s and %s", name, seen[mac])
		seen[mac] = name
	}
}

func TestMACOfUnknownSecret(t *testing.T) {
	mac, known := newTestSet(t).MAC([secretIDSize]byte{1}, "p", []byte("x"))
	require.False(t, known)
	require.Zero(t, mac)
}

func TestMACInParallel(t *testing.T) {
	set := newTestSet(t)
	want, _ := set.MAC(set.SecretID(), "p", []byte("x"))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				if got, _ := set.MAC(set.SecretID(), "p", []byte("x")); got != want {
					t.Error("concurrent calls interfere")
					return
				}
			}
		})
	}
	group.Wait()
}

func TestSecretIDs(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'))
	hours := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
	store := &memoryStore{records: []Record{
		stored(t, ring, 1, firstRSA(), Record{SigningAt: hours(-9)}),
		storedSecret(t, ring, 1, Record{SigningAt: hours(-9), RetiredAt: hours(-5), GoneAt: hours(-4)}),
		storedSecret(t, ring, 2, Record{SigningAt: hours(-8), RetiredAt: hours(-6)}),
		storedSecret(t, ring, 3, Record{SigningAt: hours(-6), RetiredAt: hours(-3)}),
		storedSecret(t, ring, 4, Record{SigningAt: hours(-3)}),
		storedSecret(t, ring, 5, Record{AnnouncedAt: hours(-1)}),
	}}
	set, err := load(t.Context(), store, ring, options(start, spareRSA))
	require.NoError(t, err)
	ids := set.SecretIDs()
	var got []string
	for _, id := range ids {
		got = append(got, hex.EncodeToString(id[:]))
		_, known := set.MAC(id, "p")
		require.True(t, known)
	}
	require.Equal(t, []string{store.records[4].ID, store.records[5].ID, store.records[3].ID, store.records[2].ID}, got,
		"the current one first, then the next, which others may already use, then older ones")
	require.Equal(t, ids[0], set.SecretID())
	ids[0] = [secretIDSize]byte{}
	require.NotEqual(t, ids[0], set.SecretID(), "the result is a copy")
}
