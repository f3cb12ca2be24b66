package storagetest

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// inventory counts what a rehearsal could have written.
func inventory(t *testing.T, f fixture) (users, events, twins int) {
	t.Helper()
	all, err := f.Users.List(t.Context(), "", math.MaxInt32)
	require.NoError(t, err)
	told, err := f.Events.List(t.Context(), identity.EventsOf{}, math.MaxInt32)
	require.NoError(t, err)
	pairs, err := f.Merges.Duplicates(t.Context(), identity.Duplicate{}, 1000)
	require.NoError(t, err)
	return len(all), len(told), len(pairs)
}

// rehearsal has users and earlier newcomers whom others contradict, within one call and over several.
func rehearsal(t *testing.T, f fixture) {
	there, first, second := fullNewcomer(), fullNewcomer(), fullNewcomer()
	requireImported(t, f, there)
	first.ID = ""
	renamed, moved, ofUnion, nameless := first, second, fullNewcomer(), second
	renamed.Username, nameless.ID = newName(), ""
	moved.Identities = first.Identities
	ofUnion.Identities = []identity.ExternalIdentity{in("op", first.Identities[1].UnionID, sight("wx3", newName()))}
	ofThere := fullNewcomer()
	ofThere.Identities = []identity.ExternalIdentity{in("op", there.Identities[1].UnionID, sight("wx3", newName()))}
	all := []identity.ImportedUser{there, first, second, first, second, renamed, moved, ofUnion, ofUnion, ofThere,
		nameless, {Line: 99}, fullNewcomer()}
	for n := range all {
		all[n].Line = n + 1
	}
	const refused, imported, known = identity.Refused, identity.Imported, identity.AlreadyThere
	want := []identity.Outcome{known, imported, imported, known, known, refused, refused, imported, known, imported,
		known, refused, imported}
	users, events, twins := inventory(t, f)
	for _, size := range []int{1, 4, len(all)} {
		rehearsed := f.Imports.Rehearse()
		var arrivals []identity.ImportResult
		for batch := range slices.Chunk(all, size) {
			answered, err := rehearsed.Import(t.Context(), batch)
			require.NoError(t, err)
			arrivals = append(arrivals, answered...)
		}
		requireOutcomes(t, want, arrivals)
		require.Equal(t, "the account at wx1 belongs to line 2, and the user name does not", arrivals[5].Reason)
		require.Equal(t, "the sub belongs to line 3, and the account at wx1 to line 2", arrivals[6].Reason)
		require.Equal(t, []string{"the union id of an account at wx3 belongs to line 2"}, arrivals[7].Warnings)
		require.Equal(t, []string{"the union id of an account at wx3 belongs to " + there.ID}, arrivals[9].Warnings)
		require.Equal(t, []string{there.ID, "", second.ID, "", second.ID}, []string{
			arrivals[0].UserID, arrivals[1].UserID, arrivals[2].UserID, arrivals[3].UserID, arrivals[4].UserID,
		}, "no id is made up")
	}
	usersAfter, eventsAfter, twinsAfter := inventory(t, f)
	require.Equal(t, []int{users, events, twins}, []int{usersAfter, eventsAfter, twinsAfter})
	_, err := f.Users.FindByUsername(t.Context(), first.Username)
	require.ErrorIs(t, err, identity.ErrNotFound)
	requireOutcomes(t, want, bring(t, f, all...))
	fresh, err := f.Imports.Rehearse().Rehearse().Import(t.Context(), all[1:2])
	require.NoError(t, err)
	requireOutcomes(t, []identity.Outcome{known}, fresh)
}

func requireOutcomes(t *testing.T, want []identity.Outcome, arrivals []identity.ImportResult) {
	t.Helper()
	var got []identity.Outcome
	for _, arrival := range arrivals {
		got = append(got, arrival.Outcome)
	}
	require.Equal(t, want, got)
}

func hostileNewcomers(t *testing.T, f fixture) {
	innocent := fullNewcomer()
	requireImported(t, f, innocent)
	before := f.user(t, innocent.ID)
	for _, text := range texts() {
		n := fullNewcomer()
		n.PasswordHash, n.Phone = text, text
		n.Profile = identity.Profile{Name: text, Nickname: text, Picture: text, Gender: text, Locale: text, Email: text}
		n.Identities = []identity.ExternalIdentity{in("op"+text, innocent.Identities[1].UnionID+text,
			sight("wx1"+text, innocent.Identities[0].Subject+text))}
		arrival := bring(t, f, n)[0]
		if arrival.Outcome == identity.Refused {
			_, err := f.Users.Find(t.Context(), n.ID)
			require.ErrorIs(t, err, identity.ErrNotFound, "refused %q", text)
			continue
		}
		require.Equal(t, identity.ImportResult{Outcome: identity.Imported, UserID: n.ID}, arrival, "%q", text)
		require.Equal(t, n.PasswordHash, f.user(t, n.ID).PasswordHash)
		require.Equal(t, n.Profile, f.details(t, n.ID).Profile)
		f.requireSeen(t, f.user(t, n.ID), n.Identities[0])
	}
	for _, text := range texts() {
		for _, n := range []identity.ImportedUser{{ID: innocent.ID + text}, {Username: innocent.Username + text},
			{ID: newName(), Roles: []string{text}}} {
			arrival := bring(t, f, n)[0]
			require.NotEqual(t, innocent.ID, arrival.UserID, "%q", text)
		}
	}
	require.Equal(t, before, f.user(t, innocent.ID))
}

func contextEndsImport(t *testing.T, f fixture) {
	n := fullNewcomer()
	for _, people := range []identity.Imports{f.Imports, f.Imports.Rehearse()} {
		_, err := people.Import(cancelled(t), []identity.ImportedUser{n})
		require.ErrorIs(t, err, cancelled(t).Err())
	}
	_, err := f.Users.Find(t.Context(), n.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
}
