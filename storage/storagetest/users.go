package storagetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func users() []testCase {
	return slices.Concat([]testCase{
		{"a user is found as created", userIsFound},
		{"an unknown user is not found", unknownUser},
		{"a disabled user says so until enabled", disableAndEnable},
		{"disabling ends the sessions and enabling revives none", disableEndsSessions},
		{"a new password replaces the old one and ends the sessions", passwordEndsSessions},
		{"pages of users are complete and in the order of ids", pagesOfUsers},
	}, userRoles(), userHashes())
}

// newUser makes a user with a name of its own, made from its id.
func (f fixture) newUser(t *testing.T) identity.User {
	t.Helper()
	user, err := f.Users.Create(t.Context(), newName(), "$argon2id$hash")
	require.NoError(t, err)
	return user
}

// newName makes a text that nobody has used: a name, a subject or whatever is wanted.
func newName() string { return "n" + strings.ReplaceAll(identity.NewSessionID(), "-", "") }

func (f fixture) user(t *testing.T, id string) identity.User {
	t.Helper()
	user, err := f.Users.Find(t.Context(), id)
	require.NoError(t, err)
	return inUTC(user)
}

// inUTC lets users be compared as values: where a time is shown does not matter.
func inUTC(user identity.User) identity.User {
	user.CreatedAt, user.DisabledAt, user.DeletesAt = user.CreatedAt.UTC(), user.DisabledAt.UTC(), user.DeletesAt.UTC()
	return user
}

func userIsFound(t *testing.T, f fixture) {
	before := f.now(t)
	name := newName()
	created, err := f.Users.Create(t.Context(), name, "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(created.ID, "u_"), created.ID)
	require.Equal(t, name, created.Username)
	require.Equal(t, "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA", created.PasswordHash)
	require.False(t, created.Disabled())
	between(t, before, f.now(t), created.CreatedAt)

	require.Equal(t, inUTC(created), f.user(t, created.ID))
	named, err := f.Users.FindByUsername(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, inUTC(created), inUTC(named))
}

func unknownUser(t *testing.T, f fixture) {
	f.newUser(t)
	id := identity.NewUserID()
	_, err := f.Users.Find(t.Context(), id)
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, err = f.Users.FindByUsername(t.Context(), newName())
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.ErrorIs(t, f.Users.Disable(t.Context(), id), identity.ErrNotFound)
	require.ErrorIs(t, f.Users.Enable(t.Context(), id), identity.ErrNotFound)
	require.ErrorIs(t, f.Users.SetPassword(t.Context(), id, "hash"), identity.ErrNotFound)
}

func disableAndEnable(t *testing.T, f fixture) {
	before := f.now(t)
	user := f.newUser(t)
	require.NoError(t, f.Users.Disable(t.Context(), user.ID))
	require.NoError(t, f.Users.Disable(t.Context(), user.ID), "once more")
	disabled := f.user(t, user.ID)
	require.True(t, disabled.Disabled())
	between(t, before, f.now(t), disabled.DisabledAt)
	require.Greater(t, disabled.AuthEpoch, user.AuthEpoch)
	require.NotEmpty(t, f.eventsOf(t, identity.EventUserDisabled, user.ID))

	require.NoError(t, f.Users.Enable(t.Context(), user.ID))
	require.NoError(t, f.Users.Enable(t.Context(), user.ID), "once more")
	enabled := f.user(t, user.ID)
	require.False(t, enabled.Disabled())
	require.GreaterOrEqual(t, enabled.AuthEpoch, disabled.AuthEpoch)
	require.NotEmpty(t, f.eventsOf(t, identity.EventUserEnabled, user.ID))
}

func disableEndsSessions(t *testing.T, f fixture) {
	client, user, other := f.newClient(t), f.newUser(t), f.newUser(t)
	session, bystander := f.signIn(t, user, client), f.signIn(t, other, client)
	require.NoError(t, f.Users.Disable(t.Context(), user.ID))
	require.Equal(t, identity.EndedByDisable, f.session(t, session.ID).EndReason)
	f.requireLive(t, user)
	f.requireLive(t, other, bystander.ID)

	require.NoError(t, f.Users.Enable(t.Context(), user.ID))
	f.requireLive(t, user)
	again := f.signIn(t, f.user(t, user.ID), client)
	f.requireLive(t, user, again.ID)
}

func passwordEndsSessions(t *testing.T, f fixture) {
	client, user, other := f.newClient(t), f.newUser(t), f.newUser(t)
	session, bystander := f.signIn(t, user, client), f.signIn(t, other, client)
	require.NoError(t, f.Users.SetPassword(t.Context(), user.ID, "new hash"))
	require.Equal(t, identity.EndedByPassword, f.session(t, session.ID).EndReason)
	f.requireLive(t, user)
	f.requireLive(t, other, bystander.ID)

	changed := f.user(t, user.ID)
	require.Equal(t, "new hash", changed.PasswordHash)
	require.Equal(t, user.Username, changed.Username)
	require.Greater(t, changed.AuthEpoch, user.AuthEpoch)
	require.NotEmpty(t, f.eventsOf(t, identity.EventPasswordSet, user.ID))
	f.signIn(t, changed, client)
}

func pagesOfUsers(t *testing.T, f fixture) {
	var want, got []string
	for range 10 {
		want = append(want, f.newUser(t).ID)
	}
	for after := ""; ; {
		page, err := f.Users.List(t.Context(), after, 3)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), 3)
		if len(page) == 0 {
			break
		}
		for _, user := range page {
			require.Greater(t, user.ID, after, "bytewise, whatever the database's collation")
			after = user.ID
			got = append(got, user.ID)
			require.Equal(t, f.user(t, user.ID), inUTC(user))
		}
	}
	require.Subset(t, got, want)
}
