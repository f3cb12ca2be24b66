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

// opens says whether a password is the caller's.
func (w *env) opens(c accounts.Caller, secret string) bool {
	w.t.Helper()
	right, _, err := w.hasher.Check(context.Background(), address, w.user(c).PasswordHash, secret)
	require.NoError(w.t, err)
	return right
}

func TestChangeAPassword(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	elsewhere := w.again(alice)
	require.NoError(t, w.accounts.SetPassword(context.Background(), alice, byPassword(), "", newPassword))
	require.True(t, w.opens(alice, newPassword))
	require.False(t, w.opens(alice, oldPassword))
	require.False(t, w.alive(alice), "whoever has the old one is out")
	require.False(t, w.alive(elsewhere))
	require.Len(t, w.events(identity.EventPasswordSet, alice.UserID), 1)
}

func TestSetAForgottenPasswordWithACode(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	proof := byCode(w.code(miniApp, "o-alice"))
	require.NoError(t, w.accounts.SetPassword(context.Background(), alice, proof, "ALICE", newPassword),
		"her own name may be repeated")
	require.True(t, w.opens(alice, newPassword))
	require.Equal(t, "alice", w.user(alice).Username)
}

func TestAddAPassword(t *testing.T) {
	w := newEnv(t)
	bob := w.seen("o-bob")
	require.NoError(t, w.accounts.SetPassword(context.Background(), bob, byCode(w.code(miniApp, "o-bob")), "Bob",
		newPassword))
	found, err := w.database.Users().FindByUsername(context.Background(), "bob")
	require.NoError(t, err)
	require.Equal(t, bob.UserID, found.ID)
	require.True(t, w.opens(bob, newPassword))
	require.False(t, w.alive(bob))
	require.Len(t, w.events(identity.EventUserNamed, bob.UserID), 1)
}

func TestWhatMayNotBeSetCostsNoProof(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	bob := w.seen("o-bob")
	for fault, c := range map[string]struct {
		caller           accounts.Caller
		username, secret string
		name             oauth.Code
	}{
		"no name":                       {bob, "", newPassword, oauth.InvalidRequest},
		"a look-alike":                  {bob, "\u0430lice", newPassword, oauth.InvalidRequest},
		"an id":                         {bob, "u_bob", newPassword, oauth.InvalidRequest},
		"another name":                  {alice, "alice2", newPassword, oauth.InvalidRequest},
		"no name at all":                {alice, "a b", newPassword, oauth.InvalidRequest},
		"no password":                   {alice, "", "", oauth.WeakPassword},
		"a short password":              {alice, "", "2 short", oauth.WeakPassword},
		"a common password":             {alice, "", "qwertyuiop", oauth.WeakPassword},
		"a common password for a new":   {bob, "bob", "12345678", oauth.WeakPassword},
		"the name that is being chosen": {bob, "bobthebuilder", "bobthebuilder", oauth.WeakPassword},
	} {
		t.Run(fault, func(t *testing.T) {
			proof := byCode(w.code(miniApp, map[accounts.Caller]string{alice: "o-alice", bob: "o-bob"}[c.caller]))
			requireRefused(t, w.accounts.SetPassword(context.Background(), c.caller, proof, c.username, c.secret),
				c.name)
			require.True(t, w.fresh(proof.Code))
			require.True(t, w.alive(c.caller))
		})
	}
	require.Empty(t, w.user(bob).Username)
	require.Zero(t, w.hasher.hashes.Load())
}

func TestAPasswordWithoutItsNameGoesOnFromThere(t *testing.T) {
	var users *onceFailing
	w := newEnv(t, func(c *accounts.Config) {
		users = &onceFailing{Users: c.Users, left: 1}
		c.Users = users
	})
	bob := w.seen("o-bob")
	set := func() error {
		return w.accounts.SetPassword(context.Background(), bob, byCode(w.code(miniApp, "o-bob")), "bob", newPassword)
	}
	requireRefused(t, set(), oauth.TemporarilyUnavailable)
	require.Equal(t, "bob", w.user(bob).Username)
	require.Empty(t, w.user(bob).PasswordHash)
	require.NoError(t, set())
	require.True(t, w.opens(bob, newPassword))
}

// onceFailing is a store that fails between two steps.
type onceFailing struct {
	identity.Users
	left int
}

func (u *onceFailing) SetPassword(ctx context.Context, id, hash string) error {
	if u.left--; u.left >= 0 {
		return errors.New("the connection is gone")
	}
	return u.Users.SetPassword(ctx, id, hash)
}

func TestNoNameIsTakenWhileHashingIsBusy(t *testing.T) {
	w := newEnv(t, func(c *accounts.Config) { c.Hasher = busyHasher{} })
	bob := w.seen("o-bob")
	err := w.accounts.SetPassword(context.Background(), bob, byCode(w.code(miniApp, "o-bob")), "bob", newPassword)
	requireRefused(t, err, oauth.TemporarilyUnavailable)
	require.ErrorIs(t, err, password.ErrBusy)
	require.Empty(t, w.user(bob).Username)
}

// busyHasher has no place.
type busyHasher struct{}

func (busyHasher) Hash(context.Context, string, string) (string, error) { return "", password.ErrBusy }

// TestNamesCannotBeTriedOutWithATokenAlone: who has one, the own one even, would else learn of everybody who
// has a name.
func TestNamesCannotBeTriedOutWithATokenAlone(t *testing.T) {
	w := newEnv(t)
	w.named("alice")
	bob := w.seen("o-bob")
	for _, name := range []string{"alice", "nobody-has-this"} {
		requireRefused(t, w.accounts.SetPassword(context.Background(), bob, accounts.Proof{}, name, newPassword),
			oauth.InsufficientUserAuthentication)
	}
	taken := w.accounts.SetPassword(context.Background(), bob, byCode(w.code(miniApp, "o-bob")), "ＡLICE", newPassword)
	requireRefused(t, taken, oauth.UsernameTaken)
	require.True(t, w.alive(bob))
}
