package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func joinsUndone() []testCase {
	return []testCase{
		{"undoing restores both users and ends the survivor's sessions", undoRestores},
		{"undoing gives back only what the survivor still has", undoWhatIsLeft},
		{"a merge is undone once", undoOnce},
		{"what was joined later is undone before", undoOrder},
		{"a chain of joins resolves in one look-up and unwinds", joinChain},
	}
}

func (f fixture) undo(t *testing.T, join identity.Merge) identity.Merge {
	t.Helper()
	undone, err := f.Merges.Undo(t.Context(), join.ID)
	require.NoError(t, err)
	return mergeInUTC(undone)
}

// requireNotYet wants a merge to be undone only after another one, which is named.
func requireNotYet(t *testing.T, f fixture, join, first identity.Merge) {
	t.Helper()
	_, err := f.Merges.Undo(t.Context(), join.ID)
	require.ErrorIs(t, err, identity.ErrExists)
	require.ErrorContains(t, err, first.ID)
	requireJoined(t, f, f.user(t, join.Retired), f.user(t, f.user(t, join.Retired).MergedInto))
}

func undoRestores(t *testing.T, f fixture) {
	c, client := newCouple(t, f), f.newClient(t)
	name := newName()
	require.NoError(t, f.Users.Name(t.Context(), c.retired.ID, name))
	require.NoError(t, f.Users.SetPassword(t.Context(), c.retired.ID, "hash"))
	retired := f.user(t, c.retired.ID)
	join := f.join(t, c.retired, c.survivor)
	require.True(t, join.Moved.Username)
	joined := f.user(t, c.survivor.ID)
	session := f.signIn(t, joined, client)
	before := f.now(t)
	undone := f.undo(t, join)
	between(t, before, f.now(t), undone.UndoneAt)
	join.UndoneAt = undone.UndoneAt
	require.Equal(t, join, undone)
	require.Equal(t, []identity.Merge{blank(join)}, listMerges(t, f, 1))

	parted, survivor := f.user(t, retired.ID), f.user(t, c.survivor.ID)
	require.Greater(t, parted.AuthEpoch, retired.AuthEpoch)
	require.Greater(t, survivor.AuthEpoch, joined.AuthEpoch)
	parted.AuthEpoch, survivor.AuthEpoch = retired.AuthEpoch, c.survivor.AuthEpoch
	require.Equal(t, retired, parted)
	require.Equal(t, c.survivor, survivor)
	require.Equal(t, identity.EndedByMerge, f.session(t, session.ID).EndReason)
	f.requireLive(t, c.survivor)
	requireStale(t, f, newSession(c.survivor, client), joined.AuthEpoch)
	f.signIn(t, f.user(t, retired.ID), client)

	parted, survivor = f.user(t, retired.ID), f.user(t, c.survivor.ID)
	f.requireSeen(t, parted, c.of)
	f.requireSeen(t, parted, c.alone)
	f.requireSeen(t, survivor, c.own)
	f.requireSeen(t, survivor, in(c.of.OpenPlatform, c.of.UnionID, sight("wx8", newName())))
	f.requireSeen(t, parted, in(c.alone.OpenPlatform, c.alone.UnionID, sight("wx9", newName())))
	told := f.eventsOf(t, identity.EventMergeUndone, retired.ID)
	require.Len(t, told, 1)
	require.Contains(t, told[0].Detail, "from "+c.survivor.ID+": 2 accounts, 1 unions")
	f.join(t, parted, survivor) // once more
}

func undoWhatIsLeft(t *testing.T, f fixture) {
	c := newCouple(t, f)
	require.NoError(t, f.Users.Name(t.Context(), c.retired.ID, newName()))
	join := f.join(t, c.retired, c.survivor)
	taken, err := f.Accounts.Unlink(t.Context(), c.survivor.ID, c.alone.AccountKey)
	require.NoError(t, err)
	require.Equal(t, []identity.AccountKey{c.alone.AccountKey}, taken)
	stranger := f.requireNew(t, c.alone) // whose it is from now on
	added := sight("wx7", newName())
	require.NoError(t, f.Accounts.Link(t.Context(), c.survivor.ID, added))

	require.Equal(t, identity.Moved{Accounts: []identity.AccountKey{c.of.AccountKey}, Username: true},
		f.undo(t, join).Moved)
	f.requireSeen(t, stranger, c.alone)
	f.requireSeen(t, f.user(t, c.retired.ID), c.of)
	f.requireSeen(t, f.user(t, c.survivor.ID), added)
}

func undoOnce(t *testing.T, f fixture) {
	c := newCouple(t, f)
	join := f.join(t, c.retired, c.survivor)
	requireOneWinner(t, together(crowd, func(n int) won {
		_, err := f.at(n).Merges.Undo(t.Context(), join.ID)
		return wonUnless(err, identity.ErrNotFound)
	}))
	_, err := f.Merges.Undo(t.Context(), identity.NewSessionID())
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.Len(t, f.eventsOf(t, identity.EventMergeUndone, c.retired.ID), 1)
}

func undoOrder(t *testing.T, f fixture) {
	survivor := f.newUser(t)
	first, second, third := f.join(t, f.newUser(t), survivor), f.join(t, f.newUser(t), survivor),
		f.join(t, f.newUser(t), survivor)
	requireNotYet(t, f, first, third)
	requireNotYet(t, f, second, third)
	f.undo(t, third)
	requireNotYet(t, f, first, second)
	heir := f.newUser(t)
	last := f.join(t, survivor, heir)
	requireNotYet(t, f, first, last)
	requireNotYet(t, f, second, last)
	f.undo(t, last)
	f.undo(t, second)
	f.undo(t, first)
}

func joinChain(t *testing.T, f fixture) {
	a, b, c, beside := f.requireNew(t, sight("wx1", newName())), newCouple(t, f), f.newUser(t), f.newUser(t)
	account, err := f.Accounts.List(t.Context(), a.ID)
	require.NoError(t, err)
	_, err = f.Accounts.Unlink(t.Context(), b.retired.ID, b.of.AccountKey) // else it were in the way
	require.NoError(t, err)
	toB, besideB := f.join(t, a, b.retired), f.join(t, beside, b.retired)
	toC := f.join(t, b.retired, c)
	require.Contains(t, toC.Moved.Accounts, account[0].AccountKey)
	for _, retired := range []identity.User{a, beside, b.retired} {
		requireJoined(t, f, retired, c)
	}
	toSurvivor := f.join(t, c, b.survivor)
	for _, retired := range []identity.User{a, beside, b.retired, c} {
		requireJoined(t, f, retired, b.survivor)
	}
	requireNotYet(t, f, toC, toSurvivor)
	f.undo(t, toSurvivor)
	for _, retired := range []identity.User{a, beside, b.retired} {
		requireJoined(t, f, retired, c)
	}
	require.Empty(t, f.user(t, c.ID).MergedInto)
	requireNotYet(t, f, toB, toC)
	f.undo(t, toC)
	requireJoined(t, f, a, b.retired)
	requireJoined(t, f, beside, b.retired)
	f.requireSeen(t, f.user(t, b.retired.ID), identity.ExternalIdentity{AccountKey: account[0].AccountKey})

	f.undo(t, besideB)
	requireJoined(t, f, a, b.retired)
	again := f.join(t, b.retired, c)
	requireJoined(t, f, a, c)
	require.Empty(t, f.user(t, beside.ID).MergedInto, "who has parted stays so")
	f.undo(t, again)
	f.undo(t, toB)
	f.requireSeen(t, f.user(t, a.ID), identity.ExternalIdentity{AccountKey: account[0].AccountKey})
	require.False(t, f.user(t, a.ID).Disabled())
}

// joinsParted are about joins of two people: what either did meanwhile must not be in the other's account
// when they part.
func joinsParted() []testCase {
	return []testCase{
		{"an account that came by a union which goes back does not stay with the survivor", newcomerGoesBack},
		{"a union that an account which goes back brought meanwhile does not stay with the survivor", newUnionGoesBack},
		{"what the survivor had before stays, though a union that goes back names it", ownStays},
		{"a name does not go back with the password that the other person chose", passwordStaysOut},
		{"a password of the survivor's own that came meanwhile is doubted", ownPasswordIsDoubted},
		{"a wish to be deleted that came meanwhile is doubted", wishIsDoubted},
		{"a merge remembers nobody who was unlinked, or who went back", joinForgets},
	}
}

// blank is a merge as it is remembered once it was undone.
func blank(join identity.Merge) identity.Merge {
	of := join.Moved
	join.Moved = identity.Moved{Username: of.Username}
	for _, a := range of.Accounts {
		join.Moved.Accounts = append(join.Moved.Accounts, identity.AccountKey{Platform: a.Platform, App: a.App})
	}
	for _, u := range of.Unions {
		join.Moved.Unions = append(join.Moved.Unions, identity.Union{Platform: u.Platform,
			OpenPlatform: u.OpenPlatform})
	}
	return join
}

// atAnotherApp is somebody at an app who was never seen there, in the union of a sighting.
func atAnotherApp(app string, of identity.ExternalIdentity) identity.ExternalIdentity {
	return in(of.OpenPlatform, of.UnionID, sight(app, newName()))
}

func newcomerGoesBack(t *testing.T, f fixture) {
	theirs, own := in("op", newName(), sight("wx1", newName())), in("op", newName(), sight("wx2", newName()))
	wrong, survivor := f.requireNew(t, theirs), f.requireNew(t, own)
	join := f.join(t, wrong, survivor)
	third, fourth, byHand := atAnotherApp("wx3", theirs), atAnotherApp("wx4", own), sight("wx5", newName())
	for _, s := range []identity.ExternalIdentity{third, fourth} {
		f.requireSeen(t, f.user(t, survivor.ID), s)
	}
	f.link(t, survivor, byHand)

	undone := f.undo(t, join)
	require.Equal(t, []identity.AccountKey{theirs.AccountKey, third.AccountKey}, undone.Moved.Accounts)
	require.Equal(t, join.Moved.Unions, undone.Moved.Unions)
	f.requireAccounts(t, wrong, theirs.AccountKey, third.AccountKey)
	f.requireAccounts(t, survivor, own.AccountKey, fourth.AccountKey, byHand.AccountKey)
	for _, s := range []identity.ExternalIdentity{theirs, third, atAnotherApp("wx6", theirs)} {
		f.requireSeen(t, f.user(t, wrong.ID), s)
	}
	require.Len(t, undone.Doubts, 2, "of those nobody but the operator can know")
	require.Contains(t, undone.Doubts[0], survivor.ID+" keeps the account wechat wx4 "+fourth.Subject)
	require.Contains(t, undone.Doubts[1], "wechat wx5 "+byHand.Subject)
}

// newUnionGoesBack has the app of the retired user bound to an Open Platform account after the merge.
func newUnionGoesBack(t *testing.T, f fixture) {
	theirs, own := sight("wx1", newName()), sight("wx2", newName())
	wrong, survivor := f.requireNew(t, theirs), f.requireNew(t, own)
	join := f.join(t, wrong, survivor)
	theirs, own = in("op", newName(), theirs), in("op", newName(), own)
	third := atAnotherApp("wx3", theirs)
	for _, s := range []identity.ExternalIdentity{theirs, own, third} {
		f.requireSeen(t, f.user(t, survivor.ID), s)
	}
	undone := f.undo(t, join)
	require.Equal(t, []identity.AccountKey{theirs.AccountKey, third.AccountKey}, undone.Moved.Accounts)
	require.Equal(t, []identity.Union{{Platform: theirs.Platform, OpenPlatform: "op", UnionID: theirs.UnionID}},
		undone.Moved.Unions)
	require.Empty(t, undone.Doubts)
	for _, s := range []identity.ExternalIdentity{theirs, third, atAnotherApp("wx4", theirs)} {
		f.requireSeen(t, f.user(t, wrong.ID), s)
	}
	for _, s := range []identity.ExternalIdentity{own, atAnotherApp("wx4", own)} {
		f.requireSeen(t, f.user(t, survivor.ID), s)
	}
}

func ownStays(t *testing.T, f fixture) {
	c := newCouple(t, f)
	join := f.join(t, c.survivor, c.retired) // the owner of the union into who has an account in it
	undone := f.undo(t, join)
	require.Equal(t, join.Moved, undone.Moved)
	f.requireAccounts(t, c.retired, c.of.AccountKey, c.alone.AccountKey)
	f.requireAccounts(t, c.survivor, c.own.AccountKey)

	theirs, own := sight("wx1", newName()), sight("wx2", newName())
	wrong, survivor := f.requireNew(t, theirs), f.requireNew(t, own)
	join = f.join(t, wrong, survivor)
	theirs = in("op", newName(), theirs)
	own = in("op", theirs.UnionID, own)
	f.requireSeen(t, f.user(t, survivor.ID), own)
	f.requireSeen(t, f.user(t, survivor.ID), theirs)
	require.Equal(t, join.Moved, f.undo(t, join).Moved, "a union of both may stay where it is")
	f.requireSeen(t, f.user(t, survivor.ID), atAnotherApp("wx3", own))
	f.requireAccounts(t, wrong, theirs.AccountKey)
}

func passwordStaysOut(t *testing.T, f fixture) {
	named, survivor := f.newUser(t), f.requireNew(t, sight("wx1", newName()))
	join := f.join(t, named, survivor)
	require.NoError(t, f.Users.SetPassword(t.Context(), survivor.ID, "hash of the wrong person's"))
	undone := f.undo(t, join)
	require.True(t, undone.Moved.Username)
	require.Len(t, undone.Doubts, 1)
	require.Contains(t, undone.Doubts[0], "the user name of "+named.ID+" is back without a password")
	parted := f.user(t, named.ID)
	require.Equal(t, named.Username, parted.Username)
	require.Empty(t, parted.PasswordHash)
	require.Empty(t, f.user(t, survivor.ID).PasswordHash)

	without, err := f.Users.Create(t.Context(), newName(), "")
	require.NoError(t, err)
	join = f.join(t, without, survivor)
	require.NoError(t, f.Users.SetPassword(t.Context(), survivor.ID, "another hash of the wrong person's"))
	require.Len(t, f.undo(t, join).Doubts, 1)
	require.Empty(t, f.user(t, without.ID).PasswordHash, "there was none")

	join = f.join(t, named, survivor)
	require.NoError(t, f.Users.SetPassword(t.Context(), survivor.ID, "hash"))
	heir := f.requireNew(t, sight("wx2", newName()))
	later := f.join(t, survivor, heir)
	require.Empty(t, f.undo(t, later).Doubts, "nobody set it since that one")
	require.Equal(t, "hash", f.user(t, survivor.ID).PasswordHash)
	require.Len(t, f.undo(t, join).Doubts, 1)
	require.Empty(t, f.user(t, named.ID).PasswordHash)
}

func ownPasswordIsDoubted(t *testing.T, f fixture) {
	named, nameless, survivor, newly := f.newUser(t), f.requireNew(t, sight("wx1", newName())), f.newUser(t),
		f.requireNew(t, sight("wx2", newName()))
	join := f.join(t, named, survivor)
	require.NoError(t, f.Users.SetPassword(t.Context(), survivor.ID, "perhaps the wrong person's"))
	undone := f.undo(t, join)
	require.Len(t, undone.Doubts, 1)
	require.Contains(t, undone.Doubts[0], "the password of "+survivor.ID+" was set")
	require.Equal(t, "perhaps the wrong person's", f.user(t, survivor.ID).PasswordHash)
	require.Equal(t, named.PasswordHash, f.user(t, named.ID).PasswordHash)

	join = f.join(t, nameless, newly)
	require.NoError(t, f.Users.Name(t.Context(), newly.ID, newName()))
	require.NoError(t, f.Users.SetPassword(t.Context(), newly.ID, "perhaps the wrong person's"))
	require.Len(t, f.undo(t, join).Doubts, 1)
	require.Empty(t, f.undo(t, f.join(t, nameless, newly)).Doubts, "nothing came meanwhile")
}

func wishIsDoubted(t *testing.T, f fixture) {
	wrong, survivor := f.newUser(t), f.newUser(t)
	join := f.join(t, wrong, survivor)
	f.leave(t, survivor, grace)
	undone := f.undo(t, join)
	require.Len(t, undone.Doubts, 1)
	require.Contains(t, undone.Doubts[0], survivor.ID+" asked to be deleted after the merge")
	require.True(t, f.user(t, survivor.ID).DeletionRequested())
	require.False(t, f.user(t, wrong.ID).DeletionRequested())
}

func joinForgets(t *testing.T, f fixture) {
	c, heir := newCouple(t, f), f.newUser(t)
	first := f.join(t, c.retired, c.survivor)
	second := f.join(t, c.survivor, heir)
	f.unlink(t, heir, c.alone, c.alone.AccountKey)
	for _, join := range []*identity.Merge{&first, &second} { // of and own are in one union
		for n, a := range join.Moved.Accounts {
			if a == c.alone.AccountKey {
				join.Moved.Accounts[n].Subject = ""
			}
		}
		for n, u := range join.Moved.Unions {
			if u.UnionID == c.alone.UnionID {
				join.Moved.Unions[n].UnionID = ""
			}
		}
	}
	require.Equal(t, []identity.Merge{second, first}, listMerges(t, f, 2))
	undone := f.undo(t, second)
	require.Equal(t, []identity.AccountKey{c.of.AccountKey, c.own.AccountKey}, undone.Moved.Accounts)
	second.UndoneAt = undone.UndoneAt
	require.Equal(t, []identity.Merge{blank(second), first}, listMerges(t, f, 2))
	require.Equal(t, []identity.AccountKey{c.of.AccountKey}, f.undo(t, first).Moved.Accounts)
	stranger := f.requireNew(t, c.alone)
	f.requireAccounts(t, stranger, c.alone.AccountKey)
}
