package storagetest

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func rolesEverywhere(t *testing.T, f fixture) {
	ctx, seen := t.Context(), sight("wx1", newName())
	user, _, err := f.Accounts.FindOrCreateUser(ctx, seen)
	require.NoError(t, err)
	require.Empty(t, user.Roles)
	session := f.signIn(t, user, f.newClient(t))
	require.NoError(t, f.Entitlements.SetRoles(ctx, user.ID, []string{"a", "b"}))
	require.NoError(t, f.Entitlements.SetClaims(ctx, user.ID, `{"a":1}`))
	want := f.user(t, user.ID)
	require.Equal(t, []string{"a", "b"}, want.Roles)
	require.EqualValues(t, `{"a":1}`, want.Claims)
	require.Equal(t, user.AuthEpoch, want.AuthEpoch)
	again, _, err := f.Accounts.FindOrCreateUser(ctx, seen)
	require.NoError(t, err)
	require.Equal(t, want, inUTC(again))
	f.requireLive(t, user, session.ID)

	named := f.newUser(t)
	require.NoError(t, f.Entitlements.GrantRole(ctx, named.ID, "c"))
	found, err := f.Users.FindByUsername(ctx, named.Username)
	require.NoError(t, err)
	require.Equal(t, []string{"c"}, found.Roles)
	require.NoError(t, f.Users.Disable(ctx, named.ID))
	require.NoError(t, f.Entitlements.GrantRole(ctx, named.ID, "d"), "it will be enabled again")
	requireRoles(t, f, named, "c", "d")
}

func hostileRoles(t *testing.T, f fixture) {
	ctx, user := t.Context(), f.newUser(t)
	for _, text := range texts() {
		for _, role := range []string{text, "role" + text} {
			require.NoError(t, f.Entitlements.SetRoles(ctx, user.ID, []string{"innocent"}))
			want := []string{"innocent"}
			if f.Entitlements.GrantRole(ctx, user.ID, role) == nil {
				want = append(want, role)
				slices.Sort(want)
			}
			requireRoles(t, f, user, want...)
			require.NoError(t, f.Entitlements.RevokeRole(ctx, user.ID, role))
			requireRoles(t, f, user, "innocent")
		}
		for _, claims := range []string{text, `{"a":"` + text + `"}`, `{"` + text + `":1}`} {
			require.NoError(t, f.Entitlements.SetClaims(ctx, user.ID, `{"innocent":true}`))
			want, err := identity.ParseClaims([]byte(claims))
			if err != nil {
				want = `{"innocent":true}`
			}
			require.Equal(t, err == nil, f.Entitlements.SetClaims(ctx, user.ID, identity.Claims(claims)) == nil, "%q", claims)
			require.Equal(t, want, f.user(t, user.ID).Claims)
		}
	}
}

// roleChanges are all ways to change what an operator says of a user.
func roleChanges(ctx context.Context, f fixture, id string) map[string]error {
	return map[string]error{
		"SetRoles":   f.Entitlements.SetRoles(ctx, id, []string{"a"}),
		"GrantRole":  f.Entitlements.GrantRole(ctx, id, "b"),
		"RevokeRole": f.Entitlements.RevokeRole(ctx, id, "a"),
		"SetClaims":  f.Entitlements.SetClaims(ctx, id, `{"a":1}`),
	}
}

func rolesOfNobody(t *testing.T, f fixture) {
	user := f.newUser(t)
	for _, id := range append(texts(), "", identity.NewUserID(), user.ID+"x", user.Username) {
		for name, err := range roleChanges(t.Context(), f, id) {
			require.ErrorIs(t, err, identity.ErrNotFound, "%s of %q", name, id)
		}
		require.Empty(t, f.eventsOf(t, identity.EventRoleGranted, id))
	}
	require.Equal(t, inUTC(user), f.user(t, user.ID))
}

func contextEndsRoles(t *testing.T, f fixture) {
	user := f.newUser(t)
	for name, err := range roleChanges(cancelled(t), f, user.ID) {
		require.ErrorIs(t, err, context.Canceled, name)
	}
	_, err := f.Users.ReplacePasswordHash(cancelled(t), user.ID, user.PasswordHash, "new hash")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, inUTC(user), f.user(t, user.ID))
}
