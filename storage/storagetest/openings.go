package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// openings are what keeps a session from being opened.
func openings() []testCase {
	return []testCase{
		{"sessions without an opening are not found by one", noOpening},
		{"a taken opening is refused and changes nothing", openingIsTaken},
		{"of parallel openings with one opening one wins", often(parallelOpenings)},
		{"a disabled user opens nothing", staleByDisable},
		{"an epoch that is not the user's opens nothing", staleByEpoch},
		{"an unknown user opens nothing", unknownUserOpens},
	}
}

func noOpening(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	first, second := f.signIn(t, user, client), f.signIn(t, user, client)
	require.Nil(t, f.session(t, first.ID).OpenedBy)
	require.Nil(t, f.session(t, second.ID).OpenedBy)
	for _, nothing := range [][]byte{nil, {}, []byte("%")} {
		_, _, err := f.Sessions.FindByOpening(t.Context(), nothing)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
}

func openingIsTaken(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	first, second := newSession(user, client), newSession(user, client)
	first.OpenedBy, second.OpenedBy = []byte(newName()), nil
	f.open(t, first, user, 0)
	f.advance(time.Minute)
	f.open(t, second, user, 0)

	twin := newSession(user, client)
	twin.OpenedBy = first.OpenedBy
	refused := func() {
		_, err := f.Sessions.Open(t.Context(), twin, user.AuthEpoch, lifetimes(), 1)
		require.ErrorIs(t, err, identity.ErrExists)
		_, _, err = f.Sessions.Find(t.Context(), twin.ID)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
	refused()
	f.requireLive(t, user, second.ID, first.ID) // no limit was kept for nothing
	_, err := f.Sessions.End(t.Context(), first.ID, identity.EndedByClient)
	require.NoError(t, err)
	refused() // a proof that was used once stays used
}

func parallelOpenings(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	openedBy := []byte(newName())
	ids := make([]string, crowd)
	winner := requireOneWinner(t, together(crowd, func(n int) won {
		session := newSession(user, client)
		session.OpenedBy, ids[n] = openedBy, session.ID
		_, err := f.at(n).Sessions.Open(t.Context(), session, user.AuthEpoch, lifetimes(), 1)
		return wonUnless(err, identity.ErrExists)
	}))
	found, _, err := f.Sessions.FindByOpening(t.Context(), openedBy)
	require.NoError(t, err)
	require.Equal(t, ids[winner], found.ID)
	f.requireLive(t, user, found.ID)
}

func staleByDisable(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	require.NoError(t, f.Users.Disable(t.Context(), user.ID))
	for _, epoch := range []int64{user.AuthEpoch, f.user(t, user.ID).AuthEpoch} {
		requireStale(t, f, newSession(user, client), epoch)
	}
}

func staleByEpoch(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	kept := f.signIn(t, user, client)
	requireStale(t, f, newSession(user, client), user.AuthEpoch+1)
	f.requireLive(t, user, kept.ID)
	require.NoError(t, f.Users.SetPassword(t.Context(), user.ID, "new hash"))
	requireStale(t, f, newSession(user, client), user.AuthEpoch)
	f.signIn(t, f.user(t, user.ID), client)
}

func unknownUserOpens(t *testing.T, f fixture) {
	client := f.newClient(t)
	session := newSession(identity.User{ID: identity.NewUserID()}, client)
	_, err := f.Sessions.Open(t.Context(), session, 0, lifetimes(), 0)
	require.Error(t, err)
	_, _, err = f.Sessions.Find(t.Context(), session.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

// requireStale also asks for a limit, which must not be kept for a session that is not opened.
func requireStale(t *testing.T, f fixture, session identity.Session, epoch int64) {
	t.Helper()
	session.OpenedBy = []byte(newName())
	_, err := f.Sessions.Open(t.Context(), session, epoch, lifetimes(), 1)
	require.ErrorIs(t, err, identity.ErrStale)
	_, _, err = f.Sessions.Find(t.Context(), session.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, _, err = f.Sessions.FindByOpening(t.Context(), session.OpenedBy)
	require.ErrorIs(t, err, identity.ErrNotFound)
}
