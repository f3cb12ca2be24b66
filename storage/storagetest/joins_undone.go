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
		{"a join is undone once", undoOnce},
		{"what was joined later is undone before", undoOrder},
		{"a chain of joins resolves in one look-up and unwinds", joinChain},
	}
}

func (f fixture) undo(t *testing.T, join identity.Join) identity.Join {
	t.Helper()
	undone, err := f.Joins.Undo(t.Context(), join.ID)
	require.NoError(t, err)
	return joinInUTC(undone)
}

// requireNotYet wants a join to be undone only after another one, which is named.
func requireNotYet(t *testing.T, f fixture, join, first identity.Join) {
	t.Helper()
	_, err := f.Joins.Undo(t.Context(), join.ID)
	require.ErrorIs(t, err, identity.ErrExists)
	require.ErrorContains(t, err, first.ID)
	requireJoined(t, f, f.user(t, join.Retired), f.user(t, f.user(t, join.Retired).JoinedInto))
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
	require.Equal(t, []identity.Join{blank(join)}, listJoins(t, f, 1))

	parted, survivor := f.user(t, retired.ID), f.user(t, c.survivor.ID)
	require.Greater(t, parted.AuthEpoch, retired.AuthEpoch)
	require.Greater(t, survivor.AuthEpoch, joined.AuthEpoch)
	parted.AuthEpoch, survivor.AuthEpoch = retired.AuthEpoch, c.survivor.AuthEpoch
	require.Equal(t, retired, parted)
	require.Equal(t, c.survivor, survivor)
	require.Equal(t, identity.EndedByJoin, f.session(t, session.ID).EndReason)
	f.requireLive(t, c.survivor)
	requireStale(t, f, newSession(c.survivor, client), joined.AuthEpoch)
	f.signIn(t, f.user(t, retired.ID), client)

	parted, survivor = f.user(t, retired.ID), f.user(t, c.survivor.ID)
	f.requireSeen(t, parted, c.of)
	f.requireSeen(t, parted, c.alone)
	f.requireSeen(t, survivor, c.own)
	f.requireSeen(t, survivor, in(c.of.OpenPlatform, c.of.UnionID, sight("wx8", newName())))
	f.requireSeen(t, parted, in(c.alone.OpenPlatform, c.alone.UnionID, sight("wx9", newName())))
	told := f.eventsOf(t, identity.EventJoinUndone, retired.ID)
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
		_, err := f.at(n).Joins.Undo(t.Context(), join.ID)
		return wonUnless(err, identity.ErrNotFound)
	}))
	_, err := f.Joins.Undo(t.Context(), identity.NewSessionID())
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.Len(t, f.eventsOf(t, identity.EventJoinUndone, c.retired.ID), 1)
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
	require.Empty(t, f.user(t, c.ID).JoinedInto)
	requireNotYet(t, f, toB, toC)
	f.undo(t, toC)
	requireJoined(t, f, a, b.retired)
	requireJoined(t, f, beside, b.retired)
	f.requireSeen(t, f.user(t, b.retired.ID), identity.Sighting{AccountKey: account[0].AccountKey})

	f.undo(t, besideB)
	requireJoined(t, f, a, b.retired)
	again := f.join(t, b.retired, c)
	requireJoined(t, f, a, c)
	require.Empty(t, f.user(t, beside.ID).JoinedInto, "who has parted stays so")
	f.undo(t, again)
	f.undo(t, toB)
	f.requireSeen(t, f.user(t, a.ID), identity.Sighting{AccountKey: account[0].AccountKey})
	require.False(t, f.user(t, a.ID).Disabled())
}
