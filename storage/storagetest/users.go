package storagetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func users() []trial {
	return slices.Concat([]trial{
		{"a user is found as created", userIsFound},
		{"an unknown user is not found", unknownUser},
		{"a disabled user says so until enabled", disableAndEnable},
		{"disabling ends the sessions and enabling revives none", disableEndsSessions},
		{"a new password replaces the old one and ends the sessions", passwordEndsSessions},
		{"pages of users are complete and in the order of ids", pagesOfUsers},
	}, userRoles(), userHashes())
}

// newUser makes a user with a name of its own, made from its id.
func (h house) newUser(t *testing.T) identity.User {
	t.Helper()
	user, err := h.Users.Create(t.Context(), newName(), "$argon2id$hash")
	require.NoError(t, err)
	return user
}

// newName makes a text that nobody has used: a name, a subject or whatever is wanted.
func newName() string { return "n" + strings.ReplaceAll(identity.NewSessionID(), "-", "") }

func (h house) user(t *testing.T, id string) identity.User {
	t.Helper()
	user, err := h.Users.Find(t.Context(), id)
	require.NoError(t, err)
	return inUTC(user)
}

// inUTC lets users be compared as values: where a time is shown does not matter.
func inUTC(user identity.User) identity.User {
	user.CreatedAt, user.DisabledAt, user.DeletesAt = user.CreatedAt.UTC(), user.DisabledAt.UTC(), user.DeletesAt.UTC()
	return user
}

func userIsFound(t *testing.T, h house) {
	before := h.now(t)
	name := newName()
	created, err := h.Users.Create(t.Context(), name, "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(created.ID, "u_"), created.ID)
	require.Equal(t, name, created.Username)
	require.Equal(t, "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA", created.PasswordHash)
	require.False(t, created.Disabled())
	between(t, before, h.now(t), created.CreatedAt)

	require.Equal(t, inUTC(created), h.user(t, created.ID))
	named, err := h.Users.FindByUsername(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, inUTC(created), inUTC(named))
}

func unknownUser(t *testing.T, h house) {
	h.newUser(t)
	id := identity.NewUserID()
	_, err := h.Users.Find(t.Context(), id)
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, err = h.Users.FindByUsername(t.Context(), newName())
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.ErrorIs(t, h.Users.Disable(t.Context(), id), identity.ErrNotFound)
	require.ErrorIs(t, h.Users.Enable(t.Context(), id), identity.ErrNotFound)
	require.ErrorIs(t, h.Users.SetPassword(t.Context(), id, "hash"), identity.ErrNotFound)
}

func disableAndEnable(t *testing.T, h house) {
	before := h.now(t)
	user := h.newUser(t)
	require.NoError(t, h.Users.Disable(t.Context(), user.ID))
	require.NoError(t, h.Users.Disable(t.Context(), user.ID), "once more")
	disabled := h.user(t, user.ID)
	require.True(t, disabled.Disabled())
	between(t, before, h.now(t), disabled.DisabledAt)
	require.Greater(t, disabled.AuthEpoch, user.AuthEpoch)
	require.NotEmpty(t, h.eventsOf(t, identity.EventUserDisabled, user.ID))

	require.NoError(t, h.Users.Enable(t.Context(), user.ID))
	require.NoError(t, h.Users.Enable(t.Context(), user.ID), "once more")
	enabled := h.user(t, user.ID)
	require.False(t, enabled.Disabled())
	require.GreaterOrEqual(t, enabled.AuthEpoch, disabled.AuthEpoch)
	require.NotEmpty(t, h.eventsOf(t, identity.EventUserEnabled, user.ID))
}

func disableEndsSessions(t *testing.T, h house) {
	client, user, other := h.newClient(t), h.newUser(t), h.newUser(t)
	session, bystander := h.signIn(t, user, client), h.signIn(t, other, client)
	require.NoError(t, h.Users.Disable(t.Context(), user.ID))
	require.Equal(t, identity.EndedByDisable, h.session(t, session.ID).EndReason)
	h.requireLive(t, user)
	h.requireLive(t, other, bystander.ID)

	require.NoError(t, h.Users.Enable(t.Context(), user.ID))
	h.requireLive(t, user)
	again := h.signIn(t, h.user(t, user.ID), client)
	h.requireLive(t, user, again.ID)
}

func passwordEndsSessions(t *testing.T, h house) {
	client, user, other := h.newClient(t), h.newUser(t), h.newUser(t)
	session, bystander := h.signIn(t, user, client), h.signIn(t, other, client)
	require.NoError(t, h.Users.SetPassword(t.Context(), user.ID, "new hash"))
	require.Equal(t, identity.EndedByPassword, h.session(t, session.ID).EndReason)
	h.requireLive(t, user)
	h.requireLive(t, other, bystander.ID)

	changed := h.user(t, user.ID)
	require.Equal(t, "new hash", changed.PasswordHash)
	require.Equal(t, user.Username, changed.Username)
	require.Greater(t, changed.AuthEpoch, user.AuthEpoch)
	require.NotEmpty(t, h.eventsOf(t, identity.EventPasswordSet, user.ID))
	h.signIn(t, changed, client)
}

func pagesOfUsers(t *testing.T, h house) {
	var want, got []string
	for range 10 {
		want = append(want, h.newUser(t).ID)
	}
	for after := ""; ; {
		page, err := h.Users.List(t.Context(), after, 3)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), 3)
		if len(page) == 0 {
			break
		}
		for _, user := range page {
			require.Greater(t, user.ID, after, "bytewise, whatever the database's collation")
			after = user.ID
			got = append(got, user.ID)
			require.Equal(t, h.user(t, user.ID), inUTC(user))
		}
	}
	require.Subset(t, got, want)
}
