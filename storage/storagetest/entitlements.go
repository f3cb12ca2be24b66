package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// userRoles returns the test cases of roles and claims.
func userRoles() []testCase {
	return []testCase{
		{"roles are granted and revoked, and each change is recorded", rolesChange},
		{"granting a role twice or revoking a missing one changes nothing", rolesAreASet},
		{"roles are limited in number and form", rolesAreBounded},
		{"parallel grants are all kept", often(parallelGrants)},
		{"parallel grants and revocations of different roles are independent", often(parallelGrantsAndRevocations)},
		{"parallel grants stay within the limit", often(parallelGrantsStayBounded)},
		{"claims are replaced and removed, and recorded without their content", claimsChange},
		{"roles and claims are part of the user in every result, and end no sessions", rolesEverywhere},
		{"hostile roles and claims are stored unchanged or rejected", hostileRoles},
		{"an unknown user has no roles or claims", rolesOfNobody},
		{"an ended context changes no roles or claims", contextEndsRoles},
	}
}

func requireRoles(t *testing.T, f fixture, user identity.User, want ...string) {
	t.Helper()
	require.Equal(t, want, f.user(t, user.ID).Roles)
}

// detailsOf returns the details of a user's events of a kind, the oldest first.
func detailsOf(t *testing.T, f fixture, kind, userID string) []string {
	t.Helper()
	var details []string
	for _, event := range f.eventsOf(t, kind, userID) {
		details = append(details, event.Detail)
	}
	slices.Reverse(details)
	return details
}

func rolesChange(t *testing.T, f fixture) {
	ctx, user, other := t.Context(), f.newUser(t), f.newUser(t)
	require.Empty(t, user.Roles)
	require.NoError(t, f.Entitlements.GrantRole(ctx, other.ID, "bystander"))
	require.NoError(t, f.Entitlements.GrantRole(ctx, user.ID, "shop:write"))
	require.NoError(t, f.Entitlements.GrantRole(ctx, user.ID, "Admin"))
	requireRoles(t, f, user, "Admin", "shop:write")
	require.NoError(t, f.Entitlements.RevokeRole(ctx, user.ID, "shop:write"))
	requireRoles(t, f, user, "Admin")
	require.NoError(t, f.Entitlements.GrantRole(ctx, user.ID, "9-1._x"))
	requireRoles(t, f, user, "9-1._x", "Admin")
	require.NoError(t, f.Entitlements.RevokeRole(ctx, user.ID, "Admin"))
	require.NoError(t, f.Entitlements.RevokeRole(ctx, user.ID, "9-1._x"))
	require.Equal(t, inUTC(user), f.user(t, user.ID), "as before, including the epoch")
	require.Equal(t, []string{"shop:write", "Admin", "9-1._x"}, detailsOf(t, f, identity.EventRoleGranted, user.ID))
	require.Equal(t, []string{"shop:write", "Admin", "9-1._x"}, detailsOf(t, f, identity.EventRoleRevoked, user.ID))
	requireRoles(t, f, other, "bystander")
}

func rolesAreASet(t *testing.T, f fixture) {
	ctx, user := t.Context(), f.newUser(t)
	require.NoError(t, f.Entitlements.RevokeRole(ctx, user.ID, "admin"))
	for _, role := range []string{"b", "a", "b", "a"} {
		require.NoError(t, f.Entitlements.GrantRole(ctx, user.ID, role))
	}
	require.NoError(t, f.Entitlements.RevokeRole(ctx, user.ID, "A"), "a different role: case is significant")
	requireRoles(t, f, user, "a", "b")
	require.Equal(t, []string{"b", "a"}, detailsOf(t, f, identity.EventRoleGranted, user.ID), "changes are recorded")
	require.Empty(t, f.eventsOf(t, identity.EventRoleRevoked, user.ID))
}

func grantRoles(t *testing.T, f fixture, id string, roles ...string) {
	t.Helper()
	for _, role := range roles {
		require.NoError(t, f.Entitlements.GrantRole(t.Context(), id, role))
	}
}

// manyRoles returns as many roles as a user can have, of the maximum length.
func manyRoles() []string {
	roles := make([]string, identity.MaxRoles)
	for n := range roles {
		roles[n] = fmt.Sprintf("%s%02d", strings.Repeat("r", 62), n)
	}
	return roles
}

func rolesAreBounded(t *testing.T, f fixture) {
	ctx, user, other := t.Context(), f.newUser(t), f.newUser(t)
	roles := manyRoles()
	grantRoles(t, f, user.ID, roles...)
	require.Error(t, f.Entitlements.GrantRole(ctx, user.ID, "one-more"))
	require.NoError(t, f.Entitlements.GrantRole(ctx, user.ID, roles[7]), "the user has it already")
	for _, role := range []string{"", "a b", "a,b", `a"b`, "a/b", "ä", "a\n", strings.Repeat("r", 65)} {
		require.Error(t, f.Entitlements.GrantRole(ctx, other.ID, role), "%q", role)
		require.NoError(t, f.Entitlements.RevokeRole(ctx, user.ID, role), "%q: nobody has it", role)
	}
	requireRoles(t, f, user, roles...)
}

func parallelGrants(t *testing.T, f fixture) {
	user, roles := f.newUser(t), manyRoles()
	require.NoError(t, errors.Join(inParallel(callers, func(n int) error {
		return f.at(n).Entitlements.GrantRole(t.Context(), user.ID, roles[n%len(roles)])
	})...))
	requireRoles(t, f, user, roles...)
	require.Len(t, f.eventsOf(t, identity.EventRoleGranted, user.ID), len(roles), "each grant is recorded once")
}

func parallelGrantsAndRevocations(t *testing.T, f fixture) {
	user, roles := f.newUser(t), manyRoles()
	old, fresh := roles[:callers/2], roles[callers/2:]
	grantRoles(t, f, user.ID, old...)
	require.NoError(t, errors.Join(inParallel(callers, func(n int) error {
		entitlements := f.at(n / 2).Entitlements
		if n%2 == 0 {
			return entitlements.GrantRole(t.Context(), user.ID, fresh[n/2])
		}
		return entitlements.RevokeRole(t.Context(), user.ID, old[n/2])
	})...))
	requireRoles(t, f, user, fresh...)
}

func parallelGrantsStayBounded(t *testing.T, f fixture) {
	user, roles := f.newUser(t), manyRoles()
	grantRoles(t, f, user.ID, roles[1:]...)
	granted := 0
	for _, err := range inParallel(callers, func(n int) error {
		return f.at(n).Entitlements.GrantRole(t.Context(), user.ID, fmt.Sprint("racer-", n))
	}) {
		if err == nil {
			granted++
		}
	}
	require.Equal(t, 1, granted)
	require.Len(t, f.user(t, user.ID).Roles, identity.MaxRoles)
}

func claimsChange(t *testing.T, f fixture) {
	ctx, user := t.Context(), f.newUser(t)
	require.Empty(t, user.Claims)
	require.NoError(t, f.Entitlements.SetClaims(ctx, user.ID, `{"tenant":"t-1","levels":[1,2.5,null],"名":"令牌"}`))
	require.EqualValues(t, `{"tenant":"t-1","levels":[1,2.5,null],"名":"令牌"}`, f.user(t, user.ID).Claims)
	require.NoError(t, f.Entitlements.SetClaims(ctx, user.ID,
		identity.Claims(`{"a": "`+strings.Repeat("x", 1015)+`"}`)),
		"1 KiB without its space")
	require.Len(t, f.user(t, user.ID).Claims, 1023)
	require.Error(t, f.Entitlements.SetClaims(ctx, user.ID, identity.Claims(`{"a":"`+strings.Repeat("x", 1017)+`"}`)))
	require.Len(t, f.user(t, user.ID).Claims, 1023)
	require.NoError(t, f.Entitlements.SetClaims(ctx, user.ID, "{}"))
	require.Equal(t, inUTC(user), f.user(t, user.ID), "{} means no claims")
	require.NoError(t, f.Entitlements.SetClaims(ctx, user.ID, ""))
	require.Equal(t, []string{"", "", "", ""}, detailsOf(t, f, identity.EventClaimsSet, user.ID))
}

func rolesEverywhere(t *testing.T, f fixture) {
	ctx, external := t.Context(), newIdentity("wx1")
	user, _, err := f.Accounts.FindOrCreateUser(ctx, external)
	require.NoError(t, err)
	require.Empty(t, user.Roles)
	session := f.signIn(t, user, f.newClient(t))
	grantRoles(t, f, user.ID, "a", "b")
	require.NoError(t, f.Entitlements.SetClaims(ctx, user.ID, `{"a":1}`))
	want := f.user(t, user.ID)
	require.Equal(t, []string{"a", "b"}, want.Roles)
	require.EqualValues(t, `{"a":1}`, want.Claims)
	require.Equal(t, user.AuthEpoch, want.AuthEpoch)
	again, _, err := f.Accounts.FindOrCreateUser(ctx, external)
	require.NoError(t, err)
	require.Equal(t, want, inUTC(again))
	f.requireLive(t, user, session.ID)

	named := f.newUser(t)
	require.NoError(t, f.Entitlements.GrantRole(ctx, named.ID, "c"))
	found, err := f.Users.FindByUsername(ctx, named.Username)
	require.NoError(t, err)
	require.Equal(t, []string{"c"}, found.Roles)
	require.NoError(t, f.Users.Disable(ctx, named.ID))
	require.NoError(t, f.Entitlements.GrantRole(ctx, named.ID, "d"), "the user may be enabled again")
	requireRoles(t, f, named, "c", "d")
}

func hostileRoles(t *testing.T, f fixture) {
	ctx, user := t.Context(), f.newUser(t)
	grantRoles(t, f, user.ID, "innocent")
	for _, text := range texts() {
		for _, role := range []string{text, "role" + text} {
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
			require.Equal(t, err == nil, f.Entitlements.SetClaims(ctx, user.ID, identity.Claims(claims)) == nil,
				"%q", claims)
			require.Equal(t, want, f.user(t, user.ID).Claims)
		}
	}
}

// roleChanges makes all kinds of changes to a user's roles and claims.
func roleChanges(ctx context.Context, f fixture, id string) map[string]error {
	return map[string]error{
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
	for name, err := range roleChanges(canceled(t), f, user.ID) {
		require.ErrorIs(t, err, context.Canceled, name)
	}
	_, err := f.Users.ReplacePasswordHash(canceled(t), user.ID, user.PasswordHash, "new hash")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, inUTC(user), f.user(t, user.ID))
}
