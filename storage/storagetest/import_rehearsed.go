package storagetest

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// countAll counts what a rehearsal could have written.
func countAll(t *testing.T, f fixture) (users, events, duplicates int) {
	t.Helper()
	all, err := f.Users.List(t.Context(), "", math.MaxInt32)
	require.NoError(t, err)
	listed, err := f.Events.List(t.Context(), identity.EventsOf{}, math.MaxInt32)
	require.NoError(t, err)
	pairs, err := f.Merges.Duplicates(t.Context(), identity.Duplicate{}, 1000)
	require.NoError(t, err)
	return len(all), len(listed), len(pairs)
}

// rehearsal has rows that contradict existing users and earlier rows, within one call and over several.
func rehearsal(t *testing.T, f fixture) {
	there, first, second := fullImportedUser(), fullImportedUser(), fullImportedUser()
	requireImported(t, f, there)
	first.ID = ""
	renamed, moved, ofUnion, nameless := first, second, fullImportedUser(), second
	renamed.Username, nameless.ID = newName(), ""
	moved.Identities = first.Identities
	ofUnion.Identities = []identity.ExternalIdentity{inUnion("op", first.Identities[1].UnionID, newIdentity("wx3"))}
	ofThere := fullImportedUser()
	ofThere.Identities = []identity.ExternalIdentity{inUnion("op", there.Identities[1].UnionID, newIdentity("wx3"))}
	all := []identity.ImportedUser{there, first, second, first, second, renamed, moved, ofUnion, ofUnion, ofThere,
		nameless, {Line: 99}, fullImportedUser()}
	for n := range all {
		all[n].Line = n + 1
	}
	const refused, imported, known = identity.Refused, identity.Imported, identity.AlreadyThere
	want := []identity.Outcome{known, imported, imported, known, known, refused, refused, imported, known, imported,
		known, refused, imported}
	users, events, duplicates := countAll(t, f)
	for _, size := range []int{1, 4, len(all)} {
		rehearsed := f.Imports.Rehearse()
		var results []identity.ImportResult
		for batch := range slices.Chunk(all, size) {
			batchResults, err := rehearsed.Import(t.Context(), batch)
			require.NoError(t, err)
			results = append(results, batchResults...)
		}
		requireOutcomes(t, want, results)
		require.Equal(t, "the account at wx1 belongs to line 2, and the user name does not", results[5].Reason)
		require.Equal(t, "the sub belongs to line 3, and the account at wx1 to line 2", results[6].Reason)
		require.Equal(t, []string{"the union id of an account at wx3 belongs to line 2"}, results[7].Warnings)
		require.Equal(t, []string{"the union id of an account at wx3 belongs to " + there.ID}, results[9].Warnings)
		require.Equal(t, []string{there.ID, "", second.ID, "", second.ID}, []string{
			results[0].UserID, results[1].UserID, results[2].UserID, results[3].UserID, results[4].UserID,
		}, "no id is invented")
	}
	usersAfter, eventsAfter, duplicatesAfter := countAll(t, f)
	require.Equal(t, []int{users, events, duplicates}, []int{usersAfter, eventsAfter, duplicatesAfter})
	_, err := f.Users.FindByUsername(t.Context(), first.Username)
	require.ErrorIs(t, err, identity.ErrNotFound)
	requireOutcomes(t, want, importUsers(t, f, all...))
	fresh, err := f.Imports.Rehearse().Rehearse().Import(t.Context(), all[1:2])
	require.NoError(t, err)
	requireOutcomes(t, []identity.Outcome{known}, fresh)
}

func requireOutcomes(t *testing.T, want []identity.Outcome, results []identity.ImportResult) {
	t.Helper()
	var got []identity.Outcome
	for _, result := range results {
		got = append(got, result.Outcome)
	}
	require.Equal(t, want, got)
}

func hostileImports(t *testing.T, f fixture) {
	innocent := fullImportedUser()
	requireImported(t, f, innocent)
	before := f.user(t, innocent.ID)
	for _, text := range texts() {
		n := fullImportedUser()
		n.PasswordHash, n.Phone = text, text
		n.Profile = identity.Profile{Name: text, Nickname: text, Picture: text, Gender: text, Locale: text, Email: text,
			Address: text}
		n.Identities = []identity.ExternalIdentity{inUnion("op"+text, innocent.Identities[1].UnionID+text,
			identityAt("wx1"+text, innocent.Identities[0].Subject+text))}
		result := importUsers(t, f, n)[0]
		if result.Outcome == identity.Refused {
			_, err := f.Users.Find(t.Context(), n.ID)
			require.ErrorIs(t, err, identity.ErrNotFound, "refused %q", text)
			continue
		}
		require.Equal(t, identity.ImportResult{Outcome: identity.Imported, UserID: n.ID}, result, "%q", text)
		require.Equal(t, n.PasswordHash, f.user(t, n.ID).PasswordHash)
		require.Equal(t, n.Profile, f.details(t, n.ID).Profile)
		f.requireUser(t, f.user(t, n.ID), n.Identities[0])
	}
	for _, text := range texts() {
		for _, n := range []identity.ImportedUser{{ID: innocent.ID + text}, {Username: innocent.Username + text},
			{ID: newName(), Roles: []string{text}}} {
			result := importUsers(t, f, n)[0]
			require.NotEqual(t, innocent.ID, result.UserID, "%q", text)
		}
	}
	require.Equal(t, before, f.user(t, innocent.ID))
}

func contextEndsImport(t *testing.T, f fixture) {
	n := fullImportedUser()
	for _, imports := range []identity.Imports{f.Imports, f.Imports.Rehearse()} {
		_, err := imports.Import(canceled(t), []identity.ImportedUser{n})
		require.ErrorIs(t, err, canceled(t).Err())
	}
	_, err := f.Users.Find(t.Context(), n.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
}
