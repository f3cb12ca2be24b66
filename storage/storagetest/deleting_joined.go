package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func joinedGo(t *testing.T, h house) {
	first, second, third, bystander := h.newUser(t), h.newUser(t), h.newUser(t), h.newUser(t)
	aside := h.newUser(t)
	h.join(t, aside, bystander)
	require.NoError(t, h.Profiles.Choose(t.Context(), first.ID, fullProfile()))
	h.join(t, first, second)
	h.join(t, second, third)
	h.leave(t, third, 0)
	require.Equal(t, 1, h.deleteLeft(t), "who left is counted")
	for _, gone := range []identity.User{first, second, third} {
		h.requireGone(t, gone)
		require.Zero(t, h.details(t, gone.ID))
		require.ErrorIs(t, h.Clients.Create(t.Context(), identity.Client{ID: gone.ID}), identity.ErrExists)
	}
	require.Equal(t, bystander.ID, h.user(t, aside.ID).JoinedInto)
	left, err := h.Joins.List(t.Context(), 1000)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, aside.ID, left[0].Retired)
}

func unjoinedStays(t *testing.T, h house) {
	retired, survivor := h.newUser(t), h.newUser(t)
	_, err := h.Joins.Undo(t.Context(), h.join(t, retired, survivor).ID)
	require.NoError(t, err)
	h.leave(t, survivor, 0)
	require.Equal(t, 1, h.deleteLeft(t))
	h.requireGone(t, survivor)
	require.Empty(t, h.user(t, retired.ID).JoinedInto)

	other := h.newUser(t)
	_, err = h.Joins.Undo(t.Context(), h.join(t, retired, other).ID)
	require.NoError(t, err)
	h.leave(t, retired, 0)
	require.Equal(t, 1, h.deleteLeft(t))
	h.requireGone(t, retired)
	require.False(t, h.user(t, other.ID).Disabled())
}
