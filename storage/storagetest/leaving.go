package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func leaving() []testCase {
	return slices.Concat([]testCase{
		{"who leaves is told when, and his sessions end", userLeaves},
		{"who leaves already is told the same instant, and nothing ends", userLeavesTwice},
		{"who changes his mind stays", userStays},
		{"an unknown user neither leaves nor stays", nobodyLeaves},
	}, deleting())
}

// grace is how long a user may change his mind.
const grace = 15 * 24 * time.Hour

func (f fixture) leave(t *testing.T, user identity.User, grace time.Duration) time.Time {
	t.Helper()
	at, err := f.Deletions.RequestDeletion(t.Context(), user.ID, grace)
	require.NoError(t, err)
	return at.UTC()
}

func userLeaves(t *testing.T, f fixture) {
	seen, client, other := sight("wx1", newName()), f.newClient(t), f.newUser(t)
	user := f.requireNew(t, seen)
	require.NoError(t, f.Users.Name(t.Context(), user.ID, newName()))
	user = f.user(t, user.ID)
	require.False(t, user.DeletionRequested())
	session, bystander := f.signIn(t, user, client), f.signIn(t, other, client)
	before := f.now(t)
	at := f.leave(t, user, grace)
	between(t, before.Add(grace), f.now(t).Add(grace), at)
	require.Equal(t, identity.EndedByDeletion, f.session(t, session.ID).EndReason)
	f.requireLive(t, user)
	f.requireLive(t, other, bystander.ID)
	require.ErrorIs(t, tryOpen(t, f, user, client, 0), identity.ErrStale)
	require.Len(t, f.eventsOf(t, identity.EventDeletionRequested, user.ID), 1)

	left := f.user(t, user.ID)
	require.True(t, left.DeletionRequested())
	require.False(t, left.Disabled(), "he may sign in to change his mind")
	require.Greater(t, left.AuthEpoch, user.AuthEpoch)
	want := user
	want.AuthEpoch, want.DeletesAt = left.AuthEpoch, at
	require.Equal(t, want, left)
	f.requireSeen(t, left, seen)
	found, err := f.Users.FindByUsername(t.Context(), user.Username)
	require.NoError(t, err)
	require.Equal(t, left, inUTC(found))
}

func userLeavesTwice(t *testing.T, f fixture) {
	user := f.newUser(t)
	at := f.leave(t, user, grace)
	left := f.user(t, user.ID)
	session := f.signIn(t, left, f.newClient(t))
	f.advance(time.Hour)
	require.Equal(t, at, f.leave(t, user, 2*grace))
	require.Equal(t, left, f.user(t, user.ID))
	f.requireLive(t, user, session.ID)
	require.Len(t, f.eventsOf(t, identity.EventDeletionRequested, user.ID), 1)
}

func userStays(t *testing.T, f fixture) {
	user := f.newUser(t)
	require.NoError(t, f.Deletions.CancelDeletion(t.Context(), user.ID), "he never left")
	require.Equal(t, inUTC(user), f.user(t, user.ID))
	require.Empty(t, f.eventsOf(t, identity.EventDeletionCancelled, user.ID))
	f.leave(t, user, grace)
	session := f.signIn(t, f.user(t, user.ID), f.newClient(t))
	for range 2 {
		require.NoError(t, f.Deletions.CancelDeletion(t.Context(), user.ID))
		require.False(t, f.user(t, user.ID).DeletionRequested())
		require.Len(t, f.eventsOf(t, identity.EventDeletionCancelled, user.ID), 1)
	}
	f.requireLive(t, user, session.ID)
	f.advance(2 * grace)
	f.deleteLeft(t)
	require.False(t, f.user(t, user.ID).DeletionRequested())
	before := f.now(t)
	at := f.leave(t, user, grace)
	between(t, before.Add(grace), f.now(t).Add(grace), at) // counted anew
}

func nobodyLeaves(t *testing.T, f fixture) {
	bystander := f.newUser(t)
	for _, id := range append(texts(), "", identity.NewUserID(), bystander.ID+"x") {
		at, err := f.Deletions.RequestDeletion(t.Context(), id, grace)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
		require.Zero(t, at)
		require.ErrorIs(t, f.Deletions.CancelDeletion(t.Context(), id), identity.ErrNotFound, "%q", id)
	}
	require.Equal(t, inUTC(bystander), f.user(t, bystander.ID))
}
