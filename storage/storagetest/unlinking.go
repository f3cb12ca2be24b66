package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func unlinking() []testCase {
	return []testCase{
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
func (f fixture) unlink(t *testing.T, user identity.User, s identity.ExternalIdentity, want ...identity.AccountKey) {
	t.Helper()
	taken, err := f.Accounts.Unlink(t.Context(), user.ID, s.AccountKey)
	require.NoError(t, err)
	require.Equal(t, want, taken)
}

func accountIsUnlinked(t *testing.T, f fixture) {
	one, two := sight("wx1", newName()), sight("wx2", newName())
	user := f.requireNew(t, one)
	f.link(t, user, two)
	f.unlink(t, user, one, one.AccountKey)
	f.requireAccounts(t, user, two.AccountKey)
	require.NotEqual(t, user.ID, f.requireNew(t, one).ID)
	told := f.eventsOf(t, identity.EventUnlinked, user.ID)
	require.Len(t, told, 1)
	require.Equal(t, "wechat wx1", told[0].Detail)
	user.AuthEpoch++
	f.requireSeen(t, user, two)
}

func unionIsUnlinked(t *testing.T, f fixture) {
	union := newName()
	one, two, three := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName())),
		in("op", union, sight("wx3", newName()))
	elsewhere, loose := in("another op", union, sight("wx4", newName())), in("", union, sight("wx5", newName()))
	user := f.requireNew(t, two)
	for _, s := range []identity.ExternalIdentity{one, elsewhere, loose} {
		f.link(t, user, s)
	}
	f.unlink(t, user, two, one.AccountKey, two.AccountKey)
	f.requireAccounts(t, user, elsewhere.AccountKey, loose.AccountKey)
	require.Len(t, f.eventsOf(t, identity.EventUnlinked, user.ID), 2)

	other := f.requireNew(t, three)
	require.NotEqual(t, user.ID, other.ID)
	f.requireSeen(t, other, one)
	requireConflicts(t, f, other, 0)
	f.requireSeen(t, f.user(t, user.ID), in("another op", union, sight("wx6", newName())))
	f.unlink(t, user, loose, loose.AccountKey)
}

// unionOfAnotherStays has an account whose union turned out to be another user's.
func unionOfAnotherStays(t *testing.T, f fixture) {
	union, mine, spare := newName(), sight("wx1", newName()), sight("wx3", newName())
	user, owner := f.requireNew(t, mine), f.requireNew(t, in("op", union, sight("wx2", newName())))
	f.link(t, user, spare)
	f.requireSeen(t, user, in("op", union, mine))
	requireConflicts(t, f, user, 1)
	f.unlink(t, user, mine, mine.AccountKey)
	f.requireSeen(t, owner, in("op", union, sight("wx4", newName())))
	f.requireSeen(t, owner, in("op", union, mine))
}

// formerUnionsGo has accounts whose union id changed, and whose app moved to another Open Platform account.
// The unions from before led to the user for good, though nothing named them that he is shown or can take
// away.
func formerUnionsGo(t *testing.T, f fixture) {
	for _, taken := range []identity.ExternalIdentity{sight("wx1", newName()), in("op", newName(), sight("wx1",
		newName()))} {
		changed, moved, user := in("op", newName(), sight("wx2", newName())),
			in("op", newName(), sight("wx3", newName())), f.newUser(t)
		elsewhere := in("op", newName(), sight("wx2", newName()))
		elsewhere.Platform = identity.PlatformQQ
		for _, s := range []identity.ExternalIdentity{taken, changed, moved, elsewhere} {
			f.link(t, user, s)
		}
		there := in("another op", newName(), moved)
		f.requireSeen(t, inUTC(user), in("op", newName(), changed))
		f.requireSeen(t, inUTC(user), there)
		f.unlink(t, user, taken, taken.AccountKey)
		for _, former := range []string{changed.UnionID, moved.UnionID, taken.UnionID} {
			require.NotEqual(t, user.ID, f.requireNew(t, in("op", former, sight("wx4", newName()))).ID)
		}
		for _, still := range []identity.ExternalIdentity{there, elsewhere} {
			still.App, still.Subject = "wx5", newName()
			f.requireSeen(t, f.user(t, user.ID), still)
		}
	}
}

func unlinkEndsSessions(t *testing.T, f fixture) {
	client, union := f.newClient(t), newName()
	one, two, spare := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName())),
		sight("wx3", newName())
	user := f.requireNew(t, one)
	f.link(t, user, two)
	f.link(t, user, spare)
	openedBy := func(of identity.User, s identity.ExternalIdentity) identity.Session {
		session := newSession(of, client)
		session.Account = s.AccountKey
		return f.open(t, session, of, 0)
	}
	first, second, kept, named := openedBy(user, one), openedBy(user, two), openedBy(user, spare),
		f.signIn(t, user, client)
	bystander := f.newUser(t)
	theirs := openedBy(bystander, one) // which no user does, and no condition but one's own relies on
	f.unlink(t, user, one, one.AccountKey, two.AccountKey)
	for _, session := range []identity.Session{first, second} {
		require.Equal(t, identity.EndedByUnlink, f.session(t, session.ID).EndReason)
	}
	for _, session := range []identity.Session{kept, named, theirs} {
		require.Equal(t, session, f.session(t, session.ID))
	}
	require.ErrorIs(t, tryOpen(t, f, user, client, 0), identity.ErrStale)
	require.NoError(t, tryOpen(t, f, f.user(t, user.ID), client, 0))
}

func lastWayIn(t *testing.T, f fixture) {
	union := newName()
	one, two := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName()))
	user, client := f.requireNew(t, one), f.newClient(t)
	f.link(t, user, two)
	opened := newSession(user, client)
	opened.Account = one.AccountKey
	session := f.open(t, opened, user, 0)
	refused := func() {
		t.Helper()
		before := f.user(t, user.ID)
		taken, err := f.Accounts.Unlink(t.Context(), user.ID, one.AccountKey)
		require.ErrorIs(t, err, identity.ErrLastWayIn)
		require.Empty(t, taken)
		f.requireAccounts(t, user, one.AccountKey, two.AccountKey)
		f.requireSeen(t, before, one)
		require.Equal(t, session, f.session(t, session.ID))
		require.Empty(t, f.eventsOf(t, identity.EventUnlinked, user.ID))
	}
	refused() // another account that goes along is no way in
	require.NoError(t, f.Users.Name(t.Context(), user.ID, newName()))
	refused() // neither is a name without password
	spare := sight("wx3", newName())
	f.link(t, user, spare)
	f.unlink(t, user, one, one.AccountKey, two.AccountKey)
	_, err := f.Accounts.Unlink(t.Context(), user.ID, spare.AccountKey)
	require.ErrorIs(t, err, identity.ErrLastWayIn)
	require.NoError(t, f.Users.SetPassword(t.Context(), user.ID, "hash"))
	f.unlink(t, user, spare, spare.AccountKey)
	f.requireAccounts(t, user)

	nameless := f.requireNew(t, one)
	require.NoError(t, f.Users.SetPassword(t.Context(), nameless.ID, "hash"))
	_, err = f.Accounts.Unlink(t.Context(), nameless.ID, one.AccountKey)
	require.ErrorIs(t, err, identity.ErrLastWayIn, "nor is a password without name")
}

func unlinkOfAnothers(t *testing.T, f fixture) {
	user, mine, theirs := f.newUser(t), sight("wx1", newName()), sight("wx2", newName())
	f.link(t, user, mine)
	other := f.requireNew(t, theirs)
	f.link(t, other, sight("wx3", newName()))
	for _, key := range []identity.AccountKey{theirs.AccountKey, sight("wx1", theirs.Subject).AccountKey, {},
		{Platform: "elsewhere", App: "wx1", Subject: mine.Subject}} {
		_, err := f.Accounts.Unlink(t.Context(), user.ID, key)
		require.ErrorIs(t, err, identity.ErrNotFound, "%v", key)
	}
	for _, text := range append(texts(), "", identity.NewUserID()) {
		_, err := f.Accounts.Unlink(t.Context(), text, mine.AccountKey)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", text)
		_, err = f.Accounts.Unlink(t.Context(), user.ID, sight("wx1", mine.Subject+"."+text).AccountKey)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", text)
	}
	f.requireSeen(t, inUTC(user), mine)
	f.requireSeen(t, other, theirs)
}
