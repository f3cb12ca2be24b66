package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func joinedGo(t *testing.T, f fixture) {
	first, second, third, bystander := f.newUser(t), f.newUser(t), f.newUser(t), f.newUser(t)
	aside := f.newUser(t)
	f.join(t, aside, bystander)
	require.NoError(t, f.Profiles.Choose(t.Context(), first.ID, fullProfile()))
	f.join(t, first, second)
	f.join(t, second, third)
	f.leave(t, third, 0)
	require.Equal(t, 1, f.deleteLeft(t), "who left is counted")
	for _, gone := range []identity.User{first, second, third} {
		requireGone(t, f, gone)
		require.Zero(t, f.details(t, gone.ID))
		require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: gone.ID}), identity.ErrExists)
	}
	require.Equal(t, bystander.ID, f.user(t, aside.ID).JoinedInto)
	left, err := f.Joins.List(t.Context(), 1000)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, aside.ID, left[0].Retired)
}

func unjoinedStays(t *testing.T, f fixture) {
	retired, survivor := f.newUser(t), f.newUser(t)
	_, err := f.Joins.Undo(t.Context(), f.join(t, retired, survivor).ID)
	require.NoError(t, err)
	f.leave(t, survivor, 0)
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, survivor)
	require.Empty(t, f.user(t, retired.ID).JoinedInto)

	other := f.newUser(t)
	_, err = f.Joins.Undo(t.Context(), f.join(t, retired, other).ID)
	require.NoError(t, err)
	f.leave(t, retired, 0)
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, retired)
	require.False(t, f.user(t, other.ID).Disabled())
}
