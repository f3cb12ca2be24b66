package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func deletionRequests() []testCase {
	return slices.Concat([]testCase{
		{"a request returns the time of the deletion and ends all sessions", deletionIsRequested},
		{"a second request returns the same time and changes nothing", deletionIsRequestedTwice},
		{"a canceled deletion does not happen", deletionIsCanceled},
		{"an unknown user can neither request nor cancel", deletionOfUnknownUser},
	}, purges())
}

// grace is how long a user may cancel.
const grace = 15 * 24 * time.Hour

func (f fixture) requestDeletion(t *testing.T, user identity.User, grace time.Duration) time.Time {
	t.Helper()
	at, err := f.Deletions.RequestDeletion(t.Context(), user.ID, grace)
	require.NoError(t, err)
	return at.UTC()
}

func deletionIsRequested(t *testing.T, f fixture) {
	external, client, other := newIdentity("wx1"), f.newClient(t), f.newUser(t)
	user := f.requireNewUser(t, external)
	require.NoError(t, f.Users.SetUsername(t.Context(), user.ID, newName()))
	user = f.user(t, user.ID)
	require.False(t, user.DeletionRequested())
	session, bystander := f.signIn(t, user, client), f.signIn(t, other, client)
	before := f.now(t)
	at := f.requestDeletion(t, user, grace)
	between(t, before.Add(grace), f.now(t).Add(grace), at)
	require.Equal(t, identity.EndedByDeletion, f.session(t, session.ID).EndReason)
	f.requireLive(t, user)
	f.requireLive(t, other, bystander.ID)
	require.ErrorIs(t, tryOpen(t, f, user, client, 0), identity.ErrStale)
	require.Len(t, f.eventsOf(t, identity.EventDeletionRequested, user.ID), 1)

	pending := f.user(t, user.ID)
	require.True(t, pending.DeletionRequested())
	require.False(t, pending.Disabled(), "the user may sign in to cancel")
	require.Greater(t, pending.AuthEpoch, user.AuthEpoch)
	want := user
	want.AuthEpoch, want.DeletesAt = pending.AuthEpoch, at
	require.Equal(t, want, pending)
	f.requireUser(t, pending, external)
	found, err := f.Users.FindByUsername(t.Context(), user.Username)
	require.NoError(t, err)
	require.Equal(t, pending, inUTC(found))
}

func deletionIsRequestedTwice(t *testing.T, f fixture) {
	user := f.newUser(t)
	at := f.requestDeletion(t, user, grace)
	pending := f.user(t, user.ID)
	session := f.signIn(t, pending, f.newClient(t))
	f.advance(time.Hour)
	require.Equal(t, at, f.requestDeletion(t, user, 2*grace))
	require.Equal(t, pending, f.user(t, user.ID))
	f.requireLive(t, user, session.ID)
	require.Len(t, f.eventsOf(t, identity.EventDeletionRequested, user.ID), 1)
}

func deletionIsCanceled(t *testing.T, f fixture) {
	user := f.newUser(t)
	require.NoError(t, f.Deletions.CancelDeletion(t.Context(), user.ID), "nothing was requested")
	require.Equal(t, inUTC(user), f.user(t, user.ID))
	require.Empty(t, f.eventsOf(t, identity.EventDeletionCancelled, user.ID))
	f.requestDeletion(t, user, grace)
	session := f.signIn(t, f.user(t, user.ID), f.newClient(t))
	for range 2 {
		require.NoError(t, f.Deletions.CancelDeletion(t.Context(), user.ID))
		require.False(t, f.user(t, user.ID).DeletionRequested())
		require.Len(t, f.eventsOf(t, identity.EventDeletionCancelled, user.ID), 1)
	}
	f.requireLive(t, user, session.ID)
	f.advance(2 * grace)
	f.purge(t)
	require.False(t, f.user(t, user.ID).DeletionRequested())
	before := f.now(t)
	at := f.requestDeletion(t, user, grace)
	between(t, before.Add(grace), f.now(t).Add(grace), at) // counted from the new request
}

func deletionOfUnknownUser(t *testing.T, f fixture) {
	bystander := f.newUser(t)
	for _, id := range append(texts(), "", identity.NewUserID(), bystander.ID+"x") {
		at, err := f.Deletions.RequestDeletion(t.Context(), id, grace)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
		require.Zero(t, at)
		require.ErrorIs(t, f.Deletions.CancelDeletion(t.Context(), id), identity.ErrNotFound, "%q", id)
	}
	require.Equal(t, inUTC(bystander), f.user(t, bystander.ID))
}
