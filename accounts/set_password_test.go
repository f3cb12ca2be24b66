package accounts_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// hasPassword reports whether a password is the caller's.
func (w *env) hasPassword(c accounts.Caller, secret string) bool {
	w.t.Helper()
	right, _, err := w.hasher.Check(context.Background(), password.Caller{}, w.user(c).PasswordHash, secret)
	require.NoError(w.t, err)
	return right
}

func TestChangeAPassword(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	elsewhere := w.signInAgain(alice)
	require.NoError(t, w.accounts.SetPassword(context.Background(), alice, byPassword(), "", newPassword))
	require.True(t, w.hasPassword(alice, newPassword))
	require.False(t, w.hasPassword(alice, oldPassword))
	require.False(t, w.active(alice), "the new password ends all sessions")
	require.False(t, w.active(elsewhere))
	require.Len(t, w.events(identity.EventPasswordSet, alice.UserID), 1)
}

func TestSetAForgottenPasswordWithACode(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	proof := byCode(w.code(miniApp, "o-alice"))
	require.NoError(t, w.accounts.SetPassword(context.Background(), alice, proof, "ALICE", newPassword),
		"the current user name may be repeated")
	require.True(t, w.hasPassword(alice, newPassword))
	require.Equal(t, "alice", w.user(alice).Username)
}

func TestAddAPassword(t *testing.T) {
	w := newEnv(t)
	bob := w.wechatUser("o-bob")
	require.NoError(t, w.accounts.SetPassword(context.Background(), bob, byCode(w.code(miniApp, "o-bob")), "Bob",
		newPassword))
	found, err := w.database.Users().FindByUsername(context.Background(), "bob")
	require.NoError(t, err)
	require.Equal(t, bob.UserID, found.ID)
	require.True(t, w.hasPassword(bob, newPassword))
	require.False(t, w.active(bob))
	require.Len(t, w.events(identity.EventUserNamed, bob.UserID), 1)
}

func TestInvalidInputDoesNotUseUpTheProof(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	bob := w.wechatUser("o-bob")
	for name, c := range map[string]struct {
		caller           accounts.Caller
		username, secret string
		code             oauth.Code
	}{
		"no name":                  {bob, "", newPassword, oauth.InvalidRequest},
		"a look-alike":             {bob, "\u0430lice", newPassword, oauth.InvalidRequest},
		"an id":                    {bob, "u_bob", newPassword, oauth.InvalidRequest},
		"another name":             {alice, "alice2", newPassword, oauth.InvalidRequest},
		"an invalid name":          {alice, "a b", newPassword, oauth.InvalidRequest},
		"no password":              {alice, "", "", oauth.WeakPassword},
		"a short password":         {alice, "", "2 short", oauth.WeakPassword},
		"a common password":        {alice, "", "qwertyuiop", oauth.WeakPassword},
		"a common first password":  {bob, "bob", "12345678", oauth.WeakPassword},
		"the new name as password": {bob, "bobthebuilder", "bobthebuilder", oauth.WeakPassword},
	} {
		t.Run(name, func(t *testing.T) {
			proof := byCode(w.code(miniApp, map[accounts.Caller]string{alice: "o-alice", bob: "o-bob"}[c.caller]))
			requireError(t, w.accounts.SetPassword(context.Background(), c.caller, proof, c.username, c.secret),
				c.code)
			require.True(t, w.unused(proof.Code))
			require.True(t, w.active(c.caller))
		})
	}
	require.Empty(t, w.user(bob).Username)
	require.Zero(t, w.hasher.hashes.Load())
}

func TestRepeatingCompletesAnInterruptedSetPassword(t *testing.T) {
	var users *failingUsers
	w := newEnv(t, func(c *accounts.Config) {
		users = &failingUsers{Users: c.Users, left: 1}
		c.Users = users
	})
	bob := w.wechatUser("o-bob")
	set := func() error {
		return w.accounts.SetPassword(context.Background(), bob, byCode(w.code(miniApp, "o-bob")), "bob", newPassword)
	}
	requireError(t, set(), oauth.TemporarilyUnavailable)
	require.Equal(t, "bob", w.user(bob).Username)
	require.Empty(t, w.user(bob).PasswordHash)
	require.NoError(t, set())
	require.True(t, w.hasPassword(bob, newPassword))
}

// failingUsers is a store whose first left calls of SetPassword fail.
type failingUsers struct {
	identity.Users
	left int
}

func (u *failingUsers) SetPassword(ctx context.Context, id, hash string) error {
	if u.left--; u.left >= 0 {
		return errors.New("connection lost")
	}
	return u.Users.SetPassword(ctx, id, hash)
}

func TestNoNameIsSetWhileHashingIsBusy(t *testing.T) {
	w := newEnv(t, func(c *accounts.Config) { c.Hasher = busyHasher{} })
	bob := w.wechatUser("o-bob")
	err := w.accounts.SetPassword(context.Background(), bob, byCode(w.code(miniApp, "o-bob")), "bob", newPassword)
	requireError(t, err, oauth.TemporarilyUnavailable)
	require.ErrorIs(t, err, password.ErrBusy)
	require.Empty(t, w.user(bob).Username)
}

// busyHasher has no free slot.
type busyHasher struct{}

func (busyHasher) Hash(context.Context, password.Caller, string) (string, error) {
	return "", password.ErrBusy
}

// TestNamesCannotBeProbedWithATokenAlone: otherwise any user could find out which names are taken.
func TestNamesCannotBeProbedWithATokenAlone(t *testing.T) {
	w := newEnv(t)
	w.passwordUser("alice")
	bob := w.wechatUser("o-bob")
	for _, name := range []string{"alice", "nobody-has-this"} {
		requireError(t, w.accounts.SetPassword(context.Background(), bob, accounts.Proof{}, name, newPassword),
			oauth.InsufficientUserAuthentication)
	}
	taken := w.accounts.SetPassword(context.Background(), bob, byCode(w.code(miniApp, "o-bob")), "ＡLICE", newPassword)
	requireError(t, taken, oauth.UsernameTaken)
	require.True(t, w.active(bob))
}
