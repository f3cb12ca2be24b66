package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func (h house) dismiss(t *testing.T, user identity.User, grace time.Duration) time.Time {
	t.Helper()
	at, err := h.Deletions.Dismiss(t.Context(), user.ID, grace)
	require.NoError(t, err)
	return at.UTC()
}

// disabledStays is about who asks to be deleted before an operator shuts him out, and signs in as somebody
// new afterwards.
func disabledStays(t *testing.T, h house) {
	h.deleteLeft(t)
	s := sight("wx1", newName())
	user := h.requireNew(t, s)
	h.leave(t, user, grace)
	require.NoError(t, h.Users.Disable(t.Context(), user.ID))
	h.advance(2 * grace)
	require.Zero(t, h.deleteLeft(t))
	h.requireSeen(t, h.user(t, user.ID), s)
	require.True(t, h.user(t, user.ID).Disabled())

	late := h.newUser(t) // who was shut out while his request was under way
	require.NoError(t, h.Users.Disable(t.Context(), late.ID))
	h.leave(t, late, 0)
	behind := h.newUser(t)
	h.leave(t, behind, 0)
	deleted, err := h.Deletions.DeleteLeft(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 1, deleted, "who stays keeps nobody else from going")
	h.requireGone(t, behind)
	require.True(t, h.user(t, late.ID).Leaving())

	require.NoError(t, h.Users.Enable(t.Context(), user.ID))
	require.Equal(t, 1, h.deleteLeft(t), "as he asked")
	h.requireGone(t, user)
	require.NoError(t, h.Deletions.Stay(t.Context(), late.ID))
}

func dismissedGoes(t *testing.T, h house) {
	h.deleteLeft(t)
	client, disabled, enabled, left, kept := h.newClient(t), h.newUser(t), h.newUser(t), h.newUser(t), h.newUser(t)
	session := h.signIn(t, enabled, client)
	require.NoError(t, h.Users.Disable(t.Context(), disabled.ID))
	before := h.now(t)
	at := h.dismiss(t, disabled, grace)
	between(t, before.Add(grace), h.now(t).Add(grace), at)
	require.Equal(t, at, h.dismiss(t, disabled, 2*grace), "later than it is")
	require.True(t, h.user(t, disabled.ID).Disabled())
	h.dismiss(t, enabled, grace/2)
	require.Equal(t, identity.EndedByLeaving, h.session(t, session.ID).EndReason)
	require.Equal(t, "by an operator", h.eventsOf(t, identity.EventLeaving, enabled.ID)[0].Detail)
	require.NoError(t, h.Users.Disable(t.Context(), enabled.ID), "which does not keep him")
	asked := h.leave(t, left, grace)
	require.NoError(t, h.Users.Disable(t.Context(), left.ID))
	require.True(t, h.dismiss(t, left, 0).Before(asked))
	h.dismiss(t, kept, 0)
	require.NoError(t, h.Users.Disable(t.Context(), kept.ID))
	require.NoError(t, h.Deletions.Stay(t.Context(), kept.ID))
	h.leave(t, kept, 0)

	require.Equal(t, 1, h.deleteLeft(t))
	h.requireGone(t, left)
	h.advance(grace / 2)
	require.Equal(t, 1, h.deleteLeft(t))
	h.requireGone(t, enabled)
	h.advance(grace)
	require.Equal(t, 1, h.deleteLeft(t))
	h.requireGone(t, disabled)
	require.True(t, h.user(t, kept.ID).Leaving(), "that an operator once meant it is over")
	require.NoError(t, h.Deletions.Stay(t.Context(), kept.ID))
	for _, id := range append(texts(), "", identity.NewUserID()) {
		_, err := h.Deletions.Dismiss(t.Context(), id, 0)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
	}
}
