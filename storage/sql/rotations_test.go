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
		{Lowest: math.MaxUint32, Highest: math.MaxUint32, At: at, KeyHash: key, Lost: true},
		{Lowest: 7, Highest: math.MaxUint32 - 1, At: at, Lost: true},
		{Lowest: 6, Highest: 6, At: at, KeyHash: key},
		{Lowest: 5, Highest: 5, At: at},
		{Lowest: 4, Highest: 4, At: time.UnixMilli(-1)},
		{Lowest: 3, Highest: 4, At: time.UnixMilli(0)},
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
		(a.KeyHash == nil) == (b.KeyHash == nil) && a.Lost == b.Lost
}

// TestRotationsOfEarlierVersions: replicas of an earlier version may run beside those of this version. They write and
// read the lowest flag for every rotation whose duplicates they answer within the window.
func TestRotationsOfEarlierVersions(t *testing.T) {
	at := time.UnixMilli(1_790_000_000_123)
	key := bytes.Repeat([]byte{7}, identity.KeyHashSize)
	for name, c := range map[string]struct {
		rotation identity.Rotation
		anyKey   bool // as an earlier version writes it and reads it
	}{
		"without a key":       {identity.Rotation{Lowest: 5, Highest: 5, At: at}, true},
		"with a key":          {identity.Rotation{Lowest: 5, Highest: 5, At: at, KeyHash: key}, false},
		"lost, without a key": {identity.Rotation{Lowest: 5, Highest: 9, At: at, Lost: true}, true},
		"lost, with a key":    {identity.Rotation{Lowest: 5, Highest: 9, At: at, Lost: true, KeyHash: key}, true},
		"two became one":      {identity.Rotation{Lowest: 5, Highest: 6, At: at}, false}, // they call it theft
	} {
		t.Run(name, func(t *testing.T) {
			blob := encodeRotations([]identity.Rotation{c.rotation})
			require.Equal(t, c.anyKey, blob[rotationSize]&1 != 0)
			require.Zero(t, blob[rotationSize]&^3, "they reject other flags")
			decoded, err := decodeRotations(blob)
			require.NoError(t, err)
			require.True(t, sameRotation(c.rotation, decoded[0]))
		})
	}
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
		again, err := decodeRotations(encodeRotations(rotations))
		require.NoError(t, err)
		require.True(t, slices.EqualFunc(rotations, again, sameRotation))
	})
}

// TestSampleKeyUse checks which sessions and which of their rotations count.
func TestSampleKeyUse(t *testing.T) {
	for name, db := range map[string]*DB{"SQLite": openMigrated(t),
		"PostgreSQL": openMigratedURL(t, migrated.Copy(t), 0)} {
		t.Run(name, func(t *testing.T) {
			now, err := db.Clock(t.Context())
			require.NoError(t, err)
			user, err := db.Users().Create(t.Context(), "alice", "hash")
			require.NoError(t, err)
			open := func(client string, opened time.Duration, rotations ...identity.Rotation) {
				session := newSession(user)
				session.ID, session.ClientID = firstID(now.Add(opened)), client
				session.Rotations = rotations
				_, err := db.Sessions().Open(t.Context(), session, user.AuthEpoch, lifetimes(), 0)
				require.NoError(t, err)
			}
			key := make([]byte, identity.KeyHashSize)
			recent, old := now.Add(-time.Hour), now.Add(-100*time.Hour)
			open("mixed", -time.Hour, identity.Rotation{At: recent, KeyHash: key}, identity.Rotation{At: recent})
			open("mixed", -2*time.Hour, identity.Rotation{At: recent}, identity.Rotation{At: old, KeyHash: key})
			open("mixed", -3*time.Hour, identity.Rotation{At: recent, Highest: 1}) // two became one
			open("mixed", -15*24*time.Hour, identity.Rotation{At: recent, KeyHash: key})
			open("long ago", -13*24*time.Hour, identity.Rotation{At: recent, KeyHash: key})
			open("a server's clock is ahead", 2*time.Hour, identity.Rotation{At: recent})
			open("never refreshed", -4*time.Hour)
			uses, err := db.Sessions().SampleKeyUse(t.Context(), now.Add(-99*time.Hour))
			require.NoError(t, err)
			require.Equal(t, map[string]KeyUse{"mixed": {With: 1, Without: 2}, "long ago": {With: 1},
				"a server's clock is ahead": {Without: 1}, "never refreshed": {}}, uses)
		})
	}
}

// TestSampleKeyUseIsBounded checks that the latest sessions of each day count, and only so many.
func TestSampleKeyUseIsBounded(t *testing.T) {
	db := openMigrated(t)
	signIn(t, db, "alice")
	now, err := db.Clock(t.Context())
	require.NoError(t, err)
	rotations := encodeRotations([]identity.Rotation{{At: now}})
	for n := range 2 * sampledSessions {
		id := firstID(now.Add(-time.Hour + time.Duration(n)*time.Millisecond))
		client := map[bool]string{true: "latest", false: "earlier"}[n >= sampledSessions]
		require.NoError(t, db.write.Exec(`INSERT INTO sessions (id, user_id, client_id, scope, method, auth_time,
			generation, rotations, secret_hash, idle_expires_at, expires_at, last_seen_at, device)
			SELECT ?, user_id, ?, scope, method, auth_time, generation, ?, secret_hash, idle_expires_at, expires_at,
			last_seen_at, device FROM sessions WHERE client_id = 'client'`, id, client, rotations).Error)
	}
	uses, err := db.Sessions().SampleKeyUse(t.Context(), now.Add(-time.Hour))
	require.NoError(t, err)
	require.NotContains(t, uses, "earlier")
	require.Equal(t, KeyUse{Without: sampledSessions - 1}, uses["latest"], "one is the session of the sign-in")
}
