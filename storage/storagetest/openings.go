package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// openings are what keeps a session from being opened.
func openings() []trial {
	return []trial{
		{"sessions without an opening are not found by one", noOpening},
		{"a taken opening is refused and changes nothing", openingIsTaken},
		{"of parallel openings with one opening one wins", often(parallelOpenings)},
		{"a disabled user opens nothing", staleByDisable},
		{"an epoch that is not the user's opens nothing", staleByEpoch},
		{"an unknown user opens nothing", unknownUserOpens},
	}
}

func noOpening(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	first, second := h.signIn(t, user, client), h.signIn(t, user, client)
	require.Nil(t, h.session(t, first.ID).OpenedBy)
	require.Nil(t, h.session(t, second.ID).OpenedBy)
	for _, nothing := range [][]byte{nil, {}, []byte("%")} {
		_, _, err := h.Sessions.FindByOpening(t.Context(), nothing)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
}

func openingIsTaken(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	first, second := newSession(user, client), newSession(user, client)
	first.OpenedBy, second.OpenedBy = []byte(newName()), nil
	h.open(t, first, user, 0)
	h.advance(time.Minute)
	h.open(t, second, user, 0)

	twin := newSession(user, client)
	twin.OpenedBy = first.OpenedBy
	refused := func() {
		_, err := h.Sessions.Open(t.Context(), twin, user.AuthEpoch, lifetimes(), 1)
		require.ErrorIs(t, err, identity.ErrExists)
		_, _, err = h.Sessions.Find(t.Context(), twin.ID)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
	refused()
	h.requireLive(t, user, second.ID, first.ID) // no limit was kept for nothing
	_, err := h.Sessions.End(t.Context(), first.ID, identity.EndedByClient)
	require.NoError(t, err)
	refused() // a proof that was used once stays used
}

func parallelOpenings(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	openedBy := []byte(newName())
	ids := make([]string, crowd)
	winner := requireOneWinner(t, together(crowd, func(n int) won {
		session := newSession(user, client)
		session.OpenedBy, ids[n] = openedBy, session.ID
		_, err := h.at(n).Sessions.Open(t.Context(), session, user.AuthEpoch, lifetimes(), 1)
		return wonUnless(err, identity.ErrExists)
	}))
	found, _, err := h.Sessions.FindByOpening(t.Context(), openedBy)
	require.NoError(t, err)
	require.Equal(t, ids[winner], found.ID)
	h.requireLive(t, user, found.ID)
}

func staleByDisable(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	require.NoError(t, h.Users.Disable(t.Context(), user.ID))
	for _, epoch := range []int64{user.AuthEpoch, h.user(t, user.ID).AuthEpoch} {
		h.requireStale(t, newSession(user, client), epoch)
	}
}

func staleByEpoch(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	kept := h.signIn(t, user, client)
	h.requireStale(t, newSession(user, client), user.AuthEpoch+1)
	h.requireLive(t, user, kept.ID)
	require.NoError(t, h.Users.SetPassword(t.Context(), user.ID, "new hash"))
	h.requireStale(t, newSession(user, client), user.AuthEpoch)
	h.signIn(t, h.user(t, user.ID), client)
}

func unknownUserOpens(t *testing.T, h house) {
	client := h.newClient(t)
	session := newSession(identity.User{ID: identity.NewUserID()}, client)
	_, err := h.Sessions.Open(t.Context(), session, 0, lifetimes(), 0)
	require.Error(t, err)
	_, _, err = h.Sessions.Find(t.Context(), session.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

// requireStale also asks for a limit, which must not be kept for a session that is not opened.
func (h house) requireStale(t *testing.T, session identity.Session, epoch int64) {
	t.Helper()
	session.OpenedBy = []byte(newName())
	_, err := h.Sessions.Open(t.Context(), session, epoch, lifetimes(), 1)
	require.ErrorIs(t, err, identity.ErrStale)
	_, _, err = h.Sessions.Find(t.Context(), session.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, _, err = h.Sessions.FindByOpening(t.Context(), session.OpenedBy)
	require.ErrorIs(t, err, identity.ErrNotFound)
}
