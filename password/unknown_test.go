package password

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

const newParameters = "$argon2id$v=19$m=19456,t=2,p=1$"

func TestUnknownNamesCostWhatUsersCost(t *testing.T) {
	h := New(Options{NameKey: []byte("secret")})
	require.Empty(t, h.standInFor("alice"), "nothing is known yet")
	counts := map[string]int{newParameters: 600, "$2b$12$": 300, "$2a$10$": 100, "$1$": 5000, "hash": 5000,
		"$2b$31$": 5000, "$argon2id$v=19$m=99999999,t=2,p=1$": 5000, "": 5000, "$2y$04$": -1}
	h.SetStored(counts)
	const names = 20000
	drawn := map[string]int{}
	for n := range names {
		encoded := h.standInFor(fmt.Sprint("name", n))
		require.NoError(t, CheckHash(encoded), encoded)
		require.Equal(t, encoded, h.standInFor(fmt.Sprint("name", n)), "a name always has the same one")
		drawn[encoded]++
	}
	require.Len(t, drawn, 3)
	for parameters, want := range map[string]float64{newParameters: 0.6, "$2b$12$": 0.3, "$2a$10$": 0.1} {
		require.InDelta(t, want, float64(drawn[standIn(parameters)])/names, 0.02, parameters)
	}
}

// TestUnknownNamesSeldomChange: neither on another server nor when some hashes are renewed. And nobody without the
// secret can tell which ones do.
func TestUnknownNamesSeldomChange(t *testing.T) {
	one, other, stranger := New(Options{NameKey: []byte("secret")}), New(Options{NameKey: []byte("secret")}),
		New(Options{})
	for _, h := range []*Hasher{one, other, stranger} {
		h.SetStored(map[string]int{newParameters: 500, "$2b$12$": 500})
	}
	var changed, differ int
	for n := range 1000 {
		name := fmt.Sprint("name", n)
		require.Equal(t, one.standInFor(name), other.standInFor(name))
		if one.standInFor(name) != stranger.standInFor(name) {
			differ++
		}
	}
	require.Greater(t, differ, 300)
	other.SetStored(map[string]int{newParameters: 510, "$2b$12$": 490})
	for n := range 1000 {
		if name := fmt.Sprint("name", n); one.standInFor(name) != other.standInFor(name) {
			changed++
		}
	}
	require.Less(t, changed, 50)
}

// TestCheckUnknownDoesTheWork counts argon2id: none if the stored hash is bcrypt.
func TestCheckUnknownDoesTheWork(t *testing.T) {
	for parameters, want := range map[string]int32{"$2b$04$": 0, newParameters: 1} {
		h := New(Options{})
		calls := fake(h)
		h.SetStored(map[string]int{parameters: 1})
		require.NoError(t, h.CheckUnknown(t.Context(), Caller{}, "alice", "correct horse"))
		require.Equal(t, want, calls.Load(), parameters)
		require.NoError(t, h.CheckUnknown(t.Context(), Caller{}, "alice", "a control\x00character"))
		require.Equal(t, want, calls.Load(), "as for a user")
	}
}
