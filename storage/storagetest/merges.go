package storagetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func joins() []testCase {
	return slices.Concat([]testCase{
		{"what leads to the retired user leads to the survivor from then on", joinMoves},
		{"a preview says what a merge does, and does nothing", previewDoesNothing},
		{"name and password go to a survivor who has neither", joinMovesName},
		{"what a person may do is not the sum of what two could", joinMovesNoRights},
		{"the retired user's sessions end, and none opens as of before", joinEndsSessions},
		{"users who cannot be joined are as they were", noJoin},
		{"joins are listed, the newest first", listOfJoins},
		{"hostile ids join nothing", hostileJoins},
		{"ended contexts join nothing", contextEndsJoins},
	}, twins(), joinsUndone(), joinsParted(), joinRaces())
}

// couple is one person who became two users: one app was bound to its Open Platform account only after both
// had signed in.
type couple struct {
	retired, survivor identity.User
	of, own           identity.ExternalIdentity // what they signed in with, as the platform tells of it now
	alone             identity.ExternalIdentity // of the retired user, who had a union elsewhere that nobody else is in
}

func newCouple(t *testing.T, f fixture) couple {
	t.Helper()
	op, union := newName(), newName()
	c := couple{
		of: in(op, union, sight("wx1", newName())), own: in(op, union, sight("wx2", newName())),
		alone: in(newName(), newName(), sight("wx3", newName())),
	}
	c.retired = f.requireNew(t, c.alone)
	require.NoError(t, f.Accounts.Link(t.Context(), c.retired.ID, sight("wx1", c.of.Subject)))
	c.survivor = f.requireNew(t, c.own)
	f.requireSeen(t, c.retired, c.of)
	return c
}

func (f fixture) join(t *testing.T, retired, survivor identity.User) identity.Merge {
	t.Helper()
	join, err := f.Merges.Merge(t.Context(), retired.ID, survivor.ID)
	require.NoError(t, err)
	return mergeInUTC(join)
}

func mergeInUTC(join identity.Merge) identity.Merge {
	join.At, join.UndoneAt = join.At.UTC(), join.UndoneAt.UTC()
	return join
}

// requireJoined wants a user to resolve to another one.
func requireJoined(t *testing.T, f fixture, retired, survivor identity.User) {
	t.Helper()
	found := f.user(t, retired.ID)
	require.Equal(t, survivor.ID, found.MergedInto)
	require.True(t, found.Disabled())
}

func joinMoves(t *testing.T, f fixture) {
	c := newCouple(t, f)
	before := f.now(t)
	join := f.join(t, c.retired, c.survivor)
	between(t, before, f.now(t), join.At)
	require.Equal(t, identity.Merge{ID: join.ID, Retired: c.retired.ID, Survivor: c.survivor.ID, At: join.At,
		Moved: identity.Moved{
			Accounts: []identity.AccountKey{c.of.AccountKey, c.alone.AccountKey},
			Unions: []identity.Union{{Platform: c.alone.Platform, OpenPlatform: c.alone.OpenPlatform,
				UnionID: c.alone.UnionID}},
		}}, join)

	requireJoined(t, f, c.retired, c.survivor)
	survivor := f.user(t, c.survivor.ID)
	require.False(t, survivor.Disabled())
	require.Greater(t, survivor.AuthEpoch, c.survivor.AuthEpoch)
	require.Greater(t, f.user(t, c.retired.ID).AuthEpoch, c.retired.AuthEpoch)
	for _, s := range []identity.ExternalIdentity{c.of, c.own, c.alone} {
		f.requireSeen(t, survivor, s)
		person := s
		person.App, person.Subject = "app of "+s.App, newName()
		f.requireSeen(t, survivor, person) // and never the retired one
	}
	told := f.eventsOf(t, identity.EventUserMerged, c.retired.ID)
	require.Len(t, told, 1)
	require.Contains(t, told[0].Detail, "into "+c.survivor.ID+": 2 accounts, 1 unions")
	require.NotContains(t, told[0].Detail, c.of.Subject)
}

func previewDoesNothing(t *testing.T, f fixture) {
	c := newCouple(t, f)
	preview, err := f.Merges.Preview(t.Context(), c.retired.ID, c.survivor.ID)
	require.NoError(t, err)
	require.Zero(t, preview.ID)
	require.Zero(t, preview.At)
	f.requireSeen(t, c.retired, c.of)
	f.requireSeen(t, c.survivor, c.own)
	require.Empty(t, f.eventsOf(t, identity.EventUserMerged, c.retired.ID))

	join := f.join(t, c.retired, c.survivor)
	preview.ID, preview.At = join.ID, join.At
	require.Equal(t, join, mergeInUTC(preview))
}

func joinMovesName(t *testing.T, f fixture) {
	named, nameless := f.newUser(t), f.requireNew(t, sight("wx1", newName()))
	require.True(t, f.join(t, named, nameless).Moved.Username)
	found, err := f.Users.FindByUsername(t.Context(), strings.ToUpper(named.Username))
	require.NoError(t, err)
	require.Equal(t, []string{nameless.ID, named.Username, named.PasswordHash}, []string{found.ID, found.Username,
		found.PasswordHash})
	retired := f.user(t, named.ID)
	require.Empty(t, retired.Username+retired.PasswordHash)

	another := f.newUser(t)
	require.False(t, f.join(t, another, nameless).Moved.Username, "who has a name keeps it")
	require.Equal(t, named.Username, f.user(t, nameless.ID).Username)
	kept := f.user(t, another.ID)
	require.Equal(t, []string{another.Username, another.PasswordHash}, []string{kept.Username, kept.PasswordHash})
	require.True(t, kept.Disabled())
	require.False(t, f.join(t, f.requireNew(t, sight("wx2", newName())), nameless).Moved.Username, "there is none")
}

func joinMovesNoRights(t *testing.T, f fixture) {
	c := newCouple(t, f)
	require.NoError(t, f.Entitlements.GrantRole(t.Context(), c.retired.ID, "admin"))
	require.NoError(t, f.Entitlements.SetClaims(t.Context(), c.retired.ID, `{"tenant":"t-1"}`))
	f.join(t, c.retired, c.survivor)
	survivor := f.user(t, c.survivor.ID)
	require.Empty(t, survivor.Roles)
	require.Empty(t, survivor.Claims)
}

func joinEndsSessions(t *testing.T, f fixture) {
	c, client := newCouple(t, f), f.newClient(t)
	session, kept := f.signIn(t, c.retired, client), f.signIn(t, c.survivor, client)
	f.join(t, c.retired, c.survivor)
	require.Equal(t, identity.EndedByMerge, f.session(t, session.ID).EndReason)
	f.requireLive(t, c.retired)
	f.requireLive(t, c.survivor, kept.ID)
	requireStale(t, f, newSession(c.retired, client), c.retired.AuthEpoch)
	requireStale(t, f, newSession(c.survivor, client), c.survivor.AuthEpoch)
	again := f.signIn(t, f.user(t, c.survivor.ID), client)
	f.requireLive(t, c.survivor, again.ID, kept.ID)
}

func noJoin(t *testing.T, f fixture) {
	c, client := newCouple(t, f), f.newClient(t)
	rival := f.requireNew(t, sight("wx2", newName())) // at the survivor's app
	leaving, gone := f.newUser(t), f.newUser(t)
	_, err := f.Deletions.RequestDeletion(t.Context(), leaving.ID, lifetimes().Idle)
	require.NoError(t, err)
	f.join(t, gone, f.newUser(t))
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
	f.requireSeen(t, c.retired, c.of)
	f.requireLive(t, c.retired, session.ID)
	require.Equal(t, before, listMerges(t, f, 1))
}

func joinRaces() []testCase {
	return []testCase{
		{"of parallel joins of two users, whichever way, one wins", often(parallelJoins)},
		{"an account first seen while its user is joined is the survivor's", joinRacesSight},
		{"a union first seen while its user is joined is the survivor's", joinRacesUnion},
		{"a user who leaves while joined either does, or is joined", often(joinRacesLeave)},
		{"an account that is unlinked while its join is undone is remembered by none", often(undoRacesUnlink)},
		{"a session opened while its user is joined or parted does not live", joinRacesOpen},
	}
}

func parallelJoins(t *testing.T, f fixture) {
	c := newCouple(t, f)
	won := requireOneWinner(t, together(crowd, func(n int) won {
		pair := [2]string{c.retired.ID, c.survivor.ID}
		if n/2%2 == 1 { // of either server's
			pair = [2]string{c.survivor.ID, c.retired.ID}
		}
		_, err := f.at(n).Merges.Merge(t.Context(), pair[0], pair[1])
		return wonUnless(err, identity.ErrExists)
	}))
	retired, survivor := c.retired, c.survivor
	if won/2%2 == 1 {
		retired, survivor = survivor, retired
	}
	requireJoined(t, f, retired, survivor)
	require.Empty(t, f.user(t, survivor.ID).MergedInto)
	require.Len(t, f.eventsOf(t, identity.EventUserMerged, retired.ID), 1)
	require.Empty(t, f.eventsOf(t, identity.EventUserMerged, survivor.ID))
	for _, s := range []identity.ExternalIdentity{c.of, c.own, c.alone} {
		f.requireSeen(t, f.user(t, survivor.ID), s)
	}
}

// raceJoin joins a couple while others sign in, and wants all of them to be the survivor from then on.
func raceJoin(t *testing.T, f fixture, identities func(c couple) []identity.ExternalIdentity) {
	t.Helper()
	for range rounds(f, 40) {
		c := newCouple(t, f)
		seen := identities(c)
		for _, err := range together(len(seen)+1, func(n int) error {
			if n == len(seen) {
				_, err := f.Merges.Merge(t.Context(), c.retired.ID, c.survivor.ID)
				return err
			}
			_, _, err := f.at(n).Accounts.FindOrCreateUser(t.Context(), seen[n])
			return err
		}) {
			require.NoError(t, err)
		}
		survivor := f.user(t, c.survivor.ID)
		for _, s := range seen {
			f.requireSeen(t, survivor, s)
			if s.HasUnion() {
				f.requireSeen(t, survivor, in(s.OpenPlatform, s.UnionID, sight("later than "+s.App, newName())))
			}
		}
	}
}

func joinRacesSight(t *testing.T, f fixture) {
	raceJoin(t, f, func(c couple) (seen []identity.ExternalIdentity) {
		for _, app := range []string{"wx4", "wx5", "wx6", "wx7"} {
			seen = append(seen, in(c.alone.OpenPlatform, c.alone.UnionID, sight(app, newName())))
		}
		return seen
	})
}

func joinRacesUnion(t *testing.T, f fixture) {
	raceJoin(t, f, func(c couple) []identity.ExternalIdentity {
		return []identity.ExternalIdentity{in(newName(), newName(), c.of), in(newName(), newName(), c.alone)}
	})
}

func joinRacesLeave(t *testing.T, f fixture) {
	user, survivor := f.newUser(t), f.newUser(t)
	left := requireOneWinner(t, together(2, func(n int) won {
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
	c := newCouple(t, f)
	join := f.join(t, c.retired, c.survivor)
	unlinked := false
	for _, err := range together(2, func(n int) error {
		if n == 0 {
			_, err := f.Merges.Undo(t.Context(), join.ID)
			return err
		}
		_, err := f.at(n).Accounts.Unlink(t.Context(), c.survivor.ID, c.alone.AccountKey)
		answer := wonUnless(err, identity.ErrNotFound)
		unlinked = answer.won
		return answer.err
	}) {
		require.NoError(t, err)
	}
	remembered := listMerges(t, f, 1)[0]
	require.False(t, remembered.UndoneAt.IsZero())
	join.UndoneAt = remembered.UndoneAt
	require.Equal(t, blank(join), remembered)
	if unlinked {
		f.requireAccounts(t, c.retired, c.of.AccountKey)
	} else {
		f.requireAccounts(t, c.retired, c.of.AccountKey, c.alone.AccountKey)
	}
}

func joinRacesOpen(t *testing.T, f fixture) {
	race(t, f, 250, func(t *testing.T, retired identity.User, client identity.Client) error {
		survivor, err := f.Users.Create(t.Context(), newName(), "hash")
		if err != nil {
			return err
		}
		var join identity.Merge
		err = raceOpen(t, f, retired, client, func(ctx context.Context, id string) (err error) {
			join, err = f.Merges.Merge(ctx, id, survivor.ID)
			return err
		})
		if err != nil {
			return err
		}
		return raceOpen(t, f, survivor, client, func(ctx context.Context, _ string) error {
			_, err := f.Merges.Undo(ctx, join.ID)
			return err
		})
	})
}
