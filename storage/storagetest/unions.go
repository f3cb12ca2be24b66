package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func unions() []trial {
	return []trial{
		{"a union id joins the apps of one open platform", unionJoins},
		{"a union id of another open platform joins nothing", unionIsLocal},
		{"a union id without an open platform joins nothing", unionWithoutPlatform},
		{"a union id that appears later links the user", unionAppearsLater},
		{"a union id that is not told any more is not forgotten", unionNotTold},
		{"a union id of another user moves nothing and is recorded once", unionConflict},
		{"a changed union id is recorded once and links nothing", unionChanges},
		{"a changed union id never takes another user over", unionTakesNothingOver},
		{"an app that moves to another open platform takes its users along", unionMoves},
		{"a union id of a second account at one app moves nothing", unionTwiceAtOneApp},
		{"parallel first sights through two apps with one union id make one user", often(parallelUnion)},
		{"a union id that appears in parallel at two apps settles", often(parallelLink)},
	}
}

// in says that the app belongs to an open platform, where the person has a union id.
func in(platform, union string, s identity.Sighting) identity.Sighting {
	s.OpenPlatform, s.UnionID = platform, union
	return s
}

func (h house) requireConflicts(t *testing.T, user identity.User, count int) {
	t.Helper()
	require.Len(t, h.eventsOf(t, identity.EventUnionConflict, user.ID), count)
}

func unionJoins(t *testing.T, h house) {
	union := newName()
	first, second := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName()))
	user := h.requireNew(t, first)
	h.requireSeen(t, user, second)
	h.requireSeen(t, user, first)
	account, err := h.Accounts.Find(t.Context(), second.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID)
	h.requireConflicts(t, user, 0)
}

func unionIsLocal(t *testing.T, h house) {
	union := newName()
	user := h.requireNew(t, in("op", union, sight("wx1", newName())))
	other := h.requireNew(t, in("another op", union, sight("wx3", newName())))
	elsewhere := in("op", union, sight("wx1", newName()))
	elsewhere.Platform = "elsewhere"
	h.requireNew(t, elsewhere)
	h.requireSeen(t, user, in("op", union, sight("wx2", newName())))
	h.requireSeen(t, other, in("another op", union, sight("wx4", newName())))
}

func unionWithoutPlatform(t *testing.T, h house) {
	union := newName()
	h.requireNew(t, in("", union, sight("wx1", newName())))
	h.requireNew(t, in("", union, sight("wx2", newName())))
	h.requireNew(t, in("op", "", sight("wx1", newName())))
	h.requireNew(t, in("op", "", sight("wx2", newName())))
}

func unionAppearsLater(t *testing.T, h house) {
	union, first, second := newName(), sight("wx1", newName()), sight("wx2", newName())
	user := h.requireNew(t, first)
	h.requireSeen(t, user, in("op", union, first))
	h.requireSeen(t, user, in("op", union, second))
	account, err := h.Accounts.Find(t.Context(), first.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID)
	h.requireConflicts(t, user, 0)
}

func unionNotTold(t *testing.T, h house) {
	union, first := newName(), sight("wx1", newName())
	user := h.requireNew(t, in("op", union, first))
	h.requireSeen(t, user, first)
	account, err := h.Accounts.Find(t.Context(), first.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID, "as last seen")
	h.requireSeen(t, user, in("op", union, sight("wx2", newName())))
	h.requireConflicts(t, user, 0)
}

func unionConflict(t *testing.T, h house) {
	union, first := newName(), sight("wx1", newName())
	second := in("op", union, sight("wx2", newName()))
	user, owner := h.requireNew(t, first), h.requireNew(t, second)
	for range 3 {
		h.requireSeen(t, user, in("op", union, first))
		h.requireSeen(t, owner, second)
		h.requireConflicts(t, user, 1)
		h.requireConflicts(t, owner, 0)
	}
	h.requireSeen(t, owner, in("op", union, sight("wx3", newName())))
}

func unionChanges(t *testing.T, h house) {
	first, oldUnion, newUnion := sight("wx1", newName()), newName(), newName()
	user := h.requireNew(t, in("op", oldUnion, first))
	for range 3 {
		h.requireSeen(t, user, in("op", newUnion, first))
		h.requireConflicts(t, user, 1)
	}
	h.requireNew(t, in("op", newUnion, sight("wx2", newName()))) // whose it is from now on
	h.requireSeen(t, user, in("op", newUnion, first))
	h.requireSeen(t, user, in("op", oldUnion, sight("wx3", newName())))
}

func unionTakesNothingOver(t *testing.T, h house) {
	first, second := in("op", newName(), sight("wx1", newName())), in("op", newName(), sight("wx2", newName()))
	user, victim := h.requireNew(t, first), h.requireNew(t, second)
	for range 3 {
		h.requireSeen(t, user, in("op", second.UnionID, first))
		h.requireSeen(t, victim, second)
		h.requireConflicts(t, user, 1)
	}
	h.requireSeen(t, victim, in("op", second.UnionID, sight("wx3", newName())))
	h.requireSeen(t, user, in("op", first.UnionID, sight("wx3", newName())))
}

// unionMoves: the union ids of two open platforms have nothing to do with each other, so a new one is no
// change of the old one.
func unionMoves(t *testing.T, h house) {
	app, before, after := sight("wx1", newName()), newName(), newName()
	user := h.requireNew(t, in("op", before, app))
	h.requireSeen(t, user, in("another op", after, app))
	h.requireSeen(t, user, in("another op", after, sight("wx4", newName())))
	h.requireSeen(t, user, in("op", before, sight("wx2", newName())))
	h.requireConflicts(t, user, 0)
}

func unionTwiceAtOneApp(t *testing.T, h house) {
	union := newName()
	first, second := in("op", union, sight("wx1", newName())), in("op", union, sight("wx1", newName()))
	user := h.requireNew(t, first)
	other := h.requireNew(t, second) // a user has one account at an app
	for range 3 {
		h.requireSeen(t, user, first)
		h.requireSeen(t, other, second)
	}
	h.requireConflicts(t, other, 1)
}

func parallelUnion(t *testing.T, h house) {
	union := newName()
	apps := []identity.Sighting{in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName()))}
	user := h.requireOneUser(t, func(n int) identity.Sighting { return apps[n%2] })
	h.requireSeen(t, user, apps[0])
	h.requireSeen(t, user, apps[1])
	h.requireConflicts(t, user, 0)
}

func parallelLink(t *testing.T, h house) {
	union, known := newName(), sight("wx1", newName())
	user := h.requireNew(t, known)
	apps := []identity.Sighting{in("op", union, known), in("op", union, sight("wx2", newName()))}
	users := make([]identity.User, crowd)
	for _, err := range together(crowd, func(n int) (err error) {
		users[n], _, err = h.at(n).Accounts.FindOrCreateUser(t.Context(), apps[n%2])
		return err
	}) {
		require.NoError(t, err)
	}
	// Whether the new account joins the known user or makes its own is a matter of who came first; afterwards
	// it is settled.
	for n, got := range users {
		require.Equal(t, users[n%2].ID, got.ID)
	}
	h.requireSeen(t, user, apps[0])
	h.requireSeen(t, h.user(t, users[1].ID), apps[1])
}
