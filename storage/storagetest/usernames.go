package storagetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func usernames() []testCase {
	return []testCase{
		{"a user name is shown as written", usernameAsWritten},
		{"spellings of one name are one name", spellings},
		{"what cannot be a name is refused", noNames},
		{"of parallel creations of one name one wins", often(parallelCreations)},
		{"a user without a name gets one, in another spelling later", userIsNamed},
		{"a name is not replaced by another one that was asked for at the same time", often(parallelNamesOfOne)},
		{"a user is not given what cannot be a name, or is another's", userIsNotNamed},
		{"of users who are given one name at once one gets it", often(parallelNames)},
	}
}

func usernameAsWritten(t *testing.T, f fixture) {
	created, err := f.Users.Create(t.Context(), "Andre\u0301-"+newName(), "hash")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(f.user(t, created.ID).Username, "André-"), "composed, but in its own case")
}

func spellings(t *testing.T, f fixture) {
	for _, spelled := range []struct{ first, other string }{
		{"Alice", "aLICE"},
		{"Müller", "Mu\u0308ller"},
		{"bob42", "ｂｏｂ４２"},
		{"Ｃａｒｏｌ", "carol"},
		{"Ångström", "A\u030angstro\u0308m"},
		{"令牌Maker", "令牌ｍａｋｅｒ"},
	} {
		created, err := f.Users.Create(t.Context(), spelled.first, "first")
		require.NoError(t, err)
		_, err = f.Users.Create(t.Context(), spelled.other, "other")
		require.ErrorIs(t, err, identity.ErrExists, spelled.other)
		for _, name := range []string{spelled.first, spelled.other} {
			found, err := f.Users.FindByUsername(t.Context(), name)
			require.NoError(t, err, name)
			require.Equal(t, inUTC(created), inUTC(found))
		}
	}
}

func noNames(t *testing.T, f fixture) {
	bystander := f.newUser(t)
	for _, name := range []string{
		"", " ", "two words", bystander.Username + " ", "\tname", "na\nme", "nul\x00", "\u200bname", "na\u200dme",
		"na\ufeffme",
		"\u202eeman", "na\u00adme", "na\u3000me", "\xff\xfe", "u_" + newName(), "U_" + newName(),
		strings.Repeat("n", 129),
	} {
		_, err := f.Users.Create(t.Context(), name, "hash")
		require.Error(t, err, "%q", name)
		require.NotErrorIs(t, err, identity.ErrExists, "%q", name)
		_, err = f.Users.FindByUsername(t.Context(), name)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", name)
	}
	require.Equal(t, inUTC(bystander), f.user(t, bystander.ID))
}

func parallelCreations(t *testing.T, f fixture) {
	name := newName()
	winner := requireOneWinner(t, together(crowd, func(n int) won {
		spelling := name
		if n%2 == 1 {
			spelling = strings.ToUpper(name)
		}
		_, err := f.at(n).Users.Create(t.Context(), spelling, fmt.Sprint("hash ", n))
		return wonUnless(err, identity.ErrExists)
	}))
	found, err := f.Users.FindByUsername(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint("hash ", winner), found.PasswordHash)
}

func userIsNamed(t *testing.T, f fixture) {
	user := f.requireNew(t, sight("wx1", newName()))
	session := f.signIn(t, user, f.newClient(t))
	first := "Zo\u00eb-" + newName()
	for n, name := range []string{first, strings.ToUpper(first)} {
		require.NoError(t, f.Users.Name(t.Context(), user.ID, name))
		require.Len(t, f.eventsOf(t, identity.EventUserNamed, user.ID), n+1)
		found, err := f.Users.FindByUsername(t.Context(), name)
		require.NoError(t, err)
		user.Username = name
		require.Equal(t, user, inUTC(found), "and nothing else of the user changes")
	}
	second := newName()
	require.ErrorIs(t, f.Users.Name(t.Context(), user.ID, second), identity.ErrExists, "he has one")
	require.Equal(t, user, f.user(t, user.ID))
	require.Len(t, f.eventsOf(t, identity.EventUserNamed, user.ID), 2)
	_, err := f.Users.Create(t.Context(), second, "hash")
	require.NoError(t, err, "anybody may have it")
	f.requireLive(t, user, session.ID)
}

func userIsNotNamed(t *testing.T, f fixture) {
	user, other := f.newUser(t), f.newUser(t)
	require.ErrorIs(t, f.Users.Name(t.Context(), user.ID, strings.ToUpper(other.Username)), identity.ErrExists)
	require.ErrorIs(t, f.Users.Name(t.Context(), identity.NewUserID(), newName()), identity.ErrNotFound)
	for _, name := range []string{"", "two words", "nul\x00", "\xff\xfe", "u_" + newName(), strings.Repeat("n", 129)} {
		err := f.Users.Name(t.Context(), user.ID, name)
		require.Error(t, err, "%q", name)
		require.NotErrorIs(t, err, identity.ErrExists, "%q", name)
		require.NotErrorIs(t, err, identity.ErrNotFound, "%q", name)
	}
	for _, text := range texts() {
		require.ErrorIs(t, f.Users.Name(t.Context(), text, newName()), identity.ErrNotFound, "%q", text)
	}
	require.Equal(t, inUTC(user), f.user(t, user.ID))
	require.Equal(t, inUTC(other), f.user(t, other.ID))
	require.Empty(t, f.eventsOf(t, identity.EventUserNamed, user.ID))
}

func parallelNames(t *testing.T, f fixture) {
	name, users := newName(), make([]identity.User, 8)
	for n := range users {
		users[n] = f.requireNew(t, sight("wx1", newName()))
	}
	winner := requireOneWinner(t, together(len(users), func(n int) won {
		return wonUnless(f.at(n).Users.Name(t.Context(), users[n].ID, name), identity.ErrExists)
	}))
	found, err := f.Users.FindByUsername(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, users[winner].ID, found.ID)
}

// parallelNamesOfOne has a user choose two names at once, of which one is told to be his: it must stay so.
func parallelNamesOfOne(t *testing.T, f fixture) {
	user, names := f.requireNew(t, sight("wx1", newName())), []string{newName(), newName()}
	winner := requireOneWinner(t, together(len(names), func(n int) won {
		return wonUnless(f.at(n).Users.Name(t.Context(), user.ID, names[n]), identity.ErrExists)
	}))
	require.Equal(t, names[winner], f.user(t, user.ID).Username)
	_, err := f.Users.FindByUsername(t.Context(), names[1-winner])
	require.ErrorIs(t, err, identity.ErrNotFound)
}
