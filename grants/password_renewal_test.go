package grants_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
)

// importBob adds a user with a hash from another program.
func importBob(t *testing.T, w *env) identity.User {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("the old one"), bcrypt.MinCost)
	require.NoError(t, err)
	bob, err := w.database.Users().Create(context.Background(), "bob", string(hash))
	require.NoError(t, err)
	return bob
}

func (w *env) user(id string) identity.User {
	w.t.Helper()
	user, err := w.database.Users().Find(context.Background(), id)
	require.NoError(w.t, err)
	return user
}

func TestPasswordRenewsAnImportedHashOnce(t *testing.T) {
	w := newEnv(t)
	bob := importBob(t, w)
	_, err := w.token(passwordForm("bob", "the old two"))
	require.ErrorIs(t, err, oauth.InvalidGrant)
	require.Equal(t, bob.PasswordHash, w.user(bob.ID).PasswordHash, "a wrong password renews nothing")
	for range 3 {
		info, err := w.token(passwordForm("bob", "the old one"))
		require.NoError(t, err)
		_, err = w.token(form{"grant_type": "refresh_token", "client_id": "backend", "client_secret": testSecret,
			"refresh_token": info.GetRefresh()})
		require.NoError(t, err)
	}
	renewed := w.user(bob.ID)
	require.Contains(t, renewed.PasswordHash, "$argon2id$")
	require.Equal(t, bob.AuthEpoch, renewed.AuthEpoch)
	require.Len(t, w.events(identity.EventHashRenewed), 1)
	sessions, err := w.database.Sessions().List(context.Background(), bob.ID)
	require.NoError(t, err)
	require.Len(t, sessions, 3)
}

// TestPasswordThatBcryptCutIsNotRenewed: the imported hash is of the first 72 bytes. A sign-in with another end, or
// with none, must not replace it with a hash that rejects the end that the user chose.
func TestPasswordThatBcryptCutIsNotRenewed(t *testing.T) {
	w := newEnv(t)
	start := strings.Repeat("correct horse ", 5) + "ba" // 72 bytes
	hash, err := bcrypt.GenerateFromPassword([]byte(start), bcrypt.MinCost)
	require.NoError(t, err)
	bob, err := w.database.Users().Create(context.Background(), "bob", string(hash))
	require.NoError(t, err)
	for _, typed := range []string{start + "nother end", start, start + "ttery staple"} {
		_, err = w.token(passwordForm("bob", typed))
		require.NoError(t, err, typed)
	}
	require.Equal(t, string(hash), w.user(bob.ID).PasswordHash)
	require.Empty(t, w.events(identity.EventHashRenewed))
}

func TestPasswordOfADisabledUserKeepsItsHash(t *testing.T) {
	w := newEnv(t)
	bob := importBob(t, w)
	require.NoError(t, w.database.Users().Disable(context.Background(), bob.ID))
	_, err := w.token(passwordForm("bob", "the old one"))
	require.ErrorIs(t, err, oauth.InvalidGrant)
	require.Equal(t, bob.PasswordHash, w.user(bob.ID).PasswordHash)
}

// fullUsers is a store that cannot write a new hash.
type fullUsers struct{ identity.Users }

func (fullUsers) ReplacePasswordHash(context.Context, string, string, string) (bool, error) {
	return false, context.DeadlineExceeded
}

func TestPasswordSignsInEvenIfItsHashCannotBeRenewed(t *testing.T) {
	w := newEnv(t)
	bob := importBob(t, w)
	w.rewire(func(c *server.Config) { c.Stores.Users = fullUsers{c.Stores.Users} })
	_, err := w.token(passwordForm("bob", "the old one"))
	require.NoError(t, err)
	require.Equal(t, bob.PasswordHash, w.user(bob.ID).PasswordHash)
	require.Contains(t, w.log.String(), "cannot renew the hash")
	require.NotContains(t, w.log.String(), bob.PasswordHash)
	require.NotContains(t, w.log.String(), "the old one")
}

// TestPasswordChangedDuringRenewal checks that the store does not replace a new password with a new hash of the old
// one.
func TestPasswordChangedDuringRenewal(t *testing.T) {
	w := newEnv(t)
	bob := importBob(t, w)
	w.rewire(func(c *server.Config) { c.Stores.Users = changingUsers{c.Stores.Users, bob.ID} })
	_, err := w.token(passwordForm("bob", "the old one"))
	require.ErrorIs(t, err, oauth.InvalidGrant, "the authentication epoch has changed")
	require.Equal(t, "changed", w.user(bob.ID).PasswordHash)
	w.clock.Move(time.Second)
	require.Empty(t, w.events(identity.EventHashRenewed))
}

// changingUsers is a store in which the password of user id changes just before its hash is renewed.
type changingUsers struct {
	identity.Users
	id string
}

func (c changingUsers) ReplacePasswordHash(ctx context.Context, id, old, passwordHash string) (bool, error) {
	if err := c.SetPassword(ctx, c.id, "changed"); err != nil {
		return false, err
	}
	return c.Users.ReplacePasswordHash(ctx, id, old, passwordHash)
}
