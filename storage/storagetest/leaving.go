package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func leaving() []trial {
	return slices.Concat([]trial{
		{"who leaves is told when, and his sessions end", userLeaves},
		{"who leaves already is told the same instant, and nothing ends", userLeavesTwice},
		{"who changes his mind stays", userStays},
		{"an unknown user neither leaves nor stays", nobodyLeaves},
	}, deleting())
}

// grace is how long a user may change his mind.
const grace = 15 * 24 * time.Hour

func (h house) leave(t *testing.T, user identity.User, grace time.Duration) time.Time {
	t.Helper()
	at, err := h.Deletions.Leave(t.Context(), user.ID, grace)
	require.NoError(t, err)
	return at.UTC()
}

func userLeaves(t *testing.T, h house) {
	seen, client, other := sight("wx1", newName()), h.newClient(t), h.newUser(t)
	user := h.requireNew(t, seen)
	require.NoError(t, h.Users.Name(t.Context(), user.ID, newName()))
	user = h.user(t, user.ID)
	require.False(t, user.Leaving())
	session, bystander := h.signIn(t, user, client), h.signIn(t, other, client)
	before := h.now(t)
	at := h.leave(t, user, grace)
	between(t, before.Add(grace), h.now(t).Add(grace), at)
	require.Equal(t, identity.EndedByLeaving, h.session(t, session.ID).EndReason)
	h.requireLive(t, user)
	h.requireLive(t, other, bystander.ID)
	require.ErrorIs(t, h.tryOpen(t, user, client, 0), identity.ErrStale)
	require.Len(t, h.eventsOf(t, identity.EventLeaving, user.ID), 1)

	left := h.user(t, user.ID)
	require.True(t, left.Leaving())
	require.False(t, left.Disabled(), "he may sign in to change his mind")
	require.Greater(t, left.AuthEpoch, user.AuthEpoch)
	want := user
	want.AuthEpoch, want.DeletesAt = left.AuthEpoch, at
	require.Equal(t, want, left)
	h.requireSeen(t, left, seen)
	found, err := h.Users.FindByUsername(t.Context(), user.Username)
	require.NoError(t, err)
	require.Equal(t, left, inUTC(found))
}

func userLeavesTwice(t *testing.T, h house) {
	user := h.newUser(t)
	at := h.leave(t, user, grace)
	left := h.user(t, user.ID)
	session := h.signIn(t, left, h.newClient(t))
	h.advance(time.Hour)
	require.Equal(t, at, h.leave(t, user, 2*grace))
	require.Equal(t, left, h.user(t, user.ID))
	h.requireLive(t, user, session.ID)
	require.Len(t, h.eventsOf(t, identity.EventLeaving, user.ID), 1)
}

func userStays(t *testing.T, h house) {
	user := h.newUser(t)
	require.NoError(t, h.Deletions.Stay(t.Context(), user.ID), "he never left")
	require.Equal(t, inUTC(user), h.user(t, user.ID))
	require.Empty(t, h.eventsOf(t, identity.EventStaying, user.ID))
	h.leave(t, user, grace)
	session := h.signIn(t, h.user(t, user.ID), h.newClient(t))
	for range 2 {
		require.NoError(t, h.Deletions.Stay(t.Context(), user.ID))
		require.False(t, h.user(t, user.ID).Leaving())
		require.Len(t, h.eventsOf(t, identity.EventStaying, user.ID), 1)
	}
	h.requireLive(t, user, session.ID)
	h.advance(2 * grace)
	h.deleteLeft(t)
	require.False(t, h.user(t, user.ID).Leaving())
	before := h.now(t)
	at := h.leave(t, user, grace)
	between(t, before.Add(grace), h.now(t).Add(grace), at) // counted anew
}

func nobodyLeaves(t *testing.T, h house) {
	bystander := h.newUser(t)
	for _, id := range append(texts(), "", identity.NewUserID(), bystander.ID+"x") {
		at, err := h.Deletions.Leave(t.Context(), id, grace)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
		require.Zero(t, at)
		require.ErrorIs(t, h.Deletions.Stay(t.Context(), id), identity.ErrNotFound, "%q", id)
	}
	require.Equal(t, inUTC(bystander), h.user(t, bystander.ID))
}
