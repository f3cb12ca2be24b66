package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func dismiss(t *testing.T, f fixture, user identity.User, grace time.Duration) time.Time {
	t.Helper()
	at, err := f.Deletions.Dismiss(t.Context(), user.ID, grace)
	require.NoError(t, err)
	return at.UTC()
}

// disabledStays is about who asks to be deleted before an operator shuts him out, and signs in as somebody
// new afterwards.
func disabledStays(t *testing.T, f fixture) {
	f.deleteLeft(t)
	s := sight("wx1", newName())
	user := f.requireNew(t, s)
	f.leave(t, user, grace)
	require.NoError(t, f.Users.Disable(t.Context(), user.ID))
	f.advance(2 * grace)
	require.Zero(t, f.deleteLeft(t))
	f.requireSeen(t, f.user(t, user.ID), s)
	require.True(t, f.user(t, user.ID).Disabled())

	late := f.newUser(t) // who was shut out while his request was under way
	require.NoError(t, f.Users.Disable(t.Context(), late.ID))
	f.leave(t, late, 0)
	behind := f.newUser(t)
	f.leave(t, behind, 0)
	deleted, err := f.Deletions.DeleteLeft(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 1, deleted, "who stays keeps nobody else from going")
	requireGone(t, f, behind)
	require.True(t, f.user(t, late.ID).Leaving())

	require.NoError(t, f.Users.Enable(t.Context(), user.ID))
	require.Equal(t, 1, f.deleteLeft(t), "as he asked")
	requireGone(t, f, user)
	require.NoError(t, f.Deletions.Stay(t.Context(), late.ID))
}

func dismissedGoes(t *testing.T, f fixture) {
	f.deleteLeft(t)
	client, disabled, enabled, left, kept := f.newClient(t), f.newUser(t), f.newUser(t), f.newUser(t), f.newUser(t)
	session := f.signIn(t, enabled, client)
	require.NoError(t, f.Users.Disable(t.Context(), disabled.ID))
	before := f.now(t)
	at := dismiss(t, f, disabled, grace)
	between(t, before.Add(grace), f.now(t).Add(grace), at)
	require.Equal(t, at, dismiss(t, f, disabled, 2*grace), "later than it is")
	require.True(t, f.user(t, disabled.ID).Disabled())
	dismiss(t, f, enabled, grace/2)
	require.Equal(t, identity.EndedByLeaving, f.session(t, session.ID).EndReason)
	require.Equal(t, "by an operator", f.eventsOf(t, identity.EventLeaving, enabled.ID)[0].Detail)
	require.NoError(t, f.Users.Disable(t.Context(), enabled.ID), "which does not keep him")
	asked := f.leave(t, left, grace)
	require.NoError(t, f.Users.Disable(t.Context(), left.ID))
	require.True(t, dismiss(t, f, left, 0).Before(asked))
	dismiss(t, f, kept, 0)
	require.NoError(t, f.Users.Disable(t.Context(), kept.ID))
	require.NoError(t, f.Deletions.Stay(t.Context(), kept.ID))
	f.leave(t, kept, 0)

	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, left)
	f.advance(grace / 2)
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, enabled)
	f.advance(grace)
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, disabled)
	require.True(t, f.user(t, kept.ID).Leaving(), "that an operator once meant it is over")
	require.NoError(t, f.Deletions.Stay(t.Context(), kept.ID))
	for _, id := range append(texts(), "", identity.NewUserID()) {
		_, err := f.Deletions.Dismiss(t.Context(), id, 0)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
	}
}
