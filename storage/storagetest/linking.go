package storagetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func linking() []testCase {
	return slices.Concat([]testCase{
		{"a user's accounts are listed, ordered by their keys", accountsAreListed},
		{"a linked account signs its user in", accountIsLinked},
		{"the union of a linked account is linked too", unionIsLinked},
		{"linking an account again changes nothing", linkedTwice},
		{"another user's account is not linked", linkOfAnothers},
		{"a user has one account at an app", linkAtOneApp},
		{"an account is not linked to an unknown user, or if incomplete", linkOfNobody},
		{"nobody can sign in as a user who was merged into another", mergedUserCannotSignIn},
		{"a user who was merged since the caller read it is not changed", changesOfMergedUser},
		{"hostile texts name accounts of their own or are rejected", hostileLinks},
	}, unlinking())
}

// link links an identity to a user.
func (f fixture) link(t *testing.T, user identity.User, e identity.ExternalIdentity) {
	t.Helper()
	require.NoError(t, f.Accounts.Link(t.Context(), user.ID, e))
}

// requireAccounts requires a user to have exactly these accounts.
func (f fixture) requireAccounts(t *testing.T, user identity.User, want ...identity.AccountKey) {
	t.Helper()
	listed, err := f.Accounts.List(t.Context(), user.ID)
	require.NoError(t, err)
	keys := []identity.AccountKey{}
	for _, account := range listed {
		require.Equal(t, user.ID, account.UserID)
		keys = append(keys, account.AccountKey)
	}
	slices.SortFunc(want, compareKeys)
	require.Equal(t, append([]identity.AccountKey{}, want...), keys)
}

// compareKeys compares by bytes.
func compareKeys(a, b identity.AccountKey) int {
	return slices.Compare([]string{a.Platform, a.App, a.Subject}, []string{b.Platform, b.App, b.Subject})
}

func accountsAreListed(t *testing.T, f fixture) {
	user := f.newUser(t)
	f.requireAccounts(t, user)
	var keys []identity.AccountKey
	for _, app := range []string{"b", "Z", "a", "_", "a-b", "aB", "ä", "令", "9"} {
		e := inUnion("op", newName(), newIdentity(app))
		if app < "a" {
			e.Platform = identity.PlatformQQ
		}
		f.link(t, user, e)
		keys = append(keys, e.AccountKey)
	}
	f.requireNewUser(t, newIdentity("c"))
	f.requireAccounts(t, user, keys...)
	listed, err := f.Accounts.List(t.Context(), user.ID)
	require.NoError(t, err)
	for _, account := range listed {
		found, err := f.Accounts.Find(t.Context(), account.AccountKey)
		require.NoError(t, err)
		require.Equal(t, found, account)
	}
	for _, text := range append(texts(), identity.NewUserID()) {
		f.requireAccounts(t, identity.User{ID: text})
	}
}

func accountIsLinked(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	session := f.signIn(t, user, client)
	before, e := f.now(t), newIdentity("wx1")
	f.link(t, user, e)
	account, err := f.Accounts.Find(t.Context(), e.AccountKey)
	require.NoError(t, err)
	between(t, before, f.now(t), account.CreatedAt)
	f.requireUser(t, inUTC(user), e)
	f.requireLive(t, user, session.ID)
	events := f.eventsOf(t, identity.EventLinked, user.ID)
	require.Len(t, events, 1)
	require.Equal(t, "wechat wx1", events[0].Detail)
}

func unionIsLinked(t *testing.T, f fixture) {
	user, union := f.newUser(t), newName()
	one, two, three := inUnion("op", union, newIdentity("wx1")), inUnion("op", union, newIdentity("wx2")),
		inUnion("op", union, newIdentity("wx3"))
	f.link(t, user, one)
	f.requireUser(t, inUTC(user), two)
	f.link(t, user, three)
	f.requireAccounts(t, user, one.AccountKey, two.AccountKey, three.AccountKey)
	requireConflicts(t, f, user, 0)
}

func linkedTwice(t *testing.T, f fixture) {
	e := inUnion("op", newName(), newIdentity("wx1"))
	user := f.requireNewUser(t, e)
	for range 2 {
		f.link(t, user, e)
	}
	require.Empty(t, f.eventsOf(t, identity.EventLinked, user.ID))
	f.requireAccounts(t, user, e.AccountKey)
	require.Equal(t, user, f.user(t, user.ID))
}

func linkOfAnothers(t *testing.T, f fixture) {
	user, theirs := f.newUser(t), inUnion("op", newName(), newIdentity("wx1"))
	other := f.requireNewUser(t, theirs)
	require.ErrorIs(t, f.Accounts.Link(t.Context(), user.ID, theirs), identity.ErrExists)
	require.ErrorIs(t, f.Accounts.Link(t.Context(), user.ID, identityAt("wx1", theirs.Subject)), identity.ErrExists)
	ofTheirUnion := inUnion("op", theirs.UnionID, newIdentity("wx2"))
	require.ErrorIs(t, f.Accounts.Link(t.Context(), user.ID, ofTheirUnion), identity.ErrExists)
	f.requireAccounts(t, user)
	f.requireUser(t, other, theirs)
	f.requireUser(t, other, ofTheirUnion)
	require.Empty(t, f.eventsOf(t, identity.EventLinked, user.ID))
}

func linkAtOneApp(t *testing.T, f fixture) {
	first, second := newIdentity("wx1"), inUnion("op", newName(), newIdentity("wx1"))
	user := f.requireNewUser(t, first)
	require.ErrorIs(t, f.Accounts.Link(t.Context(), user.ID, second), identity.ErrExists)
	f.requireAccounts(t, user, first.AccountKey)
	f.requireNewUser(t, inUnion("op", second.UnionID, newIdentity("wx2"))) // the union is still free
	elsewhere := first
	elsewhere.Platform = identity.PlatformQQ
	f.link(t, user, elsewhere)
}

func linkOfNobody(t *testing.T, f fixture) {
	e := inUnion("op", newName(), newIdentity("wx1"))
	for _, id := range append(texts(), "", identity.NewUserID()) {
		require.ErrorIs(t, f.Accounts.Link(t.Context(), id, e), identity.ErrNotFound, "%q", id)
	}
	user := f.newUser(t)
	for _, cut := range []func(e *identity.ExternalIdentity){
		func(e *identity.ExternalIdentity) { e.Platform = "" }, func(e *identity.ExternalIdentity) { e.App = "" },
		func(e *identity.ExternalIdentity) { e.Subject = "" },
	} {
		incomplete := e
		cut(&incomplete)
		require.Error(t, f.Accounts.Link(t.Context(), user.ID, incomplete))
	}
	f.requireAccounts(t, user)
	f.requireNewUser(t, e)
}

func hostileLinks(t *testing.T, f fixture) {
	innocent := inUnion("op"+newName(), newName(), newIdentity("wx1"))
	owner := f.requireNewUser(t, innocent)
	for name, place := range map[string]func(e *identity.ExternalIdentity) *string{
		"subject":       func(e *identity.ExternalIdentity) *string { return &e.Subject },
		"app":           func(e *identity.ExternalIdentity) *string { return &e.App },
		"platform":      func(e *identity.ExternalIdentity) *string { return &e.Platform },
		"union id":      func(e *identity.ExternalIdentity) *string { return &e.UnionID },
		"open platform": func(e *identity.ExternalIdentity) *string { return &e.OpenPlatform },
	} {
		for _, text := range texts() {
			hostile, user := innocent, f.newUser(t)
			if strings.HasPrefix(name, "union") || strings.HasPrefix(name, "open") {
				hostile.Subject = newName()
			} else {
				hostile.UnionID = ""
			}
			*place(&hostile) += text
			if f.Accounts.Link(t.Context(), user.ID, hostile) != nil {
				f.requireAccounts(t, user)
				continue
			}
			f.requireAccounts(t, user, hostile.AccountKey)
			f.requireUser(t, inUTC(user), hostile)
			taken, err := f.Accounts.Unlink(t.Context(), user.ID, hostile.AccountKey)
			require.NoError(t, err, "%s %q", name, text)
			require.Equal(t, []identity.AccountKey{hostile.AccountKey}, taken)
		}
	}
	f.requireUser(t, owner, innocent)
	f.requireAccounts(t, owner, innocent.AccountKey)
	f.requireUser(t, owner, inUnion(innocent.OpenPlatform, innocent.UnionID, newIdentity("wx2")))
}

func mergedUserCannotSignIn(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	f.merge(t, user, f.newUser(t))
	merged := f.user(t, user.ID)
	require.ErrorIs(t, tryOpen(t, f, merged, client, 0), identity.ErrStale)
	did, err := f.Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash, "another hash")
	require.NoError(t, err)
	require.False(t, did)
	require.Equal(t, merged, f.user(t, user.ID))
}

// changesOfMergedUser: the caller has read the user before an operator merged it. A deletion of the retired user
// would delete what the person has as the survivor. A password, a name or an account would appear when the merge is
// undone.
func changesOfMergedUser(t *testing.T, f fixture) {
	ctx, user, survivor := t.Context(), f.requireNewUser(t, newIdentity("wx1")), f.newUser(t)
	merge := f.merge(t, user, survivor)
	merged := f.user(t, user.ID)
	for name, change := range map[string]func() error{
		"Link": func() error { return f.Accounts.Link(ctx, user.ID, newIdentity("wx2")) },
		"Unlink": func() error {
			_, err := f.Accounts.Unlink(ctx, user.ID,
				merge.Moved.Accounts[0])
			return err
		},
		"SetUsername":      func() error { return f.Users.SetUsername(ctx, user.ID, newName()) },
		"SetPassword":      func() error { return f.Users.SetPassword(ctx, user.ID, "hash") },
		"RequestDeletion":  func() error { _, err := f.Deletions.RequestDeletion(ctx, user.ID, 0); return err },
		"ScheduleDeletion": func() error { _, err := f.Deletions.ScheduleDeletion(ctx, user.ID, 0); return err },
		"CancelDeletion":   func() error { return f.Deletions.CancelDeletion(ctx, user.ID) },
		"Choose":           func() error { return f.Profiles.Choose(ctx, user.ID, fullProfile()) },
		"Suggest":          func() error { _, err := f.Profiles.Suggest(ctx, user.ID, fullProfile()); return err },
		"SetPhone": func() error {
			return f.Profiles.SetPhone(ctx, user.ID,
				identity.Phone{Number: "+8613800000000"})
		},
	} {
		require.ErrorIs(t, change(), identity.ErrNotFound, name)
		require.Equal(t, merged, f.user(t, user.ID), name)
	}
	f.purge(t)
	f.requireAccounts(t, user)
	require.Zero(t, f.details(t, user.ID))
	require.Equal(t, merge.Moved, f.undo(t, merge).Moved)
}

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
