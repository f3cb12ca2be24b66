package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func accounts() []testCase {
	return []testCase{
		{"the first sign-in creates a user, and the next one finds it", firstSignIn},
		{"parallel first sign-ins with one account create one user", often(parallelFirstSignIns)},
		{"a subject is unique only within an app of a platform", subjectIsLocal},
		{"an account that never signed in is not found", unknownAccount},
		{"a user's account is found by its app", accountOfUser},
		{"a disabled user keeps the account", accountOfDisabledUser},
	}
}

// identityAt returns an identity at an app, without a union.
func identityAt(app, subject string) identity.ExternalIdentity {
	return identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: identity.PlatformWechat,
		App: app, Subject: subject}}
}

// newIdentity returns an identity at an app that was not used before.
func newIdentity(app string) identity.ExternalIdentity { return identityAt(app, newName()) }

// findOrCreate signs somebody in with an identity and returns the user.
func (f fixture) findOrCreate(t *testing.T, e identity.ExternalIdentity) (identity.User, bool) {
	t.Helper()
	user, created, err := f.Accounts.FindOrCreateUser(t.Context(), e)
	require.NoError(t, err)
	return inUTC(user), created
}

// requireUser signs somebody in with an identity and requires the user to be want.
func (f fixture) requireUser(t *testing.T, want identity.User, e identity.ExternalIdentity) {
	t.Helper()
	got, created := f.findOrCreate(t, e)
	require.False(t, created)
	require.Equal(t, want, got)
	account, err := f.Accounts.Find(t.Context(), e.AccountKey)
	require.NoError(t, err)
	require.Equal(t, want.ID, account.UserID)
}

// requireNewUser signs somebody in with an identity and requires a new user.
func (f fixture) requireNewUser(t *testing.T, e identity.ExternalIdentity) identity.User {
	t.Helper()
	user, created := f.findOrCreate(t, e)
	require.True(t, created)
	return user
}

func firstSignIn(t *testing.T, f fixture) {
	before := f.now(t)
	external := newIdentity("wx1")
	user := f.requireNewUser(t, external)
	require.Empty(t, user.Username)
	require.Empty(t, user.PasswordHash)
	require.False(t, user.Disabled())
	require.Equal(t, f.user(t, user.ID), user)
	between(t, before, f.now(t), user.CreatedAt)
	f.requireUser(t, user, external)

	account, err := f.Accounts.Find(t.Context(), external.AccountKey)
	require.NoError(t, err)
	between(t, before, f.now(t), account.CreatedAt)
	require.Equal(t, identity.Account{AccountKey: external.AccountKey, UserID: user.ID, CreatedAt: account.CreatedAt},
		account)
}

func parallelFirstSignIns(t *testing.T, f fixture) {
	external := inUnion("op", newName(), newIdentity("wx1"))
	requireOneUser(t, f, func(int) identity.ExternalIdentity { return external })
}

// requireOneUser makes parallel first sign-ins of one person and requires that they create one user.
func requireOneUser(t *testing.T, f fixture, identityOf func(n int) identity.ExternalIdentity) identity.User {
	t.Helper()
	users := make([]identity.User, callers)
	requireOneWinner(t, inParallel(callers, func(n int) (made won) {
		users[n], made.won, made.err = f.at(n).Accounts.FindOrCreateUser(t.Context(), identityOf(n))
		return made
	}))
	for _, user := range users {
		require.Equal(t, users[0].ID, user.ID)
	}
	return f.user(t, users[0].ID)
}

func subjectIsLocal(t *testing.T, f fixture) {
	subject := newName()
	user := f.requireNewUser(t, identityAt("wx1", subject))
	f.requireNewUser(t, identityAt("wx2", subject))
	elsewhere := identityAt("wx1", subject)
	elsewhere.Platform = "elsewhere"
	f.requireNewUser(t, elsewhere)
	f.requireUser(t, user, identityAt("wx1", subject))
}

func unknownAccount(t *testing.T, f fixture) {
	subject := newName()
	f.requireNewUser(t, identityAt("wx1", subject))
	for _, unknown := range []identity.ExternalIdentity{newIdentity("wx1"), identityAt("wx2", subject),
		identityAt("wx1", ""), identityAt("", subject)} {
		_, err := f.Accounts.Find(t.Context(), unknown.AccountKey)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
}

func accountOfDisabledUser(t *testing.T, f fixture) {
	external := newIdentity("wx1")
	user := f.requireNewUser(t, external)
	require.NoError(t, f.Users.Disable(t.Context(), user.ID))
	f.requireUser(t, f.user(t, user.ID), external)
}

func accountOfUser(t *testing.T, f fixture) {
	one, two := newIdentity("wx1"), newIdentity("wx2")
	user := f.requireNewUser(t, inUnion("op", newName(), one))
	other := f.requireNewUser(t, two)
	want, err := f.Accounts.Find(t.Context(), one.AccountKey)
	require.NoError(t, err)
	got, err := f.Accounts.FindByUser(t.Context(), user.ID, identity.PlatformWechat, "wx1")
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, unknown := range [][3]string{
		{user.ID, identity.PlatformWechat, "wx2"}, {other.ID, identity.PlatformWechat, "wx1"},
		{user.ID, "elsewhere", "wx1"}, {user.ID, identity.PlatformWechat, ""},
		{"u_nobody", identity.PlatformWechat, "wx1"}, {"", identity.PlatformWechat, "wx1"},
		{one.Subject, identity.PlatformWechat, "wx1"},
	} {
		_, err := f.Accounts.FindByUser(t.Context(), unknown[0], unknown[1], unknown[2])
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", unknown)
	}
}

func unions() []testCase {
	return []testCase{
		{"a union id links the apps of one Open Platform account", unionLinksApps},
		{"a union id of another Open Platform account links nothing", unionIsLocal},
		{"a union id without an Open Platform account links nothing", unionWithoutPlatform},
		{"a union id that appears later links the user", unionAppearsLater},
		{"a union id that is no longer reported is kept", unionNotReported},
		{"a union id of another user moves nothing and is recorded once", unionConflict},
		{"a changed union id is recorded once and links nothing", unionChanges},
		{"a changed union id never links another user's account", unionTakesNothingOver},
		{"users stay linked when an app moves to another Open Platform account", unionMoves},
		{"a union id of a second account at one app moves nothing", unionTwiceAtOneApp},
		{"parallel first sign-ins through two apps with one union id create one user", often(parallelUnion)},
		{"users are stable after a union id appears at two apps in parallel", often(parallelLink)},
	}
}

// inUnion returns an identity at an app that is bound to an Open Platform account, with a union id there.
func inUnion(platform, union string, e identity.ExternalIdentity) identity.ExternalIdentity {
	e.OpenPlatform, e.UnionID = platform, union
	return e
}

func requireConflicts(t *testing.T, f fixture, user identity.User, count int) {
	t.Helper()
	require.Len(t, f.eventsOf(t, identity.EventUnionConflict, user.ID), count)
}

func unionLinksApps(t *testing.T, f fixture) {
	union := newName()
	first, second := inUnion("op", union, newIdentity("wx1")), inUnion("op", union, newIdentity("wx2"))
	user := f.requireNewUser(t, first)
	f.requireUser(t, user, second)
	f.requireUser(t, user, first)
	account, err := f.Accounts.Find(t.Context(), second.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID)
	requireConflicts(t, f, user, 0)
}

func unionIsLocal(t *testing.T, f fixture) {
	union := newName()
	user := f.requireNewUser(t, inUnion("op", union, newIdentity("wx1")))
	other := f.requireNewUser(t, inUnion("another op", union, newIdentity("wx3")))
	elsewhere := inUnion("op", union, newIdentity("wx1"))
	elsewhere.Platform = "elsewhere"
	f.requireNewUser(t, elsewhere)
	f.requireUser(t, user, inUnion("op", union, newIdentity("wx2")))
	f.requireUser(t, other, inUnion("another op", union, newIdentity("wx4")))
}

func unionWithoutPlatform(t *testing.T, f fixture) {
	union := newName()
	f.requireNewUser(t, inUnion("", union, newIdentity("wx1")))
	f.requireNewUser(t, inUnion("", union, newIdentity("wx2")))
	f.requireNewUser(t, inUnion("op", "", newIdentity("wx1")))
	f.requireNewUser(t, inUnion("op", "", newIdentity("wx2")))
}

func unionAppearsLater(t *testing.T, f fixture) {
	union, first, second := newName(), newIdentity("wx1"), newIdentity("wx2")
	user := f.requireNewUser(t, first)
	f.requireUser(t, user, inUnion("op", union, first))
	f.requireUser(t, user, inUnion("op", union, second))
	account, err := f.Accounts.Find(t.Context(), first.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID)
	requireConflicts(t, f, user, 0)
}

func unionNotReported(t *testing.T, f fixture) {
	union, first := newName(), newIdentity("wx1")
	user := f.requireNewUser(t, inUnion("op", union, first))
	f.requireUser(t, user, first)
	account, err := f.Accounts.Find(t.Context(), first.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID, "as last reported")
	f.requireUser(t, user, inUnion("op", union, newIdentity("wx2")))
	requireConflicts(t, f, user, 0)
}

func unionConflict(t *testing.T, f fixture) {
	union, first := newName(), newIdentity("wx1")
	second := inUnion("op", union, newIdentity("wx2"))
	user, owner := f.requireNewUser(t, first), f.requireNewUser(t, second)
	for range 3 {
		f.requireUser(t, user, inUnion("op", union, first))
		f.requireUser(t, owner, second)
		requireConflicts(t, f, user, 1)
		requireConflicts(t, f, owner, 0)
	}
	f.requireUser(t, owner, inUnion("op", union, newIdentity("wx3")))
}

func unionChanges(t *testing.T, f fixture) {
	first, oldUnion, newUnion := newIdentity("wx1"), newName(), newName()
	user := f.requireNewUser(t, inUnion("op", oldUnion, first))
	for range 3 {
		f.requireUser(t, user, inUnion("op", newUnion, first))
		requireConflicts(t, f, user, 1)
	}
	f.requireNewUser(t, inUnion("op", newUnion, newIdentity("wx2"))) // which has the union from now on
	f.requireUser(t, user, inUnion("op", newUnion, first))
	f.requireUser(t, user, inUnion("op", oldUnion, newIdentity("wx3")))
}

func unionTakesNothingOver(t *testing.T, f fixture) {
	first, second := inUnion("op", newName(), newIdentity("wx1")), inUnion("op", newName(), newIdentity("wx2"))
	user, victim := f.requireNewUser(t, first), f.requireNewUser(t, second)
	for range 3 {
		f.requireUser(t, user, inUnion("op", second.UnionID, first))
		f.requireUser(t, victim, second)
		requireConflicts(t, f, user, 1)
	}
	f.requireUser(t, victim, inUnion("op", second.UnionID, newIdentity("wx3")))
	f.requireUser(t, user, inUnion("op", first.UnionID, newIdentity("wx3")))
}

// unionMoves: union ids of two Open Platform accounts are unrelated, so a new one does not change the old one.
func unionMoves(t *testing.T, f fixture) {
	app, before, after := newIdentity("wx1"), newName(), newName()
	user := f.requireNewUser(t, inUnion("op", before, app))
	f.requireUser(t, user, inUnion("another op", after, app))
	f.requireUser(t, user, inUnion("another op", after, newIdentity("wx4")))
	f.requireUser(t, user, inUnion("op", before, newIdentity("wx2")))
	requireConflicts(t, f, user, 0)
}

func unionTwiceAtOneApp(t *testing.T, f fixture) {
	union := newName()
	first, second := inUnion("op", union, newIdentity("wx1")), inUnion("op", union, newIdentity("wx1"))
	user := f.requireNewUser(t, first)
	other := f.requireNewUser(t, second) // a user has one account at an app
	for range 3 {
		f.requireUser(t, user, first)
		f.requireUser(t, other, second)
	}
	requireConflicts(t, f, other, 1)
}

func parallelUnion(t *testing.T, f fixture) {
	union := newName()
	apps := []identity.ExternalIdentity{inUnion("op", union, newIdentity("wx1")),
		inUnion("op", union, newIdentity("wx2"))}
	user := requireOneUser(t, f, func(n int) identity.ExternalIdentity { return apps[n%2] })
	f.requireUser(t, user, apps[0])
	f.requireUser(t, user, apps[1])
	requireConflicts(t, f, user, 0)
}

func parallelLink(t *testing.T, f fixture) {
	union, known := newName(), newIdentity("wx1")
	user := f.requireNewUser(t, known)
	apps := []identity.ExternalIdentity{inUnion("op", union, known), inUnion("op", union, newIdentity("wx2"))}
	users := make([]identity.User, callers)
	for _, err := range inParallel(callers, func(n int) (err error) {
		users[n], _, err = f.at(n).Accounts.FindOrCreateUser(t.Context(), apps[n%2])
		return err
	}) {
		require.NoError(t, err)
	}
	// Whether the new account is linked to the known user or gets its own depends on the order. Afterwards it does
	// not change.
	for n, got := range users {
		require.Equal(t, users[n%2].ID, got.ID)
	}
	f.requireUser(t, user, apps[0])
	f.requireUser(t, f.user(t, users[1].ID), apps[1])
}
