package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func unions() []testCase {
	return []testCase{
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

func requireConflicts(t *testing.T, f fixture, user identity.User, count int) {
	t.Helper()
	require.Len(t, f.eventsOf(t, identity.EventUnionConflict, user.ID), count)
}

func unionJoins(t *testing.T, f fixture) {
	union := newName()
	first, second := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName()))
	user := f.requireNew(t, first)
	f.requireSeen(t, user, second)
	f.requireSeen(t, user, first)
	account, err := f.Accounts.Find(t.Context(), second.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID)
	requireConflicts(t, f, user, 0)
}

func unionIsLocal(t *testing.T, f fixture) {
	union := newName()
	user := f.requireNew(t, in("op", union, sight("wx1", newName())))
	other := f.requireNew(t, in("another op", union, sight("wx3", newName())))
	elsewhere := in("op", union, sight("wx1", newName()))
	elsewhere.Platform = "elsewhere"
	f.requireNew(t, elsewhere)
	f.requireSeen(t, user, in("op", union, sight("wx2", newName())))
	f.requireSeen(t, other, in("another op", union, sight("wx4", newName())))
}

func unionWithoutPlatform(t *testing.T, f fixture) {
	union := newName()
	f.requireNew(t, in("", union, sight("wx1", newName())))
	f.requireNew(t, in("", union, sight("wx2", newName())))
	f.requireNew(t, in("op", "", sight("wx1", newName())))
	f.requireNew(t, in("op", "", sight("wx2", newName())))
}

func unionAppearsLater(t *testing.T, f fixture) {
	union, first, second := newName(), sight("wx1", newName()), sight("wx2", newName())
	user := f.requireNew(t, first)
	f.requireSeen(t, user, in("op", union, first))
	f.requireSeen(t, user, in("op", union, second))
	account, err := f.Accounts.Find(t.Context(), first.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID)
	requireConflicts(t, f, user, 0)
}

func unionNotTold(t *testing.T, f fixture) {
	union, first := newName(), sight("wx1", newName())
	user := f.requireNew(t, in("op", union, first))
	f.requireSeen(t, user, first)
	account, err := f.Accounts.Find(t.Context(), first.AccountKey)
	require.NoError(t, err)
	require.Equal(t, union, account.UnionID, "as last seen")
	f.requireSeen(t, user, in("op", union, sight("wx2", newName())))
	requireConflicts(t, f, user, 0)
}

func unionConflict(t *testing.T, f fixture) {
	union, first := newName(), sight("wx1", newName())
	second := in("op", union, sight("wx2", newName()))
	user, owner := f.requireNew(t, first), f.requireNew(t, second)
	for range 3 {
		f.requireSeen(t, user, in("op", union, first))
		f.requireSeen(t, owner, second)
		requireConflicts(t, f, user, 1)
		requireConflicts(t, f, owner, 0)
	}
	f.requireSeen(t, owner, in("op", union, sight("wx3", newName())))
}

func unionChanges(t *testing.T, f fixture) {
	first, oldUnion, newUnion := sight("wx1", newName()), newName(), newName()
	user := f.requireNew(t, in("op", oldUnion, first))
	for range 3 {
		f.requireSeen(t, user, in("op", newUnion, first))
		requireConflicts(t, f, user, 1)
	}
	f.requireNew(t, in("op", newUnion, sight("wx2", newName()))) // whose it is from now on
	f.requireSeen(t, user, in("op", newUnion, first))
	f.requireSeen(t, user, in("op", oldUnion, sight("wx3", newName())))
}

func unionTakesNothingOver(t *testing.T, f fixture) {
	first, second := in("op", newName(), sight("wx1", newName())), in("op", newName(), sight("wx2", newName()))
	user, victim := f.requireNew(t, first), f.requireNew(t, second)
	for range 3 {
		f.requireSeen(t, user, in("op", second.UnionID, first))
		f.requireSeen(t, victim, second)
		requireConflicts(t, f, user, 1)
	}
	f.requireSeen(t, victim, in("op", second.UnionID, sight("wx3", newName())))
	f.requireSeen(t, user, in("op", first.UnionID, sight("wx3", newName())))
}

// unionMoves: the union ids of two open platforms have nothing to do with each other, so a new one is no
// change of the old one.
func unionMoves(t *testing.T, f fixture) {
	app, before, after := sight("wx1", newName()), newName(), newName()
	user := f.requireNew(t, in("op", before, app))
	f.requireSeen(t, user, in("another op", after, app))
	f.requireSeen(t, user, in("another op", after, sight("wx4", newName())))
	f.requireSeen(t, user, in("op", before, sight("wx2", newName())))
	requireConflicts(t, f, user, 0)
}

func unionTwiceAtOneApp(t *testing.T, f fixture) {
	union := newName()
	first, second := in("op", union, sight("wx1", newName())), in("op", union, sight("wx1", newName()))
	user := f.requireNew(t, first)
	other := f.requireNew(t, second) // a user has one account at an app
	for range 3 {
		f.requireSeen(t, user, first)
		f.requireSeen(t, other, second)
	}
	requireConflicts(t, f, other, 1)
}

func parallelUnion(t *testing.T, f fixture) {
	union := newName()
	apps := []identity.Sighting{in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName()))}
	user := requireOneUser(t, f, func(n int) identity.Sighting { return apps[n%2] })
	f.requireSeen(t, user, apps[0])
	f.requireSeen(t, user, apps[1])
	requireConflicts(t, f, user, 0)
}

func parallelLink(t *testing.T, f fixture) {
	union, known := newName(), sight("wx1", newName())
	user := f.requireNew(t, known)
	apps := []identity.Sighting{in("op", union, known), in("op", union, sight("wx2", newName()))}
	users := make([]identity.User, crowd)
	for _, err := range together(crowd, func(n int) (err error) {
		users[n], _, err = f.at(n).Accounts.FindOrCreateUser(t.Context(), apps[n%2])
		return err
	}) {
		require.NoError(t, err)
	}
	// Whether the new account joins the known user or makes its own is a matter of who came first; afterwards
	// it is settled.
	for n, got := range users {
		require.Equal(t, users[n%2].ID, got.ID)
	}
	f.requireSeen(t, user, apps[0])
	f.requireSeen(t, f.user(t, users[1].ID), apps[1])
}
