package storagetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func twins() []testCase {
	return []testCase{
		{"pairs of users in one union are found until they are joined", twinsAreFound},
		{"a union without owner is the oldest user's", twinsWithoutOwner},
		{"pages of pairs are complete and in order", pagesOfTwins},
	}
}

func listMerges(t *testing.T, f fixture, limit int) []identity.Merge {
	t.Helper()
	listed, err := f.Merges.List(t.Context(), limit)
	require.NoError(t, err)
	for n := range listed {
		listed[n] = mergeInUTC(listed[n])
	}
	return listed
}

func listOfJoins(t *testing.T, f fixture) {
	var want []identity.Merge
	for range 3 {
		c := newCouple(t, f)
		want = append([]identity.Merge{f.join(t, c.retired, c.survivor)}, want...)
	}
	require.Equal(t, want, listMerges(t, f, 3))
	require.Equal(t, want[:2], listMerges(t, f, 2))
}

// twinsIn returns the pairs of one Open Platform account, and wants no page to be larger than asked for.
func twinsIn(t *testing.T, f fixture, openPlatform string, limit int) []identity.Duplicate {
	t.Helper()
	var found []identity.Duplicate
	after := identity.Duplicate{Platform: identity.PlatformWechat, OpenPlatform: openPlatform}
	for {
		page, err := f.Merges.Duplicates(t.Context(), after, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), limit)
		for _, pair := range page {
			if pair.Platform != identity.PlatformWechat || pair.OpenPlatform != openPlatform {
				return found
			}
			found = append(found, pair)
		}
		if len(page) == 0 {
			return found
		}
		after = page[len(page)-1]
	}
}

func twinsAreFound(t *testing.T, f fixture) {
	c := newCouple(t, f)
	want := identity.Duplicate{
		Platform: identity.PlatformWechat, OpenPlatform: c.of.OpenPlatform, UnionID: c.of.UnionID,
		Owner: c.survivor.ID, Other: c.retired.ID,
	}
	f.requireSeen(t, c.survivor, in(c.of.OpenPlatform, c.of.UnionID, sight("wx4", newName())))
	another := sight("wx5", newName())
	require.NoError(t, f.Accounts.Link(t.Context(), c.retired.ID, another))
	f.requireSeen(t, c.retired, in(c.of.OpenPlatform, c.of.UnionID, another))
	require.Equal(t, []identity.Duplicate{want}, twinsIn(t, f, c.of.OpenPlatform, 10), "once, whatever they have")
	require.Empty(t, twinsIn(t, f, c.alone.OpenPlatform, 10))

	anywhere, err := f.Merges.Duplicates(t.Context(), identity.Duplicate{}, 1)
	require.NoError(t, err)
	require.Len(t, anywhere, 1)

	_, err = f.Deletions.RequestDeletion(t.Context(), c.retired.ID, lifetimes().Idle)
	require.NoError(t, err)
	require.Empty(t, twinsIn(t, f, c.of.OpenPlatform, 10), "who is leaving cannot be joined")
	require.NoError(t, f.Deletions.CancelDeletion(t.Context(), c.retired.ID))
	require.Equal(t, []identity.Duplicate{want}, twinsIn(t, f, c.of.OpenPlatform, 10))

	other := newCouple(t, f)
	f.join(t, other.retired, other.survivor)
	require.Empty(t, twinsIn(t, f, other.of.OpenPlatform, 10))
}

// twinsWithoutOwner: a changed union id becomes nobody's, so two accounts may have it, and no user.
func twinsWithoutOwner(t *testing.T, f fixture) {
	op, union := newName(), newName()
	var users []identity.User
	for _, app := range []string{"wx1", "wx2"} {
		account := sight(app, newName())
		users = append(users, f.requireNew(t, in(op, newName(), account)))
		f.advance(lifetimes().Idle)
		f.requireSeen(t, users[len(users)-1], in(op, union, account))
	}
	require.Equal(t, []identity.Duplicate{{
		Platform: identity.PlatformWechat, OpenPlatform: op, UnionID: union, Owner: users[0].ID, Other: users[1].ID,
	}}, twinsIn(t, f, op, 10))
	f.join(t, users[1], users[0])
	require.Empty(t, twinsIn(t, f, op, 10))
}

func pagesOfTwins(t *testing.T, f fixture) {
	op := newName()
	for _, union := range []string{"a", "B", "á", "_", "z"} {
		owner := f.requireNew(t, in(op, op+union, sight("owner's", newName())))
		for _, app := range []string{"wx1", "wx2"} {
			account := sight(app, newName())
			f.requireSeen(t, f.requireNew(t, account), in(op, op+union, account))
		}
		require.NotEmpty(t, owner.ID)
	}
	all := twinsIn(t, f, op, 100)
	require.Len(t, all, 10)
	for n, pair := range all[1:] {
		before := all[n]
		require.Less(t, before.UnionID+" "+before.Other, pair.UnionID+" "+pair.Other,
			"bytewise, whatever the database's collation")
	}
	for _, limit := range []int{1, 3, 10} {
		require.Equal(t, all, twinsIn(t, f, op, limit), limit)
	}
}

func hostileJoins(t *testing.T, f fixture) {
	c := newCouple(t, f)
	join := f.join(t, c.retired, c.survivor)
	alice := f.newUser(t)
	for _, text := range texts() {
		for _, pair := range [][2]string{{text, alice.ID}, {alice.ID, text}, {text, text},
			{alice.ID + text, alice.ID}} {
			_, err := f.Merges.Merge(t.Context(), pair[0], pair[1])
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", pair)
			_, err = f.Merges.Preview(t.Context(), pair[0], pair[1])
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", pair)
		}
		for _, id := range []string{text, join.ID + text} {
			_, err := f.Merges.Undo(t.Context(), id)
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
		}
		pairs, err := f.Merges.Duplicates(t.Context(), identity.Duplicate{Platform: "~" + text, OpenPlatform: text,
			UnionID: text, Other: text}, 10)
		require.True(t, err != nil || len(pairs) == 0, "%q", text)
	}
	require.Equal(t, inUTC(alice), f.user(t, alice.ID))
	require.Equal(t, []identity.Merge{join}, listMerges(t, f, 1))
}

func contextEndsJoins(t *testing.T, f fixture) {
	ctx, c, other := cancelled(t), newCouple(t, f), newCouple(t, f)
	join := f.join(t, other.retired, other.survivor)
	for name, call := range map[string]func(context.Context) error{
		"Duplicates": func(ctx context.Context) error {
			_, err := f.Merges.Duplicates(ctx, identity.Duplicate{}, 10)
			return err
		},
		"Preview": func(ctx context.Context) error {
			_, err := f.Merges.Preview(ctx, c.retired.ID, c.survivor.ID)
			return err
		},
		"Join": func(ctx context.Context) error {
			_, err := f.Merges.Merge(ctx, c.retired.ID,
				c.survivor.ID)
			return err
		},
		"Undo": func(ctx context.Context) error { _, err := f.Merges.Undo(ctx, join.ID); return err },
		"List": func(ctx context.Context) error { _, err := f.Merges.List(ctx, 10); return err },
	} {
		require.ErrorIs(t, call(ctx), context.Canceled, name)
	}
	f.requireSeen(t, c.retired, c.of)
	requireJoined(t, f, other.retired, other.survivor)
}
