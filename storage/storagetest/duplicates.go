package storagetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func duplicates() []testCase {
	return []testCase{
		{"pairs of users in one union are found until they are merged", duplicatesAreFound},
		{"the oldest user counts as owner of a union without an owner", duplicatesWithoutOwner},
		{"pages of pairs are complete and in order", pagesOfDuplicates},
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

func listOfMerges(t *testing.T, f fixture) {
	var want []identity.Merge
	for range 3 {
		c := newDuplicatePair(t, f)
		want = append([]identity.Merge{f.merge(t, c.retired, c.survivor)}, want...)
	}
	require.Equal(t, want, listMerges(t, f, 3))
	require.Equal(t, want[:2], listMerges(t, f, 2))
}

// duplicatesIn returns the pairs of one Open Platform account, and requires that no page is larger than the limit.
func duplicatesIn(t *testing.T, f fixture, openPlatform string, limit int) []identity.Duplicate {
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

func duplicatesAreFound(t *testing.T, f fixture) {
	c := newDuplicatePair(t, f)
	want := identity.Duplicate{
		Platform: identity.PlatformWechat, OpenPlatform: c.ofRetired.OpenPlatform, UnionID: c.ofRetired.UnionID,
		Owner: c.survivor.ID, Other: c.retired.ID,
	}
	f.requireUser(t, c.survivor, inUnion(c.ofRetired.OpenPlatform, c.ofRetired.UnionID, newIdentity("wx4")))
	another := newIdentity("wx5")
	require.NoError(t, f.Accounts.Link(t.Context(), c.retired.ID, another))
	f.requireUser(t, c.retired, inUnion(c.ofRetired.OpenPlatform, c.ofRetired.UnionID, another))
	require.Equal(t, []identity.Duplicate{want}, duplicatesIn(t, f, c.ofRetired.OpenPlatform, 10),
		"one pair, however many accounts they have")
	require.Empty(t, duplicatesIn(t, f, c.another.OpenPlatform, 10))

	anywhere, err := f.Merges.Duplicates(t.Context(), identity.Duplicate{}, 1)
	require.NoError(t, err)
	require.Len(t, anywhere, 1)

	_, err = f.Deletions.RequestDeletion(t.Context(), c.retired.ID, lifetimes().Idle)
	require.NoError(t, err)
	require.Empty(t, duplicatesIn(t, f, c.ofRetired.OpenPlatform, 10), "a user to be deleted cannot be merged")
	require.NoError(t, f.Deletions.CancelDeletion(t.Context(), c.retired.ID))
	require.Equal(t, []identity.Duplicate{want}, duplicatesIn(t, f, c.ofRetired.OpenPlatform, 10))

	other := newDuplicatePair(t, f)
	f.merge(t, other.retired, other.survivor)
	require.Empty(t, duplicatesIn(t, f, other.ofRetired.OpenPlatform, 10))
}

// duplicatesWithoutOwner: a changed union id has no owner, so two accounts may have a union id that no user has.
func duplicatesWithoutOwner(t *testing.T, f fixture) {
	op, union := newName(), newName()
	var users []identity.User
	for _, app := range []string{"wx1", "wx2"} {
		account := newIdentity(app)
		users = append(users, f.requireNewUser(t, inUnion(op, newName(), account)))
		f.advance(lifetimes().Idle)
		f.requireUser(t, users[len(users)-1], inUnion(op, union, account))
	}
	require.Equal(t, []identity.Duplicate{{
		Platform: identity.PlatformWechat, OpenPlatform: op, UnionID: union, Owner: users[0].ID, Other: users[1].ID,
	}}, duplicatesIn(t, f, op, 10))
	f.merge(t, users[1], users[0])
	require.Empty(t, duplicatesIn(t, f, op, 10))
}

func pagesOfDuplicates(t *testing.T, f fixture) {
	op := newName()
	for _, union := range []string{"a", "B", "á", "_", "z"} {
		owner := f.requireNewUser(t, inUnion(op, op+union, newIdentity("owner's")))
		for _, app := range []string{"wx1", "wx2"} {
			account := newIdentity(app)
			f.requireUser(t, f.requireNewUser(t, account), inUnion(op, op+union, account))
		}
		require.NotEmpty(t, owner.ID)
	}
	all := duplicatesIn(t, f, op, 100)
	require.Len(t, all, 10)
	for n, pair := range all[1:] {
		before := all[n]
		require.Less(t, before.UnionID+" "+before.Other, pair.UnionID+" "+pair.Other,
			"ordered by bytes, whatever the database's collation")
	}
	for _, limit := range []int{1, 3, 10} {
		require.Equal(t, all, duplicatesIn(t, f, op, limit), limit)
	}
}

func hostileMerges(t *testing.T, f fixture) {
	c := newDuplicatePair(t, f)
	merge := f.merge(t, c.retired, c.survivor)
	alice := f.newUser(t)
	for _, text := range texts() {
		for _, pair := range [][2]string{{text, alice.ID}, {alice.ID, text}, {text, text},
			{alice.ID + text, alice.ID}} {
			_, err := f.Merges.Merge(t.Context(), pair[0], pair[1])
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", pair)
			_, err = f.Merges.Preview(t.Context(), pair[0], pair[1])
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", pair)
		}
		for _, id := range []string{text, merge.ID + text} {
			_, err := f.Merges.Undo(t.Context(), id)
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
		}
		pairs, err := f.Merges.Duplicates(t.Context(), identity.Duplicate{Platform: "~" + text, OpenPlatform: text,
			UnionID: text, Other: text}, 10)
		require.True(t, err != nil || len(pairs) == 0, "%q", text)
	}
	require.Equal(t, inUTC(alice), f.user(t, alice.ID))
	require.Equal(t, []identity.Merge{merge}, listMerges(t, f, 1))
}

func contextEndsMerges(t *testing.T, f fixture) {
	ctx, c, other := canceled(t), newDuplicatePair(t, f), newDuplicatePair(t, f)
	merge := f.merge(t, other.retired, other.survivor)
	for name, call := range map[string]func(context.Context) error{
		"Duplicates": func(ctx context.Context) error {
			_, err := f.Merges.Duplicates(ctx, identity.Duplicate{}, 10)
			return err
		},
		"Preview": func(ctx context.Context) error {
			_, err := f.Merges.Preview(ctx, c.retired.ID, c.survivor.ID)
			return err
		},
		"Merge": func(ctx context.Context) error {
			_, err := f.Merges.Merge(ctx, c.retired.ID,
				c.survivor.ID)
			return err
		},
		"Undo": func(ctx context.Context) error { _, err := f.Merges.Undo(ctx, merge.ID); return err },
		"List": func(ctx context.Context) error { _, err := f.Merges.List(ctx, 10); return err },
	} {
		require.ErrorIs(t, call(ctx), context.Canceled, name)
	}
	f.requireUser(t, c.retired, c.ofRetired)
	requireMerged(t, f, other.retired, other.survivor)
}
