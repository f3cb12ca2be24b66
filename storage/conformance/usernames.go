package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func usernames() []trial {
	return []trial{
		{"a user name is shown as written", usernameAsWritten},
		{"spellings of one name are one name", spellings},
		{"what cannot be a name is refused", noNames},
		{"of parallel creations of one name one wins", often(parallelCreations)},
	}
}

func usernameAsWritten(t *testing.T, h house) {
	created, err := h.Users.Create(t.Context(), "Andre\u0301-"+newName(), "hash")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(h.user(t, created.ID).Username, "André-"), "composed, but in its own case")
}

func spellings(t *testing.T, h house) {
	for _, spelled := range []struct{ first, other string }{
		{"Alice", "aLICE"},
		{"Müller", "Mu\u0308ller"},
		{"bob42", "ｂｏｂ４２"},
		{"Ｃａｒｏｌ", "carol"},
		{"Ångström", "A\u030angstro\u0308m"},
		{"令牌Maker", "令牌ｍａｋｅｒ"},
	} {
		created, err := h.Users.Create(t.Context(), spelled.first, "first")
		require.NoError(t, err)
		_, err = h.Users.Create(t.Context(), spelled.other, "other")
		require.ErrorIs(t, err, identity.ErrExists, spelled.other)
		for _, name := range []string{spelled.first, spelled.other} {
			found, err := h.Users.FindByUsername(t.Context(), name)
			require.NoError(t, err, name)
			require.Equal(t, inUTC(created), inUTC(found))
		}
	}
}

func noNames(t *testing.T, h house) {
	bystander := h.newUser(t)
	for _, name := range []string{
		"", " ", "two words", bystander.Username + " ", "\tname", "na\nme", "nul\x00", "\u200bname", "na\u200dme", "na\ufeffme",
		"\u202eeman", "na\u00adme", "na\u3000me", "\xff\xfe", "u_" + newName(), "U_" + newName(), strings.Repeat("n", 129),
	} {
		_, err := h.Users.Create(t.Context(), name, "hash")
		require.Error(t, err, "%q", name)
		require.NotErrorIs(t, err, identity.ErrExists, "%q", name)
		_, err = h.Users.FindByUsername(t.Context(), name)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", name)
	}
	require.Equal(t, inUTC(bystander), h.user(t, bystander.ID))
}

func parallelCreations(t *testing.T, h house) {
	name := newName()
	winner := requireOneWinner(t, together(crowd, func(n int) won {
		spelling := name
		if n%2 == 1 {
			spelling = strings.ToUpper(name)
		}
		_, err := h.at(n).Users.Create(t.Context(), spelling, fmt.Sprint("hash ", n))
		return wonUnless(err, identity.ErrExists)
	}))
	found, err := h.Users.FindByUsername(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint("hash ", winner), found.PasswordHash)
}
