package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// userRoles are the trials of what an operator says of users.
func userRoles() []trial {
	return []trial{
		{"roles are granted, revoked and replaced, and each change is told of", rolesChange},
		{"a role granted twice or revoked in vain changes nothing", rolesAreASet},
		{"roles are bounded in number and form", rolesAreBounded},
		{"parallel grants are all kept", often(parallelGrants)},
		{"parallel grants and revocations of others disturb nobody", often(parallelGrantsAndRevocations)},
		{"parallel grants stay within the bound", often(parallelGrantsStayBounded)},
		{"claims are replaced and taken away, and told of without being repeated", claimsChange},
		{"roles and claims are found wherever their user is, and end nothing", rolesEverywhere},
		{"hostile roles and claims are data or refused", hostileRoles},
		{"nobody unknown has roles or claims", rolesOfNobody},
		{"an ended context keeps roles and claims as they are", contextEndsRoles},
	}
}

func (h house) requireRoles(t *testing.T, user identity.User, want ...string) {
	t.Helper()
	require.Equal(t, want, h.user(t, user.ID).Roles)
}

// detailsOf lists what the audit log has of a kind and a user, the oldest first.
func (h house) detailsOf(t *testing.T, kind, userID string) []string {
	t.Helper()
	var details []string
	for _, event := range h.eventsOf(t, kind, userID) {
		details = append(details, event.Detail)
	}
	slices.Reverse(details)
	return details
}

func rolesChange(t *testing.T, h house) {
	ctx, user, other := t.Context(), h.newUser(t), h.newUser(t)
	require.Empty(t, user.Roles)
	require.NoError(t, h.Entitlements.GrantRole(ctx, other.ID, "bystander"))
	require.NoError(t, h.Entitlements.GrantRole(ctx, user.ID, "shop:write"))
	require.NoError(t, h.Entitlements.GrantRole(ctx, user.ID, "Admin"))
	h.requireRoles(t, user, "Admin", "shop:write")
	require.NoError(t, h.Entitlements.RevokeRole(ctx, user.ID, "shop:write"))
	h.requireRoles(t, user, "Admin")
	require.NoError(t, h.Entitlements.SetRoles(ctx, user.ID, []string{"c", "a", "b-1._x"}))
	h.requireRoles(t, user, "a", "b-1._x", "c")
	require.NoError(t, h.Entitlements.SetRoles(ctx, user.ID, nil))
	require.Equal(t, inUTC(user), h.user(t, user.ID), "as at the beginning, the epoch too")
	require.Equal(t, []string{"shop:write", "Admin"}, h.detailsOf(t, identity.EventRoleGranted, user.ID))
	require.Equal(t, []string{"shop:write"}, h.detailsOf(t, identity.EventRoleRevoked, user.ID))
	require.Equal(t, []string{"a b-1._x c", ""}, h.detailsOf(t, identity.EventRolesSet, user.ID))
	h.requireRoles(t, other, "bystander")
}

func rolesAreASet(t *testing.T, h house) {
	ctx, user := t.Context(), h.newUser(t)
	require.NoError(t, h.Entitlements.RevokeRole(ctx, user.ID, "admin"))
	require.NoError(t, h.Entitlements.SetRoles(ctx, user.ID, []string{}))
	require.NoError(t, h.Entitlements.SetRoles(ctx, user.ID, []string{"a", "b", "a"}))
	require.NoError(t, h.Entitlements.SetRoles(ctx, user.ID, []string{"b", "a"}))
	require.NoError(t, h.Entitlements.GrantRole(ctx, user.ID, "a"))
	require.NoError(t, h.Entitlements.RevokeRole(ctx, user.ID, "A"), "another one: case counts")
	h.requireRoles(t, user, "a", "b")
	require.Empty(t, h.eventsOf(t, identity.EventRoleGranted, user.ID), "nothing happened, so nothing is told")
	require.Empty(t, h.eventsOf(t, identity.EventRoleRevoked, user.ID))
	require.Equal(t, []string{"a b"}, h.detailsOf(t, identity.EventRolesSet, user.ID))
}

// manyRoles are as many as a user may have, each as long as it may be.
func manyRoles() []string {
	roles := make([]string, identity.MaxRoles)
	for n := range roles {
		roles[n] = fmt.Sprintf("%s%02d", strings.Repeat("r", 62), n)
	}
	return roles
}

func rolesAreBounded(t *testing.T, h house) {
	ctx, user := t.Context(), h.newUser(t)
	roles := manyRoles()
	require.NoError(t, h.Entitlements.SetRoles(ctx, user.ID, roles))
	require.Error(t, h.Entitlements.GrantRole(ctx, user.ID, "one-more"))
	require.Error(t, h.Entitlements.SetRoles(ctx, user.ID, append(roles, "one-more")))
	require.NoError(t, h.Entitlements.GrantRole(ctx, user.ID, roles[7]), "it is there already")
	for _, role := range []string{"", "a b", "a,b", `a"b`, "a/b", "ä", "a\n", strings.Repeat("r", 65)} {
		require.Error(t, h.Entitlements.GrantRole(ctx, user.ID, role), "%q", role)
		require.Error(t, h.Entitlements.SetRoles(ctx, user.ID, []string{"good", role}), "%q", role)
		require.NoError(t, h.Entitlements.RevokeRole(ctx, user.ID, role), "%q: nobody has it", role)
	}
	h.requireRoles(t, user, roles...)
}

func parallelGrants(t *testing.T, h house) {
	user, roles := h.newUser(t), manyRoles()
	require.NoError(t, errors.Join(together(crowd, func(n int) error {
		return h.at(n).Entitlements.GrantRole(t.Context(), user.ID, roles[n%len(roles)])
	})...))
	h.requireRoles(t, user, roles...)
	require.Len(t, h.eventsOf(t, identity.EventRoleGranted, user.ID), len(roles), "each is told of once")
}

func parallelGrantsAndRevocations(t *testing.T, h house) {
	user, roles := h.newUser(t), manyRoles()
	old, fresh := roles[:crowd/2], roles[crowd/2:]
	require.NoError(t, h.Entitlements.SetRoles(t.Context(), user.ID, old))
	require.NoError(t, errors.Join(together(crowd, func(n int) error {
		if entitlements := h.at(n / 2).Entitlements; n%2 == 0 {
			return entitlements.GrantRole(t.Context(), user.ID, fresh[n/2])
		} else {
			return entitlements.RevokeRole(t.Context(), user.ID, old[n/2])
		}
	})...))
	h.requireRoles(t, user, fresh...)
}

func parallelGrantsStayBounded(t *testing.T, h house) {
	user, roles := h.newUser(t), manyRoles()
	require.NoError(t, h.Entitlements.SetRoles(t.Context(), user.ID, roles[1:]))
	granted := 0
	for _, err := range together(crowd, func(n int) error {
		return h.at(n).Entitlements.GrantRole(t.Context(), user.ID, fmt.Sprint("racer-", n))
	}) {
		if err == nil {
			granted++
		}
	}
	require.Equal(t, 1, granted)
	require.Len(t, h.user(t, user.ID).Roles, identity.MaxRoles)
}

func claimsChange(t *testing.T, h house) {
	ctx, user := t.Context(), h.newUser(t)
	require.Empty(t, user.Claims)
	require.NoError(t, h.Entitlements.SetClaims(ctx, user.ID, `{"tenant":"t-1","levels":[1,2.5,null],"名":"令牌"}`))
	require.EqualValues(t, `{"tenant":"t-1","levels":[1,2.5,null],"名":"令牌"}`, h.user(t, user.ID).Claims)
	require.NoError(t, h.Entitlements.SetClaims(ctx, user.ID,
		identity.Claims(`{"a": "`+strings.Repeat("x", 1015)+`"}`)),
		"1 KiB without its space")
	require.Len(t, h.user(t, user.ID).Claims, 1023)
	require.Error(t, h.Entitlements.SetClaims(ctx, user.ID, identity.Claims(`{"a":"`+strings.Repeat("x", 1017)+`"}`)))
	require.Len(t, h.user(t, user.ID).Claims, 1023)
	require.NoError(t, h.Entitlements.SetClaims(ctx, user.ID, "{}"))
	require.Equal(t, inUTC(user), h.user(t, user.ID), "{} is none")
	require.NoError(t, h.Entitlements.SetClaims(ctx, user.ID, ""))
	require.Equal(t, []string{"", "", "", ""}, h.detailsOf(t, identity.EventClaimsSet, user.ID))
}
