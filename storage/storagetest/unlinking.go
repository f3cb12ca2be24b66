package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func unlinking() []testCase {
	return []testCase{
		{"an unlinked account no longer leads to its user", accountIsUnlinked},
		{"unlinking an account also unlinks its union and all accounts of the union", unionIsUnlinked},
		{"another user's union is kept when an account that was in it is unlinked", unionOfAnotherStays},
		{"unlinking also removes unions that the user's accounts were in before", formerUnionsGo},
		{"unlinking ends the sessions of the accounts and no others", unlinkEndsSessions},
		{"the last way to sign in cannot be unlinked", lastWayIn},
		{"another user's account cannot be unlinked", unlinkOfAnothers},
	}
}

// unlink unlinks an account and requires exactly these accounts to be removed.
func (f fixture) unlink(t *testing.T, user identity.User, e identity.ExternalIdentity, want ...identity.AccountKey) {
	t.Helper()
	taken, err := f.Accounts.Unlink(t.Context(), user.ID, e.AccountKey)
	require.NoError(t, err)
	require.Equal(t, want, taken)
}

func accountIsUnlinked(t *testing.T, f fixture) {
	one, two := newIdentity("wx1"), newIdentity("wx2")
	user := f.requireNewUser(t, one)
	f.link(t, user, two)
	f.unlink(t, user, one, one.AccountKey)
	f.requireAccounts(t, user, two.AccountKey)
	require.NotEqual(t, user.ID, f.requireNewUser(t, one).ID)
	events := f.eventsOf(t, identity.EventUnlinked, user.ID)
	require.Len(t, events, 1)
	require.Equal(t, "wechat wx1", events[0].Detail)
	user.AuthEpoch++
	f.requireUser(t, user, two)
}

func unionIsUnlinked(t *testing.T, f fixture) {
	union := newName()
	one, two, three := inUnion("op", union, newIdentity("wx1")), inUnion("op", union, newIdentity("wx2")),
		inUnion("op", union, newIdentity("wx3"))
	elsewhere, loose := inUnion("another op", union, newIdentity("wx4")), inUnion("", union, newIdentity("wx5"))
	user := f.requireNewUser(t, two)
	for _, e := range []identity.ExternalIdentity{one, elsewhere, loose} {
		f.link(t, user, e)
	}
	f.unlink(t, user, two, one.AccountKey, two.AccountKey)
	f.requireAccounts(t, user, elsewhere.AccountKey, loose.AccountKey)
	require.Len(t, f.eventsOf(t, identity.EventUnlinked, user.ID), 2)

	other := f.requireNewUser(t, three)
	require.NotEqual(t, user.ID, other.ID)
	f.requireUser(t, other, one)
	requireConflicts(t, f, other, 0)
	f.requireUser(t, f.user(t, user.ID), inUnion("another op", union, newIdentity("wx6")))
	f.unlink(t, user, loose, loose.AccountKey)
}

// unionOfAnotherStays has an account whose union belongs to another user.
func unionOfAnotherStays(t *testing.T, f fixture) {
	union, mine, spare := newName(), newIdentity("wx1"), newIdentity("wx3")
	user, owner := f.requireNewUser(t, mine), f.requireNewUser(t, inUnion("op", union, newIdentity("wx2")))
	f.link(t, user, spare)
	f.requireUser(t, user, inUnion("op", union, mine))
	requireConflicts(t, f, user, 1)
	f.unlink(t, user, mine, mine.AccountKey)
	f.requireUser(t, owner, inUnion("op", union, newIdentity("wx4")))
	f.requireUser(t, owner, inUnion("op", union, mine))
}

// formerUnionsGo has accounts whose union id changed, and whose app moved to another Open Platform account. If the
// former unions were kept, they would lead to the user forever, although the user could neither see nor remove them.
func formerUnionsGo(t *testing.T, f fixture) {
	for _, taken := range []identity.ExternalIdentity{newIdentity("wx1"),
		inUnion("op", newName(), newIdentity("wx1"))} {
		changed, moved, user := inUnion("op", newName(), newIdentity("wx2")),
			inUnion("op", newName(), newIdentity("wx3")), f.newUser(t)
		elsewhere := inUnion("op", newName(), newIdentity("wx2"))
		elsewhere.Platform = identity.PlatformQQ
		for _, e := range []identity.ExternalIdentity{taken, changed, moved, elsewhere} {
			f.link(t, user, e)
		}
		there := inUnion("another op", newName(), moved)
		f.requireUser(t, inUTC(user), inUnion("op", newName(), changed))
		f.requireUser(t, inUTC(user), there)
		f.unlink(t, user, taken, taken.AccountKey)
		for _, former := range []string{changed.UnionID, moved.UnionID, taken.UnionID} {
			require.NotEqual(t, user.ID, f.requireNewUser(t, inUnion("op", former, newIdentity("wx4"))).ID)
		}
		for _, still := range []identity.ExternalIdentity{there, elsewhere} {
			still.App, still.Subject = "wx5", newName()
			f.requireUser(t, f.user(t, user.ID), still)
		}
	}
}

func unlinkEndsSessions(t *testing.T, f fixture) {
	client, union := f.newClient(t), newName()
	one, two, spare := inUnion("op", union, newIdentity("wx1")), inUnion("op", union, newIdentity("wx2")),
		newIdentity("wx3")
	user := f.requireNewUser(t, one)
	f.link(t, user, two)
	f.link(t, user, spare)
	openedBy := func(of identity.User, e identity.ExternalIdentity) identity.Session {
		session := newSession(of, client)
		session.Account = e.AccountKey
		return f.open(t, session, of, 0)
	}
	first, second, kept, named := openedBy(user, one), openedBy(user, two), openedBy(user, spare),
		f.signIn(t, user, client)
	bystander := f.newUser(t)
	theirs := openedBy(bystander, one) // no sign-in opens such a session, but Unlink must not rely on that
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
	one, two := inUnion("op", union, newIdentity("wx1")), inUnion("op", union, newIdentity("wx2"))
	user, client := f.requireNewUser(t, one), f.newClient(t)
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
		f.requireUser(t, before, one)
		require.Equal(t, session, f.session(t, session.ID))
		require.Empty(t, f.eventsOf(t, identity.EventUnlinked, user.ID))
	}
	refused() // an account that is unlinked too does not count
	require.NoError(t, f.Users.SetUsername(t.Context(), user.ID, newName()))
	refused() // nor does a name without a password
	spare := newIdentity("wx3")
	f.link(t, user, spare)
	f.unlink(t, user, one, one.AccountKey, two.AccountKey)
	_, err := f.Accounts.Unlink(t.Context(), user.ID, spare.AccountKey)
	require.ErrorIs(t, err, identity.ErrLastWayIn)
	require.NoError(t, f.Users.SetPassword(t.Context(), user.ID, "hash"))
	f.unlink(t, user, spare, spare.AccountKey)
	f.requireAccounts(t, user)

	nameless := f.requireNewUser(t, one)
	require.NoError(t, f.Users.SetPassword(t.Context(), nameless.ID, "hash"))
	_, err = f.Accounts.Unlink(t.Context(), nameless.ID, one.AccountKey)
	require.ErrorIs(t, err, identity.ErrLastWayIn, "nor does a password without a name")
}

func unlinkOfAnothers(t *testing.T, f fixture) {
	user, mine, theirs := f.newUser(t), newIdentity("wx1"), newIdentity("wx2")
	f.link(t, user, mine)
	other := f.requireNewUser(t, theirs)
	f.link(t, other, newIdentity("wx3"))
	for _, key := range []identity.AccountKey{theirs.AccountKey, identityAt("wx1", theirs.Subject).AccountKey, {},
		{Platform: "elsewhere", App: "wx1", Subject: mine.Subject}} {
		_, err := f.Accounts.Unlink(t.Context(), user.ID, key)
		require.ErrorIs(t, err, identity.ErrNotFound, "%v", key)
	}
	for _, text := range append(texts(), "", identity.NewUserID()) {
		_, err := f.Accounts.Unlink(t.Context(), text, mine.AccountKey)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", text)
		_, err = f.Accounts.Unlink(t.Context(), user.ID, identityAt("wx1", mine.Subject+"."+text).AccountKey)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", text)
	}
	f.requireUser(t, inUTC(user), mine)
	f.requireUser(t, other, theirs)
}
