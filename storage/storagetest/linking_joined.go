package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func nobodyIsJoined(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	h.join(t, user, h.newUser(t))
	joined := h.user(t, user.ID)
	require.ErrorIs(t, h.tryOpen(t, joined, client, 0), identity.ErrStale)
	did, err := h.Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash, "another hash")
	require.NoError(t, err)
	require.False(t, did)
	require.Equal(t, joined, h.user(t, user.ID))
}

// changesOfJoined: who calls has looked for the user before an operator joined it. A retired user who leaves
// would take what his person has as the survivor along; a password, a name or an account that he is given
// would be there when the join is undone.
func changesOfJoined(t *testing.T, h house) {
	ctx, user, survivor := t.Context(), h.requireNew(t, sight("wx1", newName())), h.newUser(t)
	join := h.join(t, user, survivor)
	joined := h.user(t, user.ID)
	for name, change := range map[string]func() error{
		"Link":        func() error { return h.Accounts.Link(ctx, user.ID, sight("wx2", newName())) },
		"Unlink":      func() error { _, err := h.Accounts.Unlink(ctx, user.ID, join.Moved.Accounts[0]); return err },
		"Name":        func() error { return h.Users.Name(ctx, user.ID, newName()) },
		"SetPassword": func() error { return h.Users.SetPassword(ctx, user.ID, "hash") },
		"Leave":       func() error { _, err := h.Deletions.Leave(ctx, user.ID, 0); return err },
		"Dismiss":     func() error { _, err := h.Deletions.Dismiss(ctx, user.ID, 0); return err },
		"Stay":        func() error { return h.Deletions.Stay(ctx, user.ID) },
		"Choose":      func() error { return h.Profiles.Choose(ctx, user.ID, fullProfile()) },
		"Suggest":     func() error { _, err := h.Profiles.Suggest(ctx, user.ID, fullProfile()); return err },
		"SetPhone": func() error {
			return h.Profiles.SetPhone(ctx, user.ID,
				identity.Phone{Number: "+8613800000000"})
		},
	} {
		require.ErrorIs(t, change(), identity.ErrNotFound, name)
		require.Equal(t, joined, h.user(t, user.ID), name)
	}
	h.deleteLeft(t)
	h.requireAccounts(t, user)
	require.Zero(t, h.details(t, user.ID))
	require.Equal(t, join.Moved, h.undo(t, join).Moved)
}
