package storagetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func twins() []trial {
	return []trial{
		{"pairs of users in one union are found until they are joined", twinsAreFound},
		{"a union without owner is the oldest user's", twinsWithoutOwner},
		{"pages of pairs are complete and in order", pagesOfTwins},
	}
}

func (h house) listJoins(t *testing.T, limit int) []identity.Join {
	t.Helper()
	listed, err := h.Joins.List(t.Context(), limit)
	require.NoError(t, err)
	for n := range listed {
		listed[n] = joinInUTC(listed[n])
	}
	return listed
}

func listOfJoins(t *testing.T, h house) {
	var want []identity.Join
	for range 3 {
		c := h.newCouple(t)
		want = append([]identity.Join{h.join(t, c.retired, c.survivor)}, want...)
	}
	require.Equal(t, want, h.listJoins(t, 3))
	require.Equal(t, want[:2], h.listJoins(t, 2))
}

// twinsIn returns the pairs of one Open Platform account, and wants no page to be larger than asked for.
func (h house) twinsIn(t *testing.T, openPlatform string, limit int) []identity.Twins {
	t.Helper()
	var found []identity.Twins
	after := identity.Twins{Platform: identity.PlatformWechat, OpenPlatform: openPlatform}
	for {
		page, err := h.Joins.Twins(t.Context(), after, limit)
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

func twinsAreFound(t *testing.T, h house) {
	c := h.newCouple(t)
	want := identity.Twins{
		Platform: identity.PlatformWechat, OpenPlatform: c.of.OpenPlatform, UnionID: c.of.UnionID,
		Owner: c.survivor.ID, Other: c.retired.ID,
	}
	h.requireSeen(t, c.survivor, in(c.of.OpenPlatform, c.of.UnionID, sight("wx4", newName())))
	another := sight("wx5", newName())
	require.NoError(t, h.Accounts.Link(t.Context(), c.retired.ID, another))
	h.requireSeen(t, c.retired, in(c.of.OpenPlatform, c.of.UnionID, another))
	require.Equal(t, []identity.Twins{want}, h.twinsIn(t, c.of.OpenPlatform, 10), "once, whatever they have")
	require.Empty(t, h.twinsIn(t, c.alone.OpenPlatform, 10))

	anywhere, err := h.Joins.Twins(t.Context(), identity.Twins{}, 1)
	require.NoError(t, err)
	require.Len(t, anywhere, 1)

	_, err = h.Deletions.Leave(t.Context(), c.retired.ID, lifetimes().Idle)
	require.NoError(t, err)
	require.Empty(t, h.twinsIn(t, c.of.OpenPlatform, 10), "who is leaving cannot be joined")
	require.NoError(t, h.Deletions.Stay(t.Context(), c.retired.ID))
	require.Equal(t, []identity.Twins{want}, h.twinsIn(t, c.of.OpenPlatform, 10))

	other := h.newCouple(t)
	h.join(t, other.retired, other.survivor)
	require.Empty(t, h.twinsIn(t, other.of.OpenPlatform, 10))
}

// twinsWithoutOwner: a changed union id becomes nobody's, so two accounts may have it, and no user.
func twinsWithoutOwner(t *testing.T, h house) {
	op, union := newName(), newName()
	var users []identity.User
	for _, app := range []string{"wx1", "wx2"} {
		account := sight(app, newName())
		users = append(users, h.requireNew(t, in(op, newName(), account)))
		h.advance(lifetimes().Idle)
		h.requireSeen(t, users[len(users)-1], in(op, union, account))
	}
	require.Equal(t, []identity.Twins{{
		Platform: identity.PlatformWechat, OpenPlatform: op, UnionID: union, Owner: users[0].ID, Other: users[1].ID,
	}}, h.twinsIn(t, op, 10))
	h.join(t, users[1], users[0])
	require.Empty(t, h.twinsIn(t, op, 10))
}

func pagesOfTwins(t *testing.T, h house) {
	op := newName()
	for _, union := range []string{"a", "B", "á", "_", "z"} {
		owner := h.requireNew(t, in(op, op+union, sight("owner's", newName())))
		for _, app := range []string{"wx1", "wx2"} {
			account := sight(app, newName())
			h.requireSeen(t, h.requireNew(t, account), in(op, op+union, account))
		}
		require.NotEmpty(t, owner.ID)
	}
	all := h.twinsIn(t, op, 100)
	require.Len(t, all, 10)
	for n, pair := range all[1:] {
		before := all[n]
		require.Less(t, before.UnionID+" "+before.Other, pair.UnionID+" "+pair.Other,
			"bytewise, whatever the database's collation")
	}
	for _, limit := range []int{1, 3, 10} {
		require.Equal(t, all, h.twinsIn(t, op, limit), limit)
	}
}

func hostileJoins(t *testing.T, h house) {
	c := h.newCouple(t)
	join := h.join(t, c.retired, c.survivor)
	alice := h.newUser(t)
	for _, text := range texts() {
		for _, pair := range [][2]string{{text, alice.ID}, {alice.ID, text}, {text, text},
			{alice.ID + text, alice.ID}} {
			_, err := h.Joins.Join(t.Context(), pair[0], pair[1])
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", pair)
			_, err = h.Joins.Preview(t.Context(), pair[0], pair[1])
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", pair)
		}
		for _, id := range []string{text, join.ID + text} {
			_, err := h.Joins.Undo(t.Context(), id)
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
		}
		pairs, err := h.Joins.Twins(t.Context(), identity.Twins{Platform: "~" + text, OpenPlatform: text,
			UnionID: text, Other: text}, 10)
		require.True(t, err != nil || len(pairs) == 0, "%q", text)
	}
	require.Equal(t, inUTC(alice), h.user(t, alice.ID))
	require.Equal(t, []identity.Join{join}, h.listJoins(t, 1))
}

func contextEndsJoins(t *testing.T, h house) {
	ctx, c, other := cancelled(t), h.newCouple(t), h.newCouple(t)
	join := h.join(t, other.retired, other.survivor)
	for name, call := range map[string]func(context.Context) error{
		"Twins": func(ctx context.Context) error { _, err := h.Joins.Twins(ctx, identity.Twins{}, 10); return err },
		"Preview": func(ctx context.Context) error {
			_, err := h.Joins.Preview(ctx, c.retired.ID, c.survivor.ID)
			return err
		},
		"Join": func(ctx context.Context) error {
			_, err := h.Joins.Join(ctx, c.retired.ID,
				c.survivor.ID)
			return err
		},
		"Undo": func(ctx context.Context) error { _, err := h.Joins.Undo(ctx, join.ID); return err },
		"List": func(ctx context.Context) error { _, err := h.Joins.List(ctx, 10); return err },
	} {
		require.ErrorIs(t, call(ctx), context.Canceled, name)
	}
	h.requireSeen(t, c.retired, c.of)
	h.requireJoined(t, other.retired, other.survivor)
}
