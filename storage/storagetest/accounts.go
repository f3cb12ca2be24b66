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
func sight(app, subject string) identity.Sighting {
	return identity.Sighting{AccountKey: identity.AccountKey{Platform: identity.PlatformWechat,
		App: app, Subject: subject}}
}

// see signs somebody in and returns who it is.
func (f fixture) see(t *testing.T, s identity.Sighting) (identity.User, bool) {
	t.Helper()
	user, created, err := f.Accounts.FindOrCreateUser(t.Context(), s)
	require.NoError(t, err)
	return inUTC(user), created
}

// requireSeen signs somebody in who is known to be a user.
func (f fixture) requireSeen(t *testing.T, want identity.User, s identity.Sighting) {
	t.Helper()
	got, created := f.see(t, s)
	require.False(t, created)
	require.Equal(t, want, got)
	account, err := f.Accounts.Find(t.Context(), s.AccountKey)
	require.NoError(t, err)
	require.Equal(t, want.ID, account.UserID)
}

// requireNew signs somebody in who is nobody yet.
func (f fixture) requireNew(t *testing.T, s identity.Sighting) identity.User {
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
	requireOneUser(t, f, func(int) identity.Sighting { return seen })
}

// requireOneUser signs a crowd in, all of them one person whom nobody has seen before.
func requireOneUser(t *testing.T, f fixture, sightOf func(n int) identity.Sighting) identity.User {
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
	for _, unknown := range []identity.Sighting{sight("wx1", newName()), sight("wx2", subject), sight("wx1", ""),
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
