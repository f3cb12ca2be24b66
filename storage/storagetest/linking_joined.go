package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func nobodyIsJoined(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	f.join(t, user, f.newUser(t))
	joined := f.user(t, user.ID)
	require.ErrorIs(t, tryOpen(t, f, joined, client, 0), identity.ErrStale)
	did, err := f.Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash, "another hash")
	require.NoError(t, err)
	require.False(t, did)
	require.Equal(t, joined, f.user(t, user.ID))
}

// changesOfJoined: who calls has looked for the user before an operator joined it. A retired user who leaves
// would take what his person has as the survivor along; a password, a name or an account that he is given
// would be there when the join is undone.
func changesOfJoined(t *testing.T, f fixture) {
	ctx, user, survivor := t.Context(), f.requireNew(t, sight("wx1", newName())), f.newUser(t)
	join := f.join(t, user, survivor)
	joined := f.user(t, user.ID)
	for name, change := range map[string]func() error{
		"Link":        func() error { return f.Accounts.Link(ctx, user.ID, sight("wx2", newName())) },
		"Unlink":      func() error { _, err := f.Accounts.Unlink(ctx, user.ID, join.Moved.Accounts[0]); return err },
		"Name":        func() error { return f.Users.Name(ctx, user.ID, newName()) },
		"SetPassword": func() error { return f.Users.SetPassword(ctx, user.ID, "hash") },
		"Leave":       func() error { _, err := f.Deletions.Leave(ctx, user.ID, 0); return err },
		"Dismiss":     func() error { _, err := f.Deletions.Dismiss(ctx, user.ID, 0); return err },
		"Stay":        func() error { return f.Deletions.Stay(ctx, user.ID) },
		"Choose":      func() error { return f.Profiles.Choose(ctx, user.ID, fullProfile()) },
		"Suggest":     func() error { _, err := f.Profiles.Suggest(ctx, user.ID, fullProfile()); return err },
		"SetPhone": func() error {
			return f.Profiles.SetPhone(ctx, user.ID,
				identity.Phone{Number: "+8613800000000"})
		},
	} {
		require.ErrorIs(t, change(), identity.ErrNotFound, name)
		require.Equal(t, joined, f.user(t, user.ID), name)
	}
	f.deleteLeft(t)
	f.requireAccounts(t, user)
	require.Zero(t, f.details(t, user.ID))
	require.Equal(t, join.Moved, f.undo(t, join).Moved)
}
