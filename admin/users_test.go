package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
)

func newPassword(text string) admin.NewPassword {
	return admin.NewPassword{Text: identity.Secret(text)}
}

func foreignHash(t *testing.T) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(good), bcrypt.MinCost)
	require.NoError(t, err)
	return string(hash)
}

func TestNewPasswords(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	alice, err := e.users.Create(ctx, operator, "alice", newPassword(good))
	require.NoError(t, err)
	require.Equal(t, "hash of "+good, alice.PasswordHash)
	hash := foreignHash(t)
	bob, err := e.users.Create(ctx, operator, "bob", admin.NewPassword{Text: identity.Secret(hash), Hashed: true})
	require.NoError(t, err)
	require.Equal(t, hash, bob.PasswordHash)

	for name, test := range map[string]struct {
		secret admin.NewPassword
		want   string
	}{
		"short":   {newPassword("short"), ""},
		"a hash":  {newPassword(hash), "this is a hash of a password, not a password"},
		"no hash": {admin.NewPassword{Text: good, Hashed: true}, "not a supported hash"},
		"an expensive hash": {admin.NewPassword{Text: identity.Secret(strings.Replace(hash, "$04$", "$15$", 1)),
			Hashed: true}, ""},
	} {
		_, err := e.users.Create(ctx, operator, "carol", test.secret)
		require.ErrorContains(t, err, test.want, name)
		require.Equal(t, name == "a hash", errors.Is(err, admin.ErrHashGiven), name)
		require.ErrorContains(t, e.users.SetPassword(ctx, operator, alice.ID, test.secret), test.want, name)
	}
	_, err = e.users.Find(ctx, operator, "carol")
	requireUnknown(t, err, "user", "carol")

	_, err = e.users.Create(ctx, operator, "ALICE", newPassword(good))
	requireRefused(t, err, `the name "ALICE" is taken, perhaps in another spelling, or looks like one that is taken`)
	_, err = e.users.Create(ctx, operator, "a name with spaces", newPassword(good))
	require.Error(t, err)

	e.signIn(t, alice)
	require.NoError(t, e.users.SetPassword(ctx, operator, alice.ID, newPassword("another password")))
	require.Contains(t, e.recorded(t, alice.ID), identity.EventPasswordSet)
	alive, err := e.sessions.List(ctx, operator, alice.ID)
	require.NoError(t, err)
	require.Empty(t, alive)
}

func TestCheckMayHavePassword(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	retired, survivor := e.duplicates(t, "o1")
	err := e.users.SetPassword(ctx, operator, survivor.ID, newPassword(good))
	requireRefused(t, err, survivor.ID+" has no user name to sign in with, so a password would be useless")
	require.Equal(t, err, admin.CheckMayHavePassword(survivor))
	_, err = e.merges.Merge(ctx, operator, retired.ID, survivor.ID)
	require.NoError(t, err)
	requireRefused(t, e.users.SetPassword(ctx, operator, retired.ID, newPassword(good)), mergedText(retired, survivor))
	require.NoError(t, admin.CheckMayHavePassword(e.addUser(t, "alice")))
}

func mergedText(retired, survivor identity.User) string {
	return retired.ID + " was merged into " + survivor.ID +
		": use that user, or undo the merge with lingpai users unmerge"
}

func TestFindUserByIDOrName(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	alice := e.addUser(t, "alice")
	for _, name := range []string{alice.ID, "alice", "Alice"} {
		found, err := e.users.Find(ctx, operator, name)
		require.NoError(t, err)
		require.Equal(t, alice.ID, found.ID)
	}
	_, err := e.users.Find(ctx, operator, "nobody")
	requireUnknown(t, err, "user", "nobody")

	_, err = e.database.Imports().Import(ctx, []identity.ImportedUser{{Line: 1, ID: "alice", Username: "other"}})
	require.NoError(t, err)
	_, err = e.users.Find(ctx, operator, "alice")
	requireRefused(t, err, `"alice" is the id of one user and the user name of another, `+alice.ID+"; nothing was done")
	other, err := e.users.Find(ctx, operator, "other")
	require.NoError(t, err)
	require.Equal(t, "alice", other.ID)
	require.NoError(t, e.users.GrantRole(ctx, operator, other.ID, "editor"), "an id is never treated as a name")
	other, err = e.users.Find(ctx, operator, "other")
	require.NoError(t, err)
	require.Equal(t, []string{"editor"}, other.Roles)
}

func TestDisableAndGrantRoles(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	alice := e.addUser(t, "alice")
	e.signIn(t, alice)
	require.NoError(t, e.users.Disable(ctx, operator, alice.ID))
	alive, err := e.sessions.List(ctx, operator, alice.ID)
	require.NoError(t, err)
	require.Empty(t, alive)
	require.NoError(t, e.users.Enable(ctx, operator, alice.ID))
	require.NoError(t, e.users.GrantRole(ctx, operator, alice.ID, "editor"))
	require.NoError(t, e.users.RevokeRole(ctx, operator, alice.ID, "editor"))
	require.NoError(t, e.users.SetClaims(ctx, operator, alice.ID, []byte(`{ "tenant": "t-1" }`)))
	kinds := e.recorded(t, alice.ID)
	for _, kind := range []string{identity.EventUserDisabled, identity.EventUserEnabled, identity.EventRoleGranted,
		identity.EventRoleRevoked, identity.EventClaimsSet} {
		require.Contains(t, kinds, kind)
	}
	found, err := e.users.Find(ctx, operator, "alice")
	require.NoError(t, err)
	require.Equal(t, identity.Claims(`{"tenant":"t-1"}`), found.Claims)
	shown, err := json.Marshal(admin.ViewUserWithAccounts(found, nil))
	require.NoError(t, err)
	require.Contains(t, string(shown), `"has_password":true`)
	require.Contains(t, string(shown), `"claims":{"tenant":"t-1"},"accounts":[]`)
	require.NotContains(t, string(shown), found.PasswordHash)

	requireField(t, e.users.GrantRole(ctx, operator, alice.ID, "a role"), "role", "")
	requireField(t, e.users.RevokeRole(ctx, operator, alice.ID, ""), "role", "")
	require.Error(t, e.users.SetClaims(ctx, operator, alice.ID, []byte(`[]`)))
	for _, err := range []error{e.users.Disable(ctx, operator, "u_x"), e.users.Enable(ctx, operator, "u_x"),
		e.users.GrantRole(ctx, operator, "u_x", "editor"), e.users.SetPassword(ctx, operator, "u_x",
			newPassword(good))} {
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
	_, err = e.users.List(ctx, operator, "", 0)
	requireField(t, err, "limit", "must be at least 1")
	listed, err := e.users.List(ctx, operator, "", 1)
	require.NoError(t, err)
	require.Len(t, listed, 1)
}

func TestDeleteAndUndelete(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	retired, survivor := e.duplicates(t, "o1")
	e.signIn(t, survivor)
	preview, err := e.users.PreviewDeletion(ctx, operator, survivor.ID, time.Hour)
	require.NoError(t, err)
	require.Equal(t, survivor.ID, preview.User.ID)
	require.Equal(t, []int{1, 1}, []int{preview.Accounts, preview.Sessions})
	requireRefused(t, e.users.Undelete(ctx, operator, survivor.ID), "no deletion of "+survivor.ID+" is scheduled")

	at, err := e.users.Delete(ctx, operator, survivor.ID, time.Hour)
	require.NoError(t, err)
	leaving, err := e.users.Find(ctx, operator, survivor.ID)
	require.NoError(t, err)
	require.Equal(t, at.UnixMilli(), leaving.DeletesAt.UnixMilli())
	require.True(t, leaving.DeletionByOperator)
	require.NoError(t, e.users.Undelete(ctx, operator, survivor.ID))
	require.Subset(t, e.recorded(t, survivor.ID), []string{identity.EventDeletionRequested,
		identity.EventDeletionCancelled})

	for _, act := range []func(id string, grace time.Duration) error{
		func(id string, grace time.Duration) error {
			_, err := e.users.PreviewDeletion(ctx, operator, id, grace)
			return err
		}, func(id string, grace time.Duration) error {
			_, err := e.users.Delete(ctx, operator, id, grace)
			return err
		},
	} {
		requireField(t, act(survivor.ID, -time.Second), "grace", "must be at least 0s")
		requireUnknown(t, act("u_x", 0), "user", "u_x")
	}
	requireUnknown(t, e.users.Undelete(ctx, operator, "u_x"), "user", "u_x")
	_, err = e.merges.Merge(ctx, operator, retired.ID, survivor.ID)
	require.NoError(t, err)
	_, err = e.users.Delete(ctx, operator, retired.ID, time.Hour)
	requireRefused(t, err, mergedText(retired, survivor))
	_, err = e.users.PreviewDeletion(ctx, operator, retired.ID, time.Hour)
	requireRefused(t, err, mergedText(retired, survivor))
	requireRefused(t, e.users.Undelete(ctx, operator, retired.ID), mergedText(retired, survivor))
}

// unnamedUsers cannot look up names.
type unnamedUsers struct{ identity.Users }

func (unnamedUsers) FindByUsername(context.Context, string) (identity.User, error) {
	return identity.User{}, errors.New("the database is gone")
}

// TestAUserIsNotFoundUnlessBothLookUpsSucceed: otherwise the argument may be the id of one user and the name of
// another.
func TestAUserIsNotFoundUnlessBothLookUpsSucceed(t *testing.T) {
	e := newEnv(t)
	user := e.addUser(t, "alice")
	users := admin.NewUsers(admin.UsersConfig{Users: unnamedUsers{e.database.Users()}})
	for _, name := range []string{user.ID, "nobody"} {
		found, err := users.Find(t.Context(), operator, name)
		require.ErrorContains(t, err, "the database is gone", name)
		require.Empty(t, found.ID)
	}
}
