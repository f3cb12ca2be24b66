package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func accounts() []testCase {
	return []testCase{
		{"the first sight of an account makes a user, the next finds it", firstSight},
		{"of parallel first sights of one account one makes a user", often(parallelSights)},
		{"a subject means nothing at another app or platform", subjectIsLocal},
		{"an account that never signed in is not found", unknownAccount},
		{"a user's account is found by the app", accountOfUser},
		{"a disabled user's account is still that user's", accountOfDisabledUser},
	}
}

// sight tells of somebody at an app; no union.
func sight(app, subject string) identity.ExternalIdentity {
	return identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: identity.PlatformWechat,
		App: app, Subject: subject}}
}

// see signs somebody in and returns who it is.
func (f fixture) see(t *testing.T, s identity.ExternalIdentity) (identity.User, bool) {
	t.Helper()
	user, created, err := f.Accounts.FindOrCreateUser(t.Context(), s)
	require.NoError(t, err)
	return inUTC(user), created
}

// requireSeen signs somebody in who is known to be a user.
func (f fixture) requireSeen(t *testing.T, want identity.User, s identity.ExternalIdentity) {
	t.Helper()
	got, created := f.see(t, s)
	require.False(t, created)
	require.Equal(t, want, got)
	account, err := f.Accounts.Find(t.Context(), s.AccountKey)
	require.NoError(t, err)
	require.Equal(t, want.ID, account.UserID)
}

// requireNew signs somebody in who is nobody yet.
func (f fixture) requireNew(t *testing.T, s identity.ExternalIdentity) identity.User {
	t.Helper()
	user, created := f.see(t, s)
	require.True(t, created)
	return user
}

func firstSight(t *testing.T, f fixture) {
	before := f.now(t)
	seen := sight("wx1", newName())
	user := f.requireNew(t, seen)
	require.Empty(t, user.Username)
	require.Empty(t, user.PasswordHash)
	require.False(t, user.Disabled())
	require.Equal(t, f.user(t, user.ID), user)
	between(t, before, f.now(t), user.CreatedAt)
	f.requireSeen(t, user, seen)

	account, err := f.Accounts.Find(t.Context(), seen.AccountKey)
	require.NoError(t, err)
	between(t, before, f.now(t), account.CreatedAt)
	require.Equal(t, identity.Account{AccountKey: seen.AccountKey, UserID: user.ID, CreatedAt: account.CreatedAt},
		account)
}

func parallelSights(t *testing.T, f fixture) {
	seen := in("op", newName(), sight("wx1", newName()))
	requireOneUser(t, f, func(int) identity.ExternalIdentity { return seen })
}

// requireOneUser signs a crowd in, all of them one person whom nobody has seen before.
func requireOneUser(t *testing.T, f fixture, sightOf func(n int) identity.ExternalIdentity) identity.User {
	t.Helper()
	users := make([]identity.User, crowd)
	requireOneWinner(t, together(crowd, func(n int) (made won) {
		users[n], made.won, made.err = f.at(n).Accounts.FindOrCreateUser(t.Context(), sightOf(n))
		return made
	}))
	for _, user := range users {
		require.Equal(t, users[0].ID, user.ID)
	}
	return f.user(t, users[0].ID)
}

func subjectIsLocal(t *testing.T, f fixture) {
	subject := newName()
	user := f.requireNew(t, sight("wx1", subject))
	f.requireNew(t, sight("wx2", subject))
	elsewhere := sight("wx1", subject)
	elsewhere.Platform = "elsewhere"
	f.requireNew(t, elsewhere)
	f.requireSeen(t, user, sight("wx1", subject))
}

func unknownAccount(t *testing.T, f fixture) {
	subject := newName()
	f.requireNew(t, sight("wx1", subject))
	for _, unknown := range []identity.ExternalIdentity{sight("wx1", newName()), sight("wx2", subject), sight("wx1",
		""),
		sight("", subject)} {
		_, err := f.Accounts.Find(t.Context(), unknown.AccountKey)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
}

func accountOfDisabledUser(t *testing.T, f fixture) {
	seen := sight("wx1", newName())
	user := f.requireNew(t, seen)
	require.NoError(t, f.Users.Disable(t.Context(), user.ID))
	f.requireSeen(t, f.user(t, user.ID), seen)
}

func accountOfUser(t *testing.T, f fixture) {
	one, two := sight("wx1", newName()), sight("wx2", newName())
	user := f.requireNew(t, in("op", newName(), one))
	other := f.requireNew(t, two)
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
		{"a union id joins the apps of one open platform", unionJoins},
		{"a union id of another open platform joins nothing", unionIsLocal},
		{"a union id without an open platform joins nothing", unionWithoutPlatform},
		{"a union id that appears later links the user", unionAppearsLater},
		{"a union id that is not told any more is not forgotten", unionNotTold},
		{"a union id of another user moves nothing and is recorded once", unionConflict},
		{"a changed union id is recorded once and links nothing", unionChanges},
		{"a changed union id never takes another user over", unionTakesNothingOver},
		{"an app that moves to another open platform takes its users along", unionMoves},
		{"a union id of a second account at one app moves nothing", unionTwiceAtOneApp},
		{"parallel first sights through two apps with one union id make one user", often(parallelUnion)},
		{"a union id that appears in parallel at two apps settles", often(parallelLink)},
	}
}

// in says that the app belongs to an open platform, where the person has a union id.
func in(platform, union string, s identity.ExternalIdentity) identity.ExternalIdentity {
	s.OpenPlatform, s.UnionID = platform, union
	return s
}

func requireConflicts(t *testing.T, f fixture, user identity.User, count int) {
	t.Helper()
	require.Len(t, f.eventsOf(t, identity.EventUnionConflict, user.ID), count)
}

func unionJoins(t *testing.T, f fixture) {
	union := newName()
	first, second := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName()))
	user := f.requireNew(t, first)
	f.requireSeen(t, user, second)
	f.requireSeen(t, user, first)
	account, err := f.Accounts.Find(t.Context(), second.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID)
	requireConflicts(t, f, user, 0)
}

func unionIsLocal(t *testing.T, f fixture) {
	union := newName()
	user := f.requireNew(t, in("op", union, sight("wx1", newName())))
	other := f.requireNew(t, in("another op", union, sight("wx3", newName())))
	elsewhere := in("op", union, sight("wx1", newName()))
	elsewhere.Platform = "elsewhere"
	f.requireNew(t, elsewhere)
	f.requireSeen(t, user, in("op", union, sight("wx2", newName())))
	f.requireSeen(t, other, in("another op", union, sight("wx4", newName())))
}

func unionWithoutPlatform(t *testing.T, f fixture) {
	union := newName()
	f.requireNew(t, in("", union, sight("wx1", newName())))
	f.requireNew(t, in("", union, sight("wx2", newName())))
	f.requireNew(t, in("op", "", sight("wx1", newName())))
	f.requireNew(t, in("op", "", sight("wx2", newName())))
}

func unionAppearsLater(t *testing.T, f fixture) {
	union, first, second := newName(), sight("wx1", newName()), sight("wx2", newName())
	user := f.requireNew(t, first)
	f.requireSeen(t, user, in("op", union, first))
	f.requireSeen(t, user, in("op", union, second))
	account, err := f.Accounts.Find(t.Context(), first.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID)
	requireConflicts(t, f, user, 0)
}

func unionNotTold(t *testing.T, f fixture) {
	union, first := newName(), sight("wx1", newName())
	user := f.requireNew(t, in("op", union, first))
	f.requireSeen(t, user, first)
	account, err := f.Accounts.Find(t.Context(), first.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID, "as last seen")
	f.requireSeen(t, user, in("op", union, sight("wx2", newName())))
	requireConflicts(t, f, user, 0)
}

func unionConflict(t *testing.T, f fixture) {
	union, first := newName(), sight("wx1", newName())
	second := in("op", union, sight("wx2", newName()))
	user, owner := f.requireNew(t, first), f.requireNew(t, second)
	for range 3 {
		f.requireSeen(t, user, in("op", union, first))
		f.requireSeen(t, owner, second)
		requireConflicts(t, f, user, 1)
		requireConflicts(t, f, owner, 0)
	}
	f.requireSeen(t, owner, in("op", union, sight("wx3", newName())))
}

func unionChanges(t *testing.T, f fixture) {
	first, oldUnion, newUnion := sight("wx1", newName()), newName(), newName()
	user := f.requireNew(t, in("op", oldUnion, first))
	for range 3 {
		f.requireSeen(t, user, in("op", newUnion, first))
		requireConflicts(t, f, user, 1)
	}
	f.requireNew(t, in("op", newUnion, sight("wx2", newName()))) // whose it is from now on
	f.requireSeen(t, user, in("op", newUnion, first))
	f.requireSeen(t, user, in("op", oldUnion, sight("wx3", newName())))
}

func unionTakesNothingOver(t *testing.T, f fixture) {
	first, second := in("op", newName(), sight("wx1", newName())), in("op", newName(), sight("wx2", newName()))
	user, victim := f.requireNew(t, first), f.requireNew(t, second)
	for range 3 {
		f.requireSeen(t, user, in("op", second.UnionID, first))
		f.requireSeen(t, victim, second)
		requireConflicts(t, f, user, 1)
	}
	f.requireSeen(t, victim, in("op", second.UnionID, sight("wx3", newName())))
	f.requireSeen(t, user, in("op", first.UnionID, sight("wx3", newName())))
}

// unionMoves: the union ids of two open platforms have nothing to do with each other, so a new one is no
// change of the old one.
func unionMoves(t *testing.T, f fixture) {
	app, before, after := sight("wx1", newName()), newName(), newName()
	user := f.requireNew(t, in("op", before, app))
	f.requireSeen(t, user, in("another op", after, app))
	f.requireSeen(t, user, in("another op", after, sight("wx4", newName())))
	f.requireSeen(t, user, in("op", before, sight("wx2", newName())))
	requireConflicts(t, f, user, 0)
}

func unionTwiceAtOneApp(t *testing.T, f fixture) {
	union := newName()
	first, second := in("op", union, sight("wx1", newName())), in("op", union, sight("wx1", newName()))
	user := f.requireNew(t, first)
	other := f.requireNew(t, second) // a user has one account at an app
	for range 3 {
		f.requireSeen(t, user, first)
		f.requireSeen(t, other, second)
	}
	requireConflicts(t, f, other, 1)
}

func parallelUnion(t *testing.T, f fixture) {
	union := newName()
	apps := []identity.ExternalIdentity{in("op", union, sight("wx1", newName())), in("op", union, sight("wx2",
		newName()))}
	user := requireOneUser(t, f, func(n int) identity.ExternalIdentity { return apps[n%2] })
	f.requireSeen(t, user, apps[0])
	f.requireSeen(t, user, apps[1])
	requireConflicts(t, f, user, 0)
}

func parallelLink(t *testing.T, f fixture) {
	union, known := newName(), sight("wx1", newName())
	user := f.requireNew(t, known)
	apps := []identity.ExternalIdentity{in("op", union, known), in("op", union, sight("wx2", newName()))}
	users := make([]identity.User, crowd)
	for _, err := range together(crowd, func(n int) (err error) {
		users[n], _, err = f.at(n).Accounts.FindOrCreateUser(t.Context(), apps[n%2])
		return err
	}) {
		require.NoError(t, err)
	}
	// Whether the new account joins the known user or makes its own is a matter of who came first; afterwards
	// it is settled.
	for n, got := range users {
		require.Equal(t, users[n%2].ID, got.ID)
	}
	f.requireSeen(t, user, apps[0])
	f.requireSeen(t, f.user(t, users[1].ID), apps[1])
}
