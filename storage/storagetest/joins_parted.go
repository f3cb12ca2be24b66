package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// joinsParted are about joins of two people: what either did meanwhile must not be in the other's account
// when they part.
func joinsParted() []trial {
	return []trial{
		{"an account that came by a union which goes back does not stay with the survivor", newcomerGoesBack},
		{"a union that an account which goes back brought meanwhile does not stay with the survivor", newUnionGoesBack},
		{"what the survivor had before stays, though a union that goes back names it", ownStays},
		{"a name does not go back with the password that the other person chose", passwordStaysOut},
		{"a password of the survivor's own that came meanwhile is doubted", ownPasswordIsDoubted},
		{"a wish to be deleted that came meanwhile is doubted", wishIsDoubted},
		{"a join remembers nobody who was unlinked, or who went back", joinForgets},
	}
}

// blank is a join as it is remembered once it was undone.
func blank(join identity.Join) identity.Join {
	of := join.Moved
	join.Moved = identity.Moved{Username: of.Username}
	for _, a := range of.Accounts {
		join.Moved.Accounts = append(join.Moved.Accounts, identity.AccountKey{Platform: a.Platform, App: a.App})
	}
	for _, u := range of.Unions {
		join.Moved.Unions = append(join.Moved.Unions, identity.Union{Platform: u.Platform,
			OpenPlatform: u.OpenPlatform})
	}
	return join
}

// atAnotherApp is somebody at an app who was never seen there, in the union of a sighting.
func atAnotherApp(app string, of identity.Sighting) identity.Sighting {
	return in(of.OpenPlatform, of.UnionID, sight(app, newName()))
}

func newcomerGoesBack(t *testing.T, h house) {
	theirs, own := in("op", newName(), sight("wx1", newName())), in("op", newName(), sight("wx2", newName()))
	wrong, survivor := h.requireNew(t, theirs), h.requireNew(t, own)
	join := h.join(t, wrong, survivor)
	third, fourth, byHand := atAnotherApp("wx3", theirs), atAnotherApp("wx4", own), sight("wx5", newName())
	for _, s := range []identity.Sighting{third, fourth} {
		h.requireSeen(t, h.user(t, survivor.ID), s)
	}
	h.link(t, survivor, byHand)

	undone := h.undo(t, join)
	require.Equal(t, []identity.AccountKey{theirs.AccountKey, third.AccountKey}, undone.Moved.Accounts)
	require.Equal(t, join.Moved.Unions, undone.Moved.Unions)
	h.requireAccounts(t, wrong, theirs.AccountKey, third.AccountKey)
	h.requireAccounts(t, survivor, own.AccountKey, fourth.AccountKey, byHand.AccountKey)
	for _, s := range []identity.Sighting{theirs, third, atAnotherApp("wx6", theirs)} {
		h.requireSeen(t, h.user(t, wrong.ID), s)
	}
	require.Len(t, undone.Doubts, 2, "of those nobody but the operator can know")
	require.Contains(t, undone.Doubts[0], survivor.ID+" keeps the account wechat wx4 "+fourth.Subject)
	require.Contains(t, undone.Doubts[1], "wechat wx5 "+byHand.Subject)
}

// newUnionGoesBack has the app of the retired user bound to an Open Platform account after the join.
func newUnionGoesBack(t *testing.T, h house) {
	theirs, own := sight("wx1", newName()), sight("wx2", newName())
	wrong, survivor := h.requireNew(t, theirs), h.requireNew(t, own)
	join := h.join(t, wrong, survivor)
	theirs, own = in("op", newName(), theirs), in("op", newName(), own)
	third := atAnotherApp("wx3", theirs)
	for _, s := range []identity.Sighting{theirs, own, third} {
		h.requireSeen(t, h.user(t, survivor.ID), s)
	}
	undone := h.undo(t, join)
	require.Equal(t, []identity.AccountKey{theirs.AccountKey, third.AccountKey}, undone.Moved.Accounts)
	require.Equal(t, []identity.Union{{Platform: theirs.Platform, OpenPlatform: "op", UnionID: theirs.UnionID}},
		undone.Moved.Unions)
	require.Empty(t, undone.Doubts)
	for _, s := range []identity.Sighting{theirs, third, atAnotherApp("wx4", theirs)} {
		h.requireSeen(t, h.user(t, wrong.ID), s)
	}
	for _, s := range []identity.Sighting{own, atAnotherApp("wx4", own)} {
		h.requireSeen(t, h.user(t, survivor.ID), s)
	}
}

func ownStays(t *testing.T, h house) {
	c := h.newCouple(t)
	join := h.join(t, c.survivor, c.retired) // the owner of the union into who has an account in it
	undone := h.undo(t, join)
	require.Equal(t, join.Moved, undone.Moved)
	h.requireAccounts(t, c.retired, c.of.AccountKey, c.alone.AccountKey)
	h.requireAccounts(t, c.survivor, c.own.AccountKey)

	theirs, own := sight("wx1", newName()), sight("wx2", newName())
	wrong, survivor := h.requireNew(t, theirs), h.requireNew(t, own)
	join = h.join(t, wrong, survivor)
	theirs = in("op", newName(), theirs)
	own = in("op", theirs.UnionID, own)
	h.requireSeen(t, h.user(t, survivor.ID), own)
	h.requireSeen(t, h.user(t, survivor.ID), theirs)
	require.Equal(t, join.Moved, h.undo(t, join).Moved, "a union of both may stay where it is")
	h.requireSeen(t, h.user(t, survivor.ID), atAnotherApp("wx3", own))
	h.requireAccounts(t, wrong, theirs.AccountKey)
}

func passwordStaysOut(t *testing.T, h house) {
	named, survivor := h.newUser(t), h.requireNew(t, sight("wx1", newName()))
	join := h.join(t, named, survivor)
	require.NoError(t, h.Users.SetPassword(t.Context(), survivor.ID, "hash of the wrong person's"))
	undone := h.undo(t, join)
	require.True(t, undone.Moved.Username)
	require.Len(t, undone.Doubts, 1)
	require.Contains(t, undone.Doubts[0], "the user name of "+named.ID+" is back without a password")
	parted := h.user(t, named.ID)
	require.Equal(t, named.Username, parted.Username)
	require.Empty(t, parted.PasswordHash)
	require.Empty(t, h.user(t, survivor.ID).PasswordHash)

	without, err := h.Users.Create(t.Context(), newName(), "")
	require.NoError(t, err)
	join = h.join(t, without, survivor)
	require.NoError(t, h.Users.SetPassword(t.Context(), survivor.ID, "another hash of the wrong person's"))
	require.Len(t, h.undo(t, join).Doubts, 1)
	require.Empty(t, h.user(t, without.ID).PasswordHash, "there was none")

	join = h.join(t, named, survivor)
	require.NoError(t, h.Users.SetPassword(t.Context(), survivor.ID, "hash"))
	heir := h.requireNew(t, sight("wx2", newName()))
	later := h.join(t, survivor, heir)
	require.Empty(t, h.undo(t, later).Doubts, "nobody set it since that one")
	require.Equal(t, "hash", h.user(t, survivor.ID).PasswordHash)
	require.Len(t, h.undo(t, join).Doubts, 1)
	require.Empty(t, h.user(t, named.ID).PasswordHash)
}

func ownPasswordIsDoubted(t *testing.T, h house) {
	named, nameless, survivor, newly := h.newUser(t), h.requireNew(t, sight("wx1", newName())), h.newUser(t),
		h.requireNew(t, sight("wx2", newName()))
	join := h.join(t, named, survivor)
	require.NoError(t, h.Users.SetPassword(t.Context(), survivor.ID, "perhaps the wrong person's"))
	undone := h.undo(t, join)
	require.Len(t, undone.Doubts, 1)
	require.Contains(t, undone.Doubts[0], "the password of "+survivor.ID+" was set")
	require.Equal(t, "perhaps the wrong person's", h.user(t, survivor.ID).PasswordHash)
	require.Equal(t, named.PasswordHash, h.user(t, named.ID).PasswordHash)

	join = h.join(t, nameless, newly)
	require.NoError(t, h.Users.Name(t.Context(), newly.ID, newName()))
	require.NoError(t, h.Users.SetPassword(t.Context(), newly.ID, "perhaps the wrong person's"))
	require.Len(t, h.undo(t, join).Doubts, 1)
	require.Empty(t, h.undo(t, h.join(t, nameless, newly)).Doubts, "nothing came meanwhile")
}

func wishIsDoubted(t *testing.T, h house) {
	wrong, survivor := h.newUser(t), h.newUser(t)
	join := h.join(t, wrong, survivor)
	h.leave(t, survivor, grace)
	undone := h.undo(t, join)
	require.Len(t, undone.Doubts, 1)
	require.Contains(t, undone.Doubts[0], survivor.ID+" asked to be deleted since the join")
	require.True(t, h.user(t, survivor.ID).Leaving())
	require.False(t, h.user(t, wrong.ID).Leaving())
}

func joinForgets(t *testing.T, h house) {
	c, heir := h.newCouple(t), h.newUser(t)
	first := h.join(t, c.retired, c.survivor)
	second := h.join(t, c.survivor, heir)
	h.unlink(t, heir, c.alone, c.alone.AccountKey)
	for _, join := range []*identity.Join{&first, &second} { // of and own are in one union
		for n, a := range join.Moved.Accounts {
			if a == c.alone.AccountKey {
				join.Moved.Accounts[n].Subject = ""
			}
		}
		for n, u := range join.Moved.Unions {
			if u.UnionID == c.alone.UnionID {
				join.Moved.Unions[n].UnionID = ""
			}
		}
	}
	require.Equal(t, []identity.Join{second, first}, h.listJoins(t, 2))
	undone := h.undo(t, second)
	require.Equal(t, []identity.AccountKey{c.of.AccountKey, c.own.AccountKey}, undone.Moved.Accounts)
	second.UndoneAt = undone.UndoneAt
	require.Equal(t, []identity.Join{blank(second), first}, h.listJoins(t, 2))
	require.Equal(t, []identity.AccountKey{c.of.AccountKey}, h.undo(t, first).Moved.Accounts)
	stranger := h.requireNew(t, c.alone)
	h.requireAccounts(t, stranger, c.alone.AccountKey)
}
