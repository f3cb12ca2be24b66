package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func joinsUndone() []trial {
	return []trial{
		{"undoing restores both users and ends the survivor's sessions", undoRestores},
		{"undoing gives back only what the survivor still has", undoWhatIsLeft},
		{"a join is undone once", undoOnce},
		{"what was joined later is undone before", undoOrder},
		{"a chain of joins resolves in one look-up and unwinds", joinChain},
	}
}

func (h house) undo(t *testing.T, join identity.Join) identity.Join {
	t.Helper()
	undone, err := h.Joins.Undo(t.Context(), join.ID)
	require.NoError(t, err)
	return joinInUTC(undone)
}

// requireNotYet wants a join to be undone only after another one, which is named.
func (h house) requireNotYet(t *testing.T, join, first identity.Join) {
	t.Helper()
	_, err := h.Joins.Undo(t.Context(), join.ID)
	require.ErrorIs(t, err, identity.ErrExists)
	require.ErrorContains(t, err, first.ID)
	h.requireJoined(t, h.user(t, join.Retired), h.user(t, h.user(t, join.Retired).JoinedInto))
}

func undoRestores(t *testing.T, h house) {
	c, client := h.newCouple(t), h.newClient(t)
	name := newName()
	require.NoError(t, h.Users.Name(t.Context(), c.retired.ID, name))
	require.NoError(t, h.Users.SetPassword(t.Context(), c.retired.ID, "hash"))
	retired := h.user(t, c.retired.ID)
	join := h.join(t, c.retired, c.survivor)
	require.True(t, join.Moved.Username)
	joined := h.user(t, c.survivor.ID)
	session := h.signIn(t, joined, client)
	before := h.now(t)
	undone := h.undo(t, join)
	between(t, before, h.now(t), undone.UndoneAt)
	join.UndoneAt = undone.UndoneAt
	require.Equal(t, join, undone)
	require.Equal(t, []identity.Join{blank(join)}, h.listJoins(t, 1))

	parted, survivor := h.user(t, retired.ID), h.user(t, c.survivor.ID)
	require.Greater(t, parted.AuthEpoch, retired.AuthEpoch)
	require.Greater(t, survivor.AuthEpoch, joined.AuthEpoch)
	parted.AuthEpoch, survivor.AuthEpoch = retired.AuthEpoch, c.survivor.AuthEpoch
	require.Equal(t, retired, parted)
	require.Equal(t, c.survivor, survivor)
	require.Equal(t, identity.EndedByJoin, h.session(t, session.ID).EndReason)
	h.requireLive(t, c.survivor)
	h.requireStale(t, newSession(c.survivor, client), joined.AuthEpoch)
	h.signIn(t, h.user(t, retired.ID), client)

	parted, survivor = h.user(t, retired.ID), h.user(t, c.survivor.ID)
	h.requireSeen(t, parted, c.of)
	h.requireSeen(t, parted, c.alone)
	h.requireSeen(t, survivor, c.own)
	h.requireSeen(t, survivor, in(c.of.OpenPlatform, c.of.UnionID, sight("wx8", newName())))
	h.requireSeen(t, parted, in(c.alone.OpenPlatform, c.alone.UnionID, sight("wx9", newName())))
	told := h.eventsOf(t, identity.EventJoinUndone, retired.ID)
	require.Len(t, told, 1)
	require.Contains(t, told[0].Detail, "from "+c.survivor.ID+": 2 accounts, 1 unions")
	h.join(t, parted, survivor) // once more
}

func undoWhatIsLeft(t *testing.T, h house) {
	c := h.newCouple(t)
	require.NoError(t, h.Users.Name(t.Context(), c.retired.ID, newName()))
	join := h.join(t, c.retired, c.survivor)
	taken, err := h.Accounts.Unlink(t.Context(), c.survivor.ID, c.alone.AccountKey)
	require.NoError(t, err)
	require.Equal(t, []identity.AccountKey{c.alone.AccountKey}, taken)
	stranger := h.requireNew(t, c.alone) // whose it is from now on
	added := sight("wx7", newName())
	require.NoError(t, h.Accounts.Link(t.Context(), c.survivor.ID, added))

	require.Equal(t, identity.Moved{Accounts: []identity.AccountKey{c.of.AccountKey}, Username: true},
		h.undo(t, join).Moved)
	h.requireSeen(t, stranger, c.alone)
	h.requireSeen(t, h.user(t, c.retired.ID), c.of)
	h.requireSeen(t, h.user(t, c.survivor.ID), added)
}

func undoOnce(t *testing.T, h house) {
	c := h.newCouple(t)
	join := h.join(t, c.retired, c.survivor)
	requireOneWinner(t, together(crowd, func(n int) won {
		_, err := h.at(n).Joins.Undo(t.Context(), join.ID)
		return wonUnless(err, identity.ErrNotFound)
	}))
	_, err := h.Joins.Undo(t.Context(), identity.NewSessionID())
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.Len(t, h.eventsOf(t, identity.EventJoinUndone, c.retired.ID), 1)
}

func undoOrder(t *testing.T, h house) {
	survivor := h.newUser(t)
	first, second, third := h.join(t, h.newUser(t), survivor), h.join(t, h.newUser(t), survivor),
		h.join(t, h.newUser(t), survivor)
	h.requireNotYet(t, first, third)
	h.requireNotYet(t, second, third)
	h.undo(t, third)
	h.requireNotYet(t, first, second)
	heir := h.newUser(t)
	last := h.join(t, survivor, heir)
	h.requireNotYet(t, first, last)
	h.requireNotYet(t, second, last)
	h.undo(t, last)
	h.undo(t, second)
	h.undo(t, first)
}

func joinChain(t *testing.T, h house) {
	a, b, c, beside := h.requireNew(t, sight("wx1", newName())), h.newCouple(t), h.newUser(t), h.newUser(t)
	account, err := h.Accounts.List(t.Context(), a.ID)
	require.NoError(t, err)
	_, err = h.Accounts.Unlink(t.Context(), b.retired.ID, b.of.AccountKey) // else it were in the way
	require.NoError(t, err)
	toB, besideB := h.join(t, a, b.retired), h.join(t, beside, b.retired)
	toC := h.join(t, b.retired, c)
	require.Contains(t, toC.Moved.Accounts, account[0].AccountKey)
	for _, retired := range []identity.User{a, beside, b.retired} {
		h.requireJoined(t, retired, c)
	}
	toSurvivor := h.join(t, c, b.survivor)
	for _, retired := range []identity.User{a, beside, b.retired, c} {
		h.requireJoined(t, retired, b.survivor)
	}
	h.requireNotYet(t, toC, toSurvivor)
	h.undo(t, toSurvivor)
	for _, retired := range []identity.User{a, beside, b.retired} {
		h.requireJoined(t, retired, c)
	}
	require.Empty(t, h.user(t, c.ID).JoinedInto)
	h.requireNotYet(t, toB, toC)
	h.undo(t, toC)
	h.requireJoined(t, a, b.retired)
	h.requireJoined(t, beside, b.retired)
	h.requireSeen(t, h.user(t, b.retired.ID), identity.Sighting{AccountKey: account[0].AccountKey})

	h.undo(t, besideB)
	h.requireJoined(t, a, b.retired)
	again := h.join(t, b.retired, c)
	h.requireJoined(t, a, c)
	require.Empty(t, h.user(t, beside.ID).JoinedInto, "who has parted stays so")
	h.undo(t, again)
	h.undo(t, toB)
	h.requireSeen(t, h.user(t, a.ID), identity.Sighting{AccountKey: account[0].AccountKey})
	require.False(t, h.user(t, a.ID).Disabled())
}
