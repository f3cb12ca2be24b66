package storagetest

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func rolesEverywhere(t *testing.T, h house) {
	ctx, seen := t.Context(), sight("wx1", newName())
	user, _, err := h.Accounts.FindOrCreateUser(ctx, seen)
	require.NoError(t, err)
	require.Empty(t, user.Roles)
	session := h.signIn(t, user, h.newClient(t))
	require.NoError(t, h.Entitlements.SetRoles(ctx, user.ID, []string{"a", "b"}))
	require.NoError(t, h.Entitlements.SetClaims(ctx, user.ID, `{"a":1}`))
	want := h.user(t, user.ID)
	require.Equal(t, []string{"a", "b"}, want.Roles)
	require.EqualValues(t, `{"a":1}`, want.Claims)
	require.Equal(t, user.AuthEpoch, want.AuthEpoch)
	again, _, err := h.Accounts.FindOrCreateUser(ctx, seen)
	require.NoError(t, err)
	require.Equal(t, want, inUTC(again))
	h.requireLive(t, user, session.ID)

	named := h.newUser(t)
	require.NoError(t, h.Entitlements.GrantRole(ctx, named.ID, "c"))
	found, err := h.Users.FindByUsername(ctx, named.Username)
	require.NoError(t, err)
	require.Equal(t, []string{"c"}, found.Roles)
	require.NoError(t, h.Users.Disable(ctx, named.ID))
	require.NoError(t, h.Entitlements.GrantRole(ctx, named.ID, "d"), "it will be enabled again")
	h.requireRoles(t, named, "c", "d")
}

func hostileRoles(t *testing.T, h house) {
	ctx, user := t.Context(), h.newUser(t)
	for _, text := range texts() {
		for _, role := range []string{text, "role" + text} {
			require.NoError(t, h.Entitlements.SetRoles(ctx, user.ID, []string{"innocent"}))
			want := []string{"innocent"}
			if h.Entitlements.GrantRole(ctx, user.ID, role) == nil {
				want = append(want, role)
				slices.Sort(want)
			}
			h.requireRoles(t, user, want...)
			require.NoError(t, h.Entitlements.RevokeRole(ctx, user.ID, role))
			h.requireRoles(t, user, "innocent")
		}
		for _, claims := range []string{text, `{"a":"` + text + `"}`, `{"` + text + `":1}`} {
			require.NoError(t, h.Entitlements.SetClaims(ctx, user.ID, `{"innocent":true}`))
			want, err := identity.ParseClaims([]byte(claims))
			if err != nil {
				want = `{"innocent":true}`
			}
			require.Equal(t, err == nil, h.Entitlements.SetClaims(ctx, user.ID, identity.Claims(claims)) == nil,
				"%q", claims)
			require.Equal(t, want, h.user(t, user.ID).Claims)
		}
	}
}

// roleChanges are all ways to change what an operator says of a user.
func (h house) roleChanges(ctx context.Context, id string) map[string]error {
	return map[string]error{
		"SetRoles":   h.Entitlements.SetRoles(ctx, id, []string{"a"}),
		"GrantRole":  h.Entitlements.GrantRole(ctx, id, "b"),
		"RevokeRole": h.Entitlements.RevokeRole(ctx, id, "a"),
		"SetClaims":  h.Entitlements.SetClaims(ctx, id, `{"a":1}`),
	}
}

func rolesOfNobody(t *testing.T, h house) {
	user := h.newUser(t)
	for _, id := range append(texts(), "", identity.NewUserID(), user.ID+"x", user.Username) {
		for name, err := range h.roleChanges(t.Context(), id) {
			require.ErrorIs(t, err, identity.ErrNotFound, "%s of %q", name, id)
		}
		require.Empty(t, h.eventsOf(t, identity.EventRoleGranted, id))
	}
	require.Equal(t, inUTC(user), h.user(t, user.ID))
}

func contextEndsRoles(t *testing.T, h house) {
	user := h.newUser(t)
	for name, err := range h.roleChanges(cancelled(t), user.ID) {
		require.ErrorIs(t, err, context.Canceled, name)
	}
	_, err := h.Users.ReplacePasswordHash(cancelled(t), user.ID, user.PasswordHash, "new hash")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, inUTC(user), h.user(t, user.ID))
}
