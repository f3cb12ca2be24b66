package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func unlinking() []trial {
	return []trial{
		{"an unlinked account leads to its user no more", accountIsUnlinked},
		{"with an account goes its union, and all accounts of that", unionIsUnlinked},
		{"a union of another user stays when an account goes that once named it", unionOfAnotherStays},
		{"no union that an account was in before leads to who unlinked all of them", formerUnionsGo},
		{"unlinking ends what the accounts opened and nothing else", unlinkEndsSessions},
		{"the last way to sign in is not taken", lastWayIn},
		{"what is not the user's is not unlinked", unlinkOfAnothers},
	}
}

// unlink takes an account from a user and wants exactly these to go.
func (h house) unlink(t *testing.T, user identity.User, s identity.Sighting, want ...identity.AccountKey) {
	t.Helper()
	taken, err := h.Accounts.Unlink(t.Context(), user.ID, s.AccountKey)
	require.NoError(t, err)
	require.Equal(t, want, taken)
}

func accountIsUnlinked(t *testing.T, h house) {
	one, two := sight("wx1", newName()), sight("wx2", newName())
	user := h.requireNew(t, one)
	h.link(t, user, two)
	h.unlink(t, user, one, one.AccountKey)
	h.requireAccounts(t, user, two.AccountKey)
	require.NotEqual(t, user.ID, h.requireNew(t, one).ID)
	told := h.eventsOf(t, identity.EventUnlinked, user.ID)
	require.Len(t, told, 1)
	require.Equal(t, "wechat wx1", told[0].Detail)
	user.AuthEpoch++
	h.requireSeen(t, user, two)
}

func unionIsUnlinked(t *testing.T, h house) {
	union := newName()
	one, two, three := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName())),
		in("op", union, sight("wx3", newName()))
	elsewhere, loose := in("another op", union, sight("wx4", newName())), in("", union, sight("wx5", newName()))
	user := h.requireNew(t, two)
	for _, s := range []identity.Sighting{one, elsewhere, loose} {
		h.link(t, user, s)
	}
	h.unlink(t, user, two, one.AccountKey, two.AccountKey)
	h.requireAccounts(t, user, elsewhere.AccountKey, loose.AccountKey)
	require.Len(t, h.eventsOf(t, identity.EventUnlinked, user.ID), 2)

	other := h.requireNew(t, three)
	require.NotEqual(t, user.ID, other.ID)
	h.requireSeen(t, other, one)
	h.requireConflicts(t, other, 0)
	h.requireSeen(t, h.user(t, user.ID), in("another op", union, sight("wx6", newName())))
	h.unlink(t, user, loose, loose.AccountKey)
}

// unionOfAnotherStays has an account whose union turned out to be another user's.
func unionOfAnotherStays(t *testing.T, h house) {
	union, mine, spare := newName(), sight("wx1", newName()), sight("wx3", newName())
	user, owner := h.requireNew(t, mine), h.requireNew(t, in("op", union, sight("wx2", newName())))
	h.link(t, user, spare)
	h.requireSeen(t, user, in("op", union, mine))
	h.requireConflicts(t, user, 1)
	h.unlink(t, user, mine, mine.AccountKey)
	h.requireSeen(t, owner, in("op", union, sight("wx4", newName())))
	h.requireSeen(t, owner, in("op", union, mine))
}

// formerUnionsGo has accounts whose union id changed, and whose app moved to another Open Platform account.
// The unions from before led to the user for good, though nothing named them that he is shown or can take
// away.
func formerUnionsGo(t *testing.T, h house) {
	for _, taken := range []identity.Sighting{sight("wx1", newName()), in("op", newName(), sight("wx1", newName()))} {
		changed, moved, user := in("op", newName(), sight("wx2", newName())),
			in("op", newName(), sight("wx3", newName())), h.newUser(t)
		elsewhere := in("op", newName(), sight("wx2", newName()))
		elsewhere.Platform = identity.PlatformQQ
		for _, s := range []identity.Sighting{taken, changed, moved, elsewhere} {
			h.link(t, user, s)
		}
		there := in("another op", newName(), moved)
		h.requireSeen(t, inUTC(user), in("op", newName(), changed))
		h.requireSeen(t, inUTC(user), there)
		h.unlink(t, user, taken, taken.AccountKey)
		for _, former := range []string{changed.UnionID, moved.UnionID, taken.UnionID} {
			require.NotEqual(t, user.ID, h.requireNew(t, in("op", former, sight("wx4", newName()))).ID)
		}
		for _, still := range []identity.Sighting{there, elsewhere} {
			still.App, still.Subject = "wx5", newName()
			h.requireSeen(t, h.user(t, user.ID), still)
		}
	}
}

func unlinkEndsSessions(t *testing.T, h house) {
	client, union := h.newClient(t), newName()
	one, two, spare := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName())),
		sight("wx3", newName())
	user := h.requireNew(t, one)
	h.link(t, user, two)
	h.link(t, user, spare)
	openedBy := func(of identity.User, s identity.Sighting) identity.Session {
		session := newSession(of, client)
		session.Account = s.AccountKey
		return h.open(t, session, of, 0)
	}
	first, second, kept, named := openedBy(user, one), openedBy(user, two), openedBy(user, spare),
		h.signIn(t, user, client)
	bystander := h.newUser(t)
	theirs := openedBy(bystander, one) // which no user does, and no condition but one's own relies on
	h.unlink(t, user, one, one.AccountKey, two.AccountKey)
	for _, session := range []identity.Session{first, second} {
		require.Equal(t, identity.EndedByUnlink, h.session(t, session.ID).EndReason)
	}
	for _, session := range []identity.Session{kept, named, theirs} {
		require.Equal(t, session, h.session(t, session.ID))
	}
	require.ErrorIs(t, h.tryOpen(t, user, client, 0), identity.ErrStale)
	require.NoError(t, h.tryOpen(t, h.user(t, user.ID), client, 0))
}

func lastWayIn(t *testing.T, h house) {
	union := newName()
	one, two := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName()))
	user, client := h.requireNew(t, one), h.newClient(t)
	h.link(t, user, two)
	opened := newSession(user, client)
	opened.Account = one.AccountKey
	session := h.open(t, opened, user, 0)
	refused := func() {
		t.Helper()
		before := h.user(t, user.ID)
		taken, err := h.Accounts.Unlink(t.Context(), user.ID, one.AccountKey)
		require.ErrorIs(t, err, identity.ErrLastWayIn)
		require.Empty(t, taken)
		h.requireAccounts(t, user, one.AccountKey, two.AccountKey)
		h.requireSeen(t, before, one)
		require.Equal(t, session, h.session(t, session.ID))
		require.Empty(t, h.eventsOf(t, identity.EventUnlinked, user.ID))
	}
	refused() // another account that goes along is no way in
	require.NoError(t, h.Users.Name(t.Context(), user.ID, newName()))
	refused() // neither is a name without password
	spare := sight("wx3", newName())
	h.link(t, user, spare)
	h.unlink(t, user, one, one.AccountKey, two.AccountKey)
	_, err := h.Accounts.Unlink(t.Context(), user.ID, spare.AccountKey)
	require.ErrorIs(t, err, identity.ErrLastWayIn)
	require.NoError(t, h.Users.SetPassword(t.Context(), user.ID, "hash"))
	h.unlink(t, user, spare, spare.AccountKey)
	h.requireAccounts(t, user)

	nameless := h.requireNew(t, one)
	require.NoError(t, h.Users.SetPassword(t.Context(), nameless.ID, "hash"))
	_, err = h.Accounts.Unlink(t.Context(), nameless.ID, one.AccountKey)
	require.ErrorIs(t, err, identity.ErrLastWayIn, "nor is a password without name")
}

func unlinkOfAnothers(t *testing.T, h house) {
	user, mine, theirs := h.newUser(t), sight("wx1", newName()), sight("wx2", newName())
	h.link(t, user, mine)
	other := h.requireNew(t, theirs)
	h.link(t, other, sight("wx3", newName()))
	for _, key := range []identity.AccountKey{theirs.AccountKey, sight("wx1", theirs.Subject).AccountKey, {},
		{Platform: "elsewhere", App: "wx1", Subject: mine.Subject}} {
		_, err := h.Accounts.Unlink(t.Context(), user.ID, key)
		require.ErrorIs(t, err, identity.ErrNotFound, "%v", key)
	}
	for _, text := range append(texts(), "", identity.NewUserID()) {
		_, err := h.Accounts.Unlink(t.Context(), text, mine.AccountKey)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", text)
		_, err = h.Accounts.Unlink(t.Context(), user.ID, sight("wx1", mine.Subject+"."+text).AccountKey)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", text)
	}
	h.requireSeen(t, inUTC(user), mine)
	h.requireSeen(t, other, theirs)
}
