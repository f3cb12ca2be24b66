package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func mergesUndone() []testCase {
	return []testCase{
		{"undoing restores both users and ends the survivor's sessions", undoRestores},
		{"undoing gives back only what the survivor still has", undoWhatIsLeft},
		{"a merge can be undone once", undoOnce},
		{"later merges must be undone first", undoOrder},
		{"a chain of merges resolves in one look-up and can be undone in reverse order", mergeChain},
	}
}

func (f fixture) undo(t *testing.T, merge identity.Merge) identity.Merge {
	t.Helper()
	undone, err := f.Merges.Undo(t.Context(), merge.ID)
	require.NoError(t, err)
	return mergeInUTC(undone)
}

// requireNotYet requires that a merge cannot be undone before another one, which the error names.
func requireNotYet(t *testing.T, f fixture, merge, first identity.Merge) {
	t.Helper()
	_, err := f.Merges.Undo(t.Context(), merge.ID)
	require.ErrorIs(t, err, identity.ErrExists)
	require.ErrorContains(t, err, first.ID)
	requireMerged(t, f, f.user(t, merge.Retired), f.user(t, f.user(t, merge.Retired).MergedInto))
}

func undoRestores(t *testing.T, f fixture) {
	c, client := newDuplicatePair(t, f), f.newClient(t)
	name := newName()
	require.NoError(t, f.Users.SetUsername(t.Context(), c.retired.ID, name))
	require.NoError(t, f.Users.SetPassword(t.Context(), c.retired.ID, "hash"))
	retired := f.user(t, c.retired.ID)
	merge := f.merge(t, c.retired, c.survivor)
	require.True(t, merge.Moved.Username)
	merged := f.user(t, c.survivor.ID)
	session := f.signIn(t, merged, client)
	before := f.now(t)
	undone := f.undo(t, merge)
	between(t, before, f.now(t), undone.UndoneAt)
	merge.UndoneAt = undone.UndoneAt
	require.Equal(t, merge, undone)
	require.Equal(t, []identity.Merge{blank(merge)}, listMerges(t, f, 1))

	restored, survivor := f.user(t, retired.ID), f.user(t, c.survivor.ID)
	require.Greater(t, restored.AuthEpoch, retired.AuthEpoch)
	require.Greater(t, survivor.AuthEpoch, merged.AuthEpoch)
	restored.AuthEpoch, survivor.AuthEpoch = retired.AuthEpoch, c.survivor.AuthEpoch
	require.Equal(t, retired, restored)
	require.Equal(t, c.survivor, survivor)
	require.Equal(t, identity.EndedByMerge, f.session(t, session.ID).EndReason)
	f.requireLive(t, c.survivor)
	requireStale(t, f, newSession(c.survivor, client), merged.AuthEpoch)
	f.signIn(t, f.user(t, retired.ID), client)

	restored, survivor = f.user(t, retired.ID), f.user(t, c.survivor.ID)
	f.requireUser(t, restored, c.ofRetired)
	f.requireUser(t, restored, c.another)
	f.requireUser(t, survivor, c.ofSurvivor)
	f.requireUser(t, survivor, inUnion(c.ofRetired.OpenPlatform, c.ofRetired.UnionID, newIdentity("wx8")))
	f.requireUser(t, restored, inUnion(c.another.OpenPlatform, c.another.UnionID, newIdentity("wx9")))
	events := f.eventsOf(t, identity.EventMergeUndone, retired.ID)
	require.Len(t, events, 1)
	require.Contains(t, events[0].Detail, "from "+c.survivor.ID+": 2 accounts, 1 unions")
	f.merge(t, restored, survivor) // it can be merged again
}

func undoWhatIsLeft(t *testing.T, f fixture) {
	c := newDuplicatePair(t, f)
	require.NoError(t, f.Users.SetUsername(t.Context(), c.retired.ID, newName()))
	merge := f.merge(t, c.retired, c.survivor)
	taken, err := f.Accounts.Unlink(t.Context(), c.survivor.ID, c.another.AccountKey)
	require.NoError(t, err)
	require.Equal(t, []identity.AccountKey{c.another.AccountKey}, taken)
	stranger := f.requireNewUser(t, c.another) // who has it from now on
	added := newIdentity("wx7")
	require.NoError(t, f.Accounts.Link(t.Context(), c.survivor.ID, added))

	require.Equal(t, identity.Moved{Accounts: []identity.AccountKey{c.ofRetired.AccountKey}, Username: true},
		f.undo(t, merge).Moved)
	f.requireUser(t, stranger, c.another)
	f.requireUser(t, f.user(t, c.retired.ID), c.ofRetired)
	f.requireUser(t, f.user(t, c.survivor.ID), added)
}

func undoOnce(t *testing.T, f fixture) {
	c := newDuplicatePair(t, f)
	merge := f.merge(t, c.retired, c.survivor)
	requireOneWinner(t, inParallel(callers, func(n int) won {
		_, err := f.at(n).Merges.Undo(t.Context(), merge.ID)
		return wonUnless(err, identity.ErrNotFound)
	}))
	_, err := f.Merges.Undo(t.Context(), identity.NewSessionID())
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.Len(t, f.eventsOf(t, identity.EventMergeUndone, c.retired.ID), 1)
}

func undoOrder(t *testing.T, f fixture) {
	survivor := f.newUser(t)
	first, second, third := f.merge(t, f.newUser(t), survivor), f.merge(t, f.newUser(t), survivor),
		f.merge(t, f.newUser(t), survivor)
	requireNotYet(t, f, first, third)
	requireNotYet(t, f, second, third)
	f.undo(t, third)
	requireNotYet(t, f, first, second)
	nextSurvivor := f.newUser(t)
	last := f.merge(t, survivor, nextSurvivor)
	requireNotYet(t, f, first, last)
	requireNotYet(t, f, second, last)
	f.undo(t, last)
	f.undo(t, second)
	f.undo(t, first)
}

func mergeChain(t *testing.T, f fixture) {
	a, b, c, d := f.requireNewUser(t, newIdentity("wx1")), newDuplicatePair(t, f), f.newUser(t), f.newUser(t)
	account, err := f.Accounts.List(t.Context(), a.ID)
	require.NoError(t, err)
	_, err = f.Accounts.Unlink(t.Context(), b.retired.ID, b.ofRetired.AccountKey) // otherwise both are at one app
	require.NoError(t, err)
	toB, dToB := f.merge(t, a, b.retired), f.merge(t, d, b.retired)
	toC := f.merge(t, b.retired, c)
	require.Contains(t, toC.Moved.Accounts, account[0].AccountKey)
	for _, retired := range []identity.User{a, d, b.retired} {
		requireMerged(t, f, retired, c)
	}
	toSurvivor := f.merge(t, c, b.survivor)
	for _, retired := range []identity.User{a, d, b.retired, c} {
		requireMerged(t, f, retired, b.survivor)
	}
	requireNotYet(t, f, toC, toSurvivor)
	f.undo(t, toSurvivor)
	for _, retired := range []identity.User{a, d, b.retired} {
		requireMerged(t, f, retired, c)
	}
	require.Empty(t, f.user(t, c.ID).MergedInto)
	requireNotYet(t, f, toB, toC)
	f.undo(t, toC)
	requireMerged(t, f, a, b.retired)
	requireMerged(t, f, d, b.retired)
	f.requireUser(t, f.user(t, b.retired.ID), identity.ExternalIdentity{AccountKey: account[0].AccountKey})

	f.undo(t, dToB)
	requireMerged(t, f, a, b.retired)
	again := f.merge(t, b.retired, c)
	requireMerged(t, f, a, c)
	require.Empty(t, f.user(t, d.ID).MergedInto, "a user whose merge was undone is not merged again")
	f.undo(t, again)
	f.undo(t, toB)
	f.requireUser(t, f.user(t, a.ID), identity.ExternalIdentity{AccountKey: account[0].AccountKey})
	require.False(t, f.user(t, a.ID).Disabled())
}

// mergesOfTwoPeople are merges of two different people: after the merge is undone, neither may have access to what
// the other one added.
func mergesOfTwoPeople() []testCase {
	return []testCase{
		{"an account that was added through a union moves back with the union", newAccountGoesBack},
		{"a union that was added through an account moves back with the account", newUnionGoesBack},
		{"what the survivor had before stays, even in a union that moves back", ownStays},
		{"a name does not move back with a password that the other person set", passwordStaysOut},
		{"a new password of the survivor is reported as a warning", ownPasswordIsReported},
		{"a new request for deletion is reported as a warning", deletionRequestIsReported},
		{"a merge does not contain accounts that were unlinked or moved back", mergeIsRedacted},
	}
}

// blank returns a merge as it is stored once it is undone.
func blank(merge identity.Merge) identity.Merge {
	of := merge.Moved
	merge.Moved = identity.Moved{Username: of.Username}
	for _, a := range of.Accounts {
		merge.Moved.Accounts = append(merge.Moved.Accounts, identity.AccountKey{Platform: a.Platform, App: a.App})
	}
	for _, u := range of.Unions {
		merge.Moved.Unions = append(merge.Moved.Unions, identity.Union{Platform: u.Platform,
			OpenPlatform: u.OpenPlatform})
	}
	return merge
}

// atAnotherApp returns an identity that was never seen at an app, in the union of another identity.
func atAnotherApp(app string, of identity.ExternalIdentity) identity.ExternalIdentity {
	return inUnion(of.OpenPlatform, of.UnionID, newIdentity(app))
}

func newAccountGoesBack(t *testing.T, f fixture) {
	theirs, own := inUnion("op", newName(), newIdentity("wx1")), inUnion("op", newName(), newIdentity("wx2"))
	wrong, survivor := f.requireNewUser(t, theirs), f.requireNewUser(t, own)
	merge := f.merge(t, wrong, survivor)
	third, fourth, byHand := atAnotherApp("wx3", theirs), atAnotherApp("wx4", own), newIdentity("wx5")
	for _, e := range []identity.ExternalIdentity{third, fourth} {
		f.requireUser(t, f.user(t, survivor.ID), e)
	}
	f.link(t, survivor, byHand)

	undone := f.undo(t, merge)
	require.Equal(t, []identity.AccountKey{theirs.AccountKey, third.AccountKey}, undone.Moved.Accounts)
	require.Equal(t, merge.Moved.Unions, undone.Moved.Unions)
	f.requireAccounts(t, wrong, theirs.AccountKey, third.AccountKey)
	f.requireAccounts(t, survivor, own.AccountKey, fourth.AccountKey, byHand.AccountKey)
	for _, e := range []identity.ExternalIdentity{theirs, third, atAnotherApp("wx6", theirs)} {
		f.requireUser(t, f.user(t, wrong.ID), e)
	}
	require.Len(t, undone.Warnings, 2, "only an operator can know whose these are")
	require.Contains(t, undone.Warnings[0], survivor.ID+" keeps the account wechat wx4 "+fourth.Subject)
	require.Contains(t, undone.Warnings[1], "wechat wx5 "+byHand.Subject)
}

// newUnionGoesBack binds the app of the retired user to an Open Platform account after the merge.
func newUnionGoesBack(t *testing.T, f fixture) {
	theirs, own := newIdentity("wx1"), newIdentity("wx2")
	wrong, survivor := f.requireNewUser(t, theirs), f.requireNewUser(t, own)
	merge := f.merge(t, wrong, survivor)
	theirs, own = inUnion("op", newName(), theirs), inUnion("op", newName(), own)
	third := atAnotherApp("wx3", theirs)
	for _, e := range []identity.ExternalIdentity{theirs, own, third} {
		f.requireUser(t, f.user(t, survivor.ID), e)
	}
	undone := f.undo(t, merge)
	require.Equal(t, []identity.AccountKey{theirs.AccountKey, third.AccountKey}, undone.Moved.Accounts)
	require.Equal(t, []identity.Union{{Platform: theirs.Platform, OpenPlatform: "op", UnionID: theirs.UnionID}},
		undone.Moved.Unions)
	require.Empty(t, undone.Warnings)
	for _, e := range []identity.ExternalIdentity{theirs, third, atAnotherApp("wx4", theirs)} {
		f.requireUser(t, f.user(t, wrong.ID), e)
	}
	for _, e := range []identity.ExternalIdentity{own, atAnotherApp("wx4", own)} {
		f.requireUser(t, f.user(t, survivor.ID), e)
	}
}

func ownStays(t *testing.T, f fixture) {
	c := newDuplicatePair(t, f)
	merge := f.merge(t, c.survivor, c.retired) // merges the owner of the union into a user who has an account in it
	undone := f.undo(t, merge)
	require.Equal(t, merge.Moved, undone.Moved)
	f.requireAccounts(t, c.retired, c.ofRetired.AccountKey, c.another.AccountKey)
	f.requireAccounts(t, c.survivor, c.ofSurvivor.AccountKey)

	theirs, own := newIdentity("wx1"), newIdentity("wx2")
	wrong, survivor := f.requireNewUser(t, theirs), f.requireNewUser(t, own)
	merge = f.merge(t, wrong, survivor)
	theirs = inUnion("op", newName(), theirs)
	own = inUnion("op", theirs.UnionID, own)
	f.requireUser(t, f.user(t, survivor.ID), own)
	f.requireUser(t, f.user(t, survivor.ID), theirs)
	require.Equal(t, merge.Moved, f.undo(t, merge).Moved, "a union that both are in may stay")
	f.requireUser(t, f.user(t, survivor.ID), atAnotherApp("wx3", own))
	f.requireAccounts(t, wrong, theirs.AccountKey)
}

func passwordStaysOut(t *testing.T, f fixture) {
	named, survivor := f.newUser(t), f.requireNewUser(t, newIdentity("wx1"))
	merge := f.merge(t, named, survivor)
	require.NoError(t, f.Users.SetPassword(t.Context(), survivor.ID, "hash of the wrong person's"))
	undone := f.undo(t, merge)
	require.True(t, undone.Moved.Username)
	require.Len(t, undone.Warnings, 1)
	require.Contains(t, undone.Warnings[0], "the user name of "+named.ID+" is back without a password")
	restored := f.user(t, named.ID)
	require.Equal(t, named.Username, restored.Username)
	require.Empty(t, restored.PasswordHash)
	require.Empty(t, f.user(t, survivor.ID).PasswordHash)

	without, err := f.Users.Create(t.Context(), newName(), "")
	require.NoError(t, err)
	merge = f.merge(t, without, survivor)
	require.NoError(t, f.Users.SetPassword(t.Context(), survivor.ID, "another hash of the wrong person's"))
	require.Len(t, f.undo(t, merge).Warnings, 1)
	require.Empty(t, f.user(t, without.ID).PasswordHash, "there was none")

	merge = f.merge(t, named, survivor)
	require.NoError(t, f.Users.SetPassword(t.Context(), survivor.ID, "hash"))
	nextSurvivor := f.requireNewUser(t, newIdentity("wx2"))
	later := f.merge(t, survivor, nextSurvivor)
	require.Empty(t, f.undo(t, later).Warnings, "it was not set since that merge")
	require.Equal(t, "hash", f.user(t, survivor.ID).PasswordHash)
	require.Len(t, f.undo(t, merge).Warnings, 1)
	require.Empty(t, f.user(t, named.ID).PasswordHash)
}

func ownPasswordIsReported(t *testing.T, f fixture) {
	named, nameless, survivor, newly := f.newUser(t), f.requireNewUser(t, newIdentity("wx1")), f.newUser(t),
		f.requireNewUser(t, newIdentity("wx2"))
	merge := f.merge(t, named, survivor)
	require.NoError(t, f.Users.SetPassword(t.Context(), survivor.ID, "perhaps the wrong person's"))
	undone := f.undo(t, merge)
	require.Len(t, undone.Warnings, 1)
	require.Contains(t, undone.Warnings[0], "the password of "+survivor.ID+" was set")
	require.Equal(t, "perhaps the wrong person's", f.user(t, survivor.ID).PasswordHash)
	require.Equal(t, named.PasswordHash, f.user(t, named.ID).PasswordHash)

	merge = f.merge(t, nameless, newly)
	require.NoError(t, f.Users.SetUsername(t.Context(), newly.ID, newName()))
	require.NoError(t, f.Users.SetPassword(t.Context(), newly.ID, "perhaps the wrong person's"))
	require.Len(t, f.undo(t, merge).Warnings, 1)
	require.Empty(t, f.undo(t, f.merge(t, nameless, newly)).Warnings, "nothing was added")
}

func deletionRequestIsReported(t *testing.T, f fixture) {
	wrong, survivor := f.newUser(t), f.newUser(t)
	merge := f.merge(t, wrong, survivor)
	f.requestDeletion(t, survivor, grace)
	undone := f.undo(t, merge)
	require.Len(t, undone.Warnings, 1)
	require.Contains(t, undone.Warnings[0], survivor.ID+" asked to be deleted after the merge")
	require.True(t, f.user(t, survivor.ID).DeletionRequested())
	require.False(t, f.user(t, wrong.ID).DeletionRequested())
}

func mergeIsRedacted(t *testing.T, f fixture) {
	c, nextSurvivor := newDuplicatePair(t, f), f.newUser(t)
	first := f.merge(t, c.retired, c.survivor)
	second := f.merge(t, c.survivor, nextSurvivor)
	f.unlink(t, nextSurvivor, c.another, c.another.AccountKey)
	for _, merge := range []*identity.Merge{&first, &second} { // ofRetired and ofSurvivor are in one union
		for n, a := range merge.Moved.Accounts {
			if a == c.another.AccountKey {
				merge.Moved.Accounts[n].Subject = ""
			}
		}
		for n, u := range merge.Moved.Unions {
			if u.UnionID == c.another.UnionID {
				merge.Moved.Unions[n].UnionID = ""
			}
		}
	}
	require.Equal(t, []identity.Merge{second, first}, listMerges(t, f, 2))
	undone := f.undo(t, second)
	require.Equal(t, []identity.AccountKey{c.ofRetired.AccountKey, c.ofSurvivor.AccountKey}, undone.Moved.Accounts)
	second.UndoneAt = undone.UndoneAt
	require.Equal(t, []identity.Merge{blank(second), first}, listMerges(t, f, 2))
	require.Equal(t, []identity.AccountKey{c.ofRetired.AccountKey}, f.undo(t, first).Moved.Accounts)
	stranger := f.requireNewUser(t, c.another)
	f.requireAccounts(t, stranger, c.another.AccountKey)
}
