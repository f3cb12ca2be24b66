package storagetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func merges() []testCase {
	return slices.Concat([]testCase{
		{"accounts and unions of the retired user move to the survivor", mergeMoves},
		{"a preview returns what the merge would do, and does nothing", previewDoesNothing},
		{"name and password move to a survivor who has neither", mergeMovesName},
		{"roles and claims do not move", mergeMovesNoRights},
		{"the retired user's sessions end, and outdated sign-ins cannot open new ones", mergeEndsSessions},
		{"users who cannot be merged are not changed", mergeIsRejected},
		{"merges are listed, the newest first", listOfMerges},
		{"a merge with hostile ids changes nothing", hostileMerges},
		{"a merge with an ended context changes nothing", contextEndsMerges},
	}, duplicates(), mergesUndone(), mergesOfTwoPeople(), mergeRaces())
}

// duplicatePair is one person who has two users, because an app was bound to its Open Platform account only after
// both had signed in.
type duplicatePair struct {
	retired, survivor     identity.User
	ofRetired, ofSurvivor identity.ExternalIdentity // of their first sign-ins, as the platform reports them now
	another               identity.ExternalIdentity // of the retired user, in a union of its own
}

func newDuplicatePair(t *testing.T, f fixture) duplicatePair {
	t.Helper()
	op, union := newName(), newName()
	c := duplicatePair{
		ofRetired: inUnion(op, union, newIdentity("wx1")), ofSurvivor: inUnion(op, union, newIdentity("wx2")),
		another: inUnion(newName(), newName(), newIdentity("wx3")),
	}
	c.retired = f.requireNewUser(t, c.another)
	require.NoError(t, f.Accounts.Link(t.Context(), c.retired.ID, identityAt("wx1", c.ofRetired.Subject)))
	c.survivor = f.requireNewUser(t, c.ofSurvivor)
	f.requireUser(t, c.retired, c.ofRetired)
	return c
}

func (f fixture) merge(t *testing.T, retired, survivor identity.User) identity.Merge {
	t.Helper()
	merge, err := f.Merges.Merge(t.Context(), retired.ID, survivor.ID)
	require.NoError(t, err)
	return mergeInUTC(merge)
}

func mergeInUTC(merge identity.Merge) identity.Merge {
	merge.At, merge.UndoneAt = merge.At.UTC(), merge.UndoneAt.UTC()
	return merge
}

// requireMerged requires a user to resolve to another one.
func requireMerged(t *testing.T, f fixture, retired, survivor identity.User) {
	t.Helper()
	found := f.user(t, retired.ID)
	require.Equal(t, survivor.ID, found.MergedInto)
	require.True(t, found.Disabled())
}

func mergeMoves(t *testing.T, f fixture) {
	c := newDuplicatePair(t, f)
	before := f.now(t)
	merge := f.merge(t, c.retired, c.survivor)
	between(t, before, f.now(t), merge.At)
	require.Equal(t, identity.Merge{ID: merge.ID, Retired: c.retired.ID, Survivor: c.survivor.ID, At: merge.At,
		Moved: identity.Moved{
			Accounts: []identity.AccountKey{c.ofRetired.AccountKey, c.another.AccountKey},
			Unions: []identity.Union{{Platform: c.another.Platform, OpenPlatform: c.another.OpenPlatform,
				UnionID: c.another.UnionID}},
		}}, merge)

	requireMerged(t, f, c.retired, c.survivor)
	survivor := f.user(t, c.survivor.ID)
	require.False(t, survivor.Disabled())
	require.Greater(t, survivor.AuthEpoch, c.survivor.AuthEpoch)
	require.Greater(t, f.user(t, c.retired.ID).AuthEpoch, c.retired.AuthEpoch)
	for _, e := range []identity.ExternalIdentity{c.ofRetired, c.ofSurvivor, c.another} {
		f.requireUser(t, survivor, e)
		elsewhere := e
		elsewhere.App, elsewhere.Subject = "app of "+e.App, newName()
		f.requireUser(t, survivor, elsewhere) // and never the retired user
	}
	events := f.eventsOf(t, identity.EventUserMerged, c.retired.ID)
	require.Len(t, events, 1)
	require.Contains(t, events[0].Detail, "into "+c.survivor.ID+": 2 accounts, 1 unions")
	require.NotContains(t, events[0].Detail, c.ofRetired.Subject)
}

func previewDoesNothing(t *testing.T, f fixture) {
	c := newDuplicatePair(t, f)
	preview, err := f.Merges.Preview(t.Context(), c.retired.ID, c.survivor.ID)
	require.NoError(t, err)
	require.Zero(t, preview.ID)
	require.Zero(t, preview.At)
	f.requireUser(t, c.retired, c.ofRetired)
	f.requireUser(t, c.survivor, c.ofSurvivor)
	require.Empty(t, f.eventsOf(t, identity.EventUserMerged, c.retired.ID))

	merge := f.merge(t, c.retired, c.survivor)
	preview.ID, preview.At = merge.ID, merge.At
	require.Equal(t, merge, mergeInUTC(preview))
}

func mergeMovesName(t *testing.T, f fixture) {
	named, nameless := f.newUser(t), f.requireNewUser(t, newIdentity("wx1"))
	require.True(t, f.merge(t, named, nameless).Moved.Username)
	found, err := f.Users.FindByUsername(t.Context(), strings.ToUpper(named.Username))
	require.NoError(t, err)
	require.Equal(t, []string{nameless.ID, named.Username, named.PasswordHash}, []string{found.ID, found.Username,
		found.PasswordHash})
	retired := f.user(t, named.ID)
	require.Empty(t, retired.Username+retired.PasswordHash)

	another := f.newUser(t)
	require.False(t, f.merge(t, another, nameless).Moved.Username, "a user who has a name keeps it")
	require.Equal(t, named.Username, f.user(t, nameless.ID).Username)
	kept := f.user(t, another.ID)
	require.Equal(t, []string{another.Username, another.PasswordHash}, []string{kept.Username, kept.PasswordHash})
	require.True(t, kept.Disabled())
	require.False(t, f.merge(t, f.requireNewUser(t, newIdentity("wx2")), nameless).Moved.Username,
		"there is no name to move")
}

func mergeMovesNoRights(t *testing.T, f fixture) {
	c := newDuplicatePair(t, f)
	require.NoError(t, f.Entitlements.GrantRole(t.Context(), c.retired.ID, "admin"))
	require.NoError(t, f.Entitlements.SetClaims(t.Context(), c.retired.ID, `{"tenant":"t-1"}`))
	f.merge(t, c.retired, c.survivor)
	survivor := f.user(t, c.survivor.ID)
	require.Empty(t, survivor.Roles)
	require.Empty(t, survivor.Claims)
}

func mergeEndsSessions(t *testing.T, f fixture) {
	c, client := newDuplicatePair(t, f), f.newClient(t)
	session, kept := f.signIn(t, c.retired, client), f.signIn(t, c.survivor, client)
	f.merge(t, c.retired, c.survivor)
	require.Equal(t, identity.EndedByMerge, f.session(t, session.ID).EndReason)
	f.requireLive(t, c.retired)
	f.requireLive(t, c.survivor, kept.ID)
	requireStale(t, f, newSession(c.retired, client), c.retired.AuthEpoch)
	requireStale(t, f, newSession(c.survivor, client), c.survivor.AuthEpoch)
	again := f.signIn(t, f.user(t, c.survivor.ID), client)
	f.requireLive(t, c.survivor, again.ID, kept.ID)
}

func mergeIsRejected(t *testing.T, f fixture) {
	c, client := newDuplicatePair(t, f), f.newClient(t)
	rival := f.requireNewUser(t, newIdentity("wx2")) // with an account at the survivor's app
	leaving, gone := f.newUser(t), f.newUser(t)
	_, err := f.Deletions.RequestDeletion(t.Context(), leaving.ID, lifetimes().Idle)
	require.NoError(t, err)
	f.merge(t, gone, f.newUser(t))
	all := []identity.User{f.user(t, c.retired.ID), f.user(t, c.survivor.ID), f.user(t, rival.ID),
		f.user(t, leaving.ID), f.user(t, gone.ID)}
	session := f.signIn(t, c.retired, client)
	before := listMerges(t, f, 1)
	refused := func(retired, survivor string) error {
		_, err := f.Merges.Merge(t.Context(), retired, survivor)
		_, preview := f.Merges.Preview(t.Context(), retired, survivor)
		require.Error(t, err)
		require.EqualError(t, preview, err.Error())
		return err
	}
	for name, pair := range map[string][2]string{
		"with itself":         {c.retired.ID, c.retired.ID},
		`an account at "wx2"`: {rival.ID, c.survivor.ID},
		"the deletion of " + leaving.ID + " is scheduled": {leaving.ID, c.survivor.ID},
		gone.ID + " was already merged into":              {gone.ID, c.survivor.ID},
		"the deletion of " + leaving.ID:                   {c.retired.ID, leaving.ID},
		"into " + f.user(t, gone.ID).MergedInto:           {c.retired.ID, gone.ID},
	} {
		err := refused(pair[0], pair[1])
		require.ErrorIs(t, err, identity.ErrExists)
		require.ErrorContains(t, err, name)
	}
	for _, pair := range [][2]string{{identity.NewUserID(), c.survivor.ID}, {c.retired.ID, identity.NewUserID()},
		{"", ""}} {
		require.ErrorIs(t, refused(pair[0], pair[1]), identity.ErrNotFound)
	}
	for _, user := range all {
		require.Equal(t, user, f.user(t, user.ID))
	}
	f.requireUser(t, c.retired, c.ofRetired)
	f.requireLive(t, c.retired, session.ID)
	require.Equal(t, before, listMerges(t, f, 1))
}

func mergeRaces() []testCase {
	return []testCase{
		{"one of several parallel merges of two users succeeds, in either direction", often(parallelMerges)},
		{"an account that first signs in during a merge belongs to the survivor", mergeRacesSignIn},
		{"a union that first appears during a merge belongs to the survivor", mergeRacesUnion},
		{"a user is either merged or requests the deletion, not both", often(mergeRacesDeletion)},
		{"an account that is unlinked while a merge is undone is erased from the merge", often(undoRacesUnlink)},
		{"a session that is opened during a merge or its undoing ends", mergeRacesOpen},
	}
}

func parallelMerges(t *testing.T, f fixture) {
	c := newDuplicatePair(t, f)
	won := requireOneWinner(t, inParallel(callers, func(n int) won {
		pair := [2]string{c.retired.ID, c.survivor.ID}
		if n/2%2 == 1 { // alternate on each server
			pair = [2]string{c.survivor.ID, c.retired.ID}
		}
		_, err := f.at(n).Merges.Merge(t.Context(), pair[0], pair[1])
		return wonUnless(err, identity.ErrExists)
	}))
	retired, survivor := c.retired, c.survivor
	if won/2%2 == 1 {
		retired, survivor = survivor, retired
	}
	requireMerged(t, f, retired, survivor)
	require.Empty(t, f.user(t, survivor.ID).MergedInto)
	require.Len(t, f.eventsOf(t, identity.EventUserMerged, retired.ID), 1)
	require.Empty(t, f.eventsOf(t, identity.EventUserMerged, survivor.ID))
	for _, e := range []identity.ExternalIdentity{c.ofRetired, c.ofSurvivor, c.another} {
		f.requireUser(t, f.user(t, survivor.ID), e)
	}
}

// raceMerge merges a pair while accounts sign in, and requires that all of them belong to the survivor afterwards.
func raceMerge(t *testing.T, f fixture, identities func(c duplicatePair) []identity.ExternalIdentity) {
	t.Helper()
	for range rounds(f, 40) {
		c := newDuplicatePair(t, f)
		externals := identities(c)
		for _, err := range inParallel(len(externals)+1, func(n int) error {
			if n == len(externals) {
				_, err := f.Merges.Merge(t.Context(), c.retired.ID, c.survivor.ID)
				return err
			}
			_, _, err := f.at(n).Accounts.FindOrCreateUser(t.Context(), externals[n])
			return err
		}) {
			require.NoError(t, err)
		}
		survivor := f.user(t, c.survivor.ID)
		for _, e := range externals {
			f.requireUser(t, survivor, e)
			if e.HasUnion() {
				f.requireUser(t, survivor, inUnion(e.OpenPlatform, e.UnionID, newIdentity("later than "+e.App)))
			}
		}
	}
}

func mergeRacesSignIn(t *testing.T, f fixture) {
	raceMerge(t, f, func(c duplicatePair) (externals []identity.ExternalIdentity) {
		for _, app := range []string{"wx4", "wx5", "wx6", "wx7"} {
			externals = append(externals, inUnion(c.another.OpenPlatform, c.another.UnionID, newIdentity(app)))
		}
		return externals
	})
}

func mergeRacesUnion(t *testing.T, f fixture) {
	raceMerge(t, f, func(c duplicatePair) []identity.ExternalIdentity {
		return []identity.ExternalIdentity{inUnion(newName(), newName(), c.ofRetired),
			inUnion(newName(), newName(), c.another)}
	})
}

func mergeRacesDeletion(t *testing.T, f fixture) {
	user, survivor := f.newUser(t), f.newUser(t)
	left := requireOneWinner(t, inParallel(2, func(n int) won {
		if n == 0 {
			_, err := f.Merges.Merge(t.Context(), user.ID, survivor.ID)
			return wonUnless(err, identity.ErrExists)
		}
		_, err := f.at(n).Deletions.RequestDeletion(t.Context(), user.ID, grace)
		return wonUnless(err, identity.ErrNotFound)
	})) == 1
	found := f.user(t, user.ID)
	require.Equal(t, left, found.DeletionRequested())
	require.Equal(t, left, found.MergedInto == "")
}

func undoRacesUnlink(t *testing.T, f fixture) {
	c := newDuplicatePair(t, f)
	merge := f.merge(t, c.retired, c.survivor)
	unlinked := false
	for _, err := range inParallel(2, func(n int) error {
		if n == 0 {
			_, err := f.Merges.Undo(t.Context(), merge.ID)
			return err
		}
		_, err := f.at(n).Accounts.Unlink(t.Context(), c.survivor.ID, c.another.AccountKey)
		answer := wonUnless(err, identity.ErrNotFound)
		unlinked = answer.won
		return answer.err
	}) {
		require.NoError(t, err)
	}
	remembered := listMerges(t, f, 1)[0]
	require.False(t, remembered.UndoneAt.IsZero())
	merge.UndoneAt = remembered.UndoneAt
	require.Equal(t, blank(merge), remembered)
	if unlinked {
		f.requireAccounts(t, c.retired, c.ofRetired.AccountKey)
	} else {
		f.requireAccounts(t, c.retired, c.ofRetired.AccountKey, c.another.AccountKey)
	}
}

func mergeRacesOpen(t *testing.T, f fixture) {
	race(t, f, 250, func(t *testing.T, retired identity.User, client identity.Client) error {
		survivor, err := f.Users.Create(t.Context(), newName(), "hash")
		if err != nil {
			return err
		}
		var merge identity.Merge
		err = raceOpen(t, f, retired, client, func(ctx context.Context, id string) (err error) {
			merge, err = f.Merges.Merge(ctx, id, survivor.ID)
			return err
		})
		if err != nil {
			return err
		}
		return raceOpen(t, f, survivor, client, func(ctx context.Context, _ string) error {
			_, err := f.Merges.Undo(ctx, merge.ID)
			return err
		})
	})
}
