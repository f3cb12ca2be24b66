package admin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
)

func TestDuplicatesAreListedMergedAndUnmerged(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	retired, survivor := e.duplicates(t, "o1")
	e.duplicates(t, "o2")
	pairs, err := e.merges.Duplicates(ctx, operator, "", 1)
	require.NoError(t, err)
	require.Len(t, pairs, 1)
	require.Equal(t, admin.DuplicateView{Retired: retired.ID, Survivor: survivor.ID, Platform: "wechat",
		OpenPlatform: "main/shop", UnionID: "union-o1"}, admin.ViewDuplicate(pairs[0]))
	cursor := admin.DuplicateCursor(pairs[0])
	require.Equal(t, "wechat/main/shop/union-o1/"+retired.ID, cursor)
	next, err := e.merges.Duplicates(ctx, operator, cursor, 10)
	require.NoError(t, err)
	require.Len(t, next, 1)
	require.Equal(t, "union-o2", next[0].UnionID)

	e.signIn(t, retired)
	preview, err := e.merges.Preview(ctx, operator, retired.ID, survivor.ID)
	require.NoError(t, err)
	require.Equal(t, 1, preview.Sessions)
	require.Len(t, preview.Moved.Accounts, 1)
	merge, err := e.merges.Merge(ctx, operator, retired.ID, survivor.ID)
	require.NoError(t, err)
	require.Contains(t, e.recorded(t, retired.ID), identity.EventUserMerged)
	listed, err := e.merges.List(ctx, operator, 10)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	view := admin.ViewMerge(listed[0])
	require.Equal(t, []any{merge.ID, retired.ID, survivor.ID, 1, ""},
		[]any{view.ID, view.Retired, view.Survivor, view.Accounts, view.UndoneAt})

	_, err = e.merges.Undo(ctx, operator, merge.ID)
	require.NoError(t, err)
	require.Contains(t, e.recorded(t, retired.ID), identity.EventMergeUndone)
	_, err = e.merges.Undo(ctx, operator, merge.ID)
	requireRefused(t, err, `there is no merge "`+merge.ID+`", or it was undone: see lingpai users merges`)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func TestRejectedMerges(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	alice := e.addUser(t, "alice")
	for _, act := range []func(retired, survivor string) error{
		func(retired, survivor string) error {
			_, err := e.merges.Preview(ctx, operator, retired, survivor)
			return err
		}, func(retired, survivor string) error {
			_, err := e.merges.Merge(ctx, operator, retired, survivor)
			return err
		},
	} {
		err := act(alice.ID, alice.ID)
		var refused admin.RefusedError
		require.ErrorAs(t, err, &refused)
		require.ErrorIs(t, err, identity.ErrExists)
		require.Regexp(t, "^these users cannot be merged: ", err.Error())
		requireRefused(t, act("u_x", alice.ID), "one of the two users has been deleted in the meantime")
	}
	for _, limit := range []int{0, -1} {
		_, err := e.merges.List(ctx, operator, limit)
		requireField(t, err, "limit", "must be at least 1")
		_, err = e.merges.Duplicates(ctx, operator, "", limit)
		requireField(t, err, "limit", "must be at least 1")
	}
	_, err := e.merges.Duplicates(ctx, operator, "wechat/u", 1)
	requireField(t, err, "after", "use the value that the command printed")
}
