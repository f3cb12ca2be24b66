package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func endings() []trial {
	return []trial{
		{"a session ends once and says why", endsOnce},
		{"of parallel endings one ends the session", often(parallelEndings)},
		{"all sessions of a user end and no other's", allEnd},
		{"what was opened or refreshed since an instant ends", endSince},
		{"what was signed in before an instant ends", endBefore},
		{"live sessions are listed, the most recently seen first", listOfSessions},
	}
}

func endsOnce(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	session, bystander := h.signIn(t, user, client), h.signIn(t, user, client)
	before := h.now(t)
	ended, err := h.Sessions.End(t.Context(), session.ID, identity.EndedByTheft)
	require.NoError(t, err)
	require.True(t, ended)
	after := h.now(t)
	h.advance(time.Minute)
	ended, err = h.Sessions.End(t.Context(), session.ID, identity.EndedByClient)
	require.NoError(t, err)
	require.False(t, ended, "ended already")

	found := h.session(t, session.ID)
	between(t, before, after, found.EndedAt)
	require.Equal(t, identity.EndedByTheft, found.EndReason)
	h.requireLive(t, user, bystander.ID)
	told := h.eventsOf(t, identity.EventSessionEnded, user.ID)
	require.Len(t, told, 1)
	require.Equal(t, session.ID, told[0].SessionID)
	require.Equal(t, client.ID, told[0].ClientID)
	require.Contains(t, told[0].Detail, identity.EndedByTheft)

	ended, err = h.Sessions.End(t.Context(), identity.NewSessionID(), identity.EndedByTheft)
	require.NoError(t, err)
	require.False(t, ended, "never was")
}

func parallelEndings(t *testing.T, h house) {
	user := h.newUser(t)
	session := h.signIn(t, user, h.newClient(t))
	reasons := []string{identity.EndedByTheft, identity.EndedByClient}
	winner := requireOneWinner(t, together(crowd, func(n int) (ended won) {
		ended.won, ended.err = h.at(n).Sessions.End(t.Context(), session.ID, reasons[n%2])
		return ended
	}))
	require.Equal(t, reasons[winner%2], h.session(t, session.ID).EndReason)
	require.Len(t, h.eventsOf(t, identity.EventSessionEnded, user.ID), 1)
}

func allEnd(t *testing.T, h house) {
	user, other, client := h.newUser(t), h.newUser(t), h.newClient(t)
	ids := append(h.openMany(t, user, client, 3), h.openMany(t, user, h.newClient(t), 2)...)
	bystander := h.signIn(t, other, client)
	_, err := h.Sessions.End(t.Context(), ids[0], identity.EndedByTheft)
	require.NoError(t, err)

	count, err := h.Sessions.EndAll(t.Context(), user.ID, identity.EndedByOperator)
	require.NoError(t, err)
	require.EqualValues(t, 4, count)
	h.requireLive(t, user)
	h.requireLive(t, other, bystander.ID)
	require.Equal(t, identity.EndedByTheft, h.session(t, ids[0]).EndReason)
	for _, id := range ids[1:] {
		require.Equal(t, identity.EndedByOperator, h.session(t, id).EndReason)
	}
	for _, id := range []string{user.ID, identity.NewUserID(), ""} {
		count, err = h.Sessions.EndAll(t.Context(), id, identity.EndedByOperator)
		require.NoError(t, err)
		require.Zero(t, count)
	}
	again := h.signIn(t, user, client) // its epoch did not change
	h.requireLive(t, user, again.ID)
}

func endSince(t *testing.T, h house) {
	user, other, client := h.newUser(t), h.newUser(t), h.newClient(t)
	ids := h.openMany(t, user, client, 3)
	h.advance(time.Hour)
	opened := h.signIn(t, other, client)
	since := opened.LastSeenAt
	h.advance(time.Minute)
	h.touch(t, ids[1])
	later := h.signIn(t, user, client)
	_, err := h.Sessions.End(t.Context(), later.ID, identity.EndedByTheft)
	require.NoError(t, err)

	count, err := h.Sessions.EndSince(t.Context(), h.now(t).Add(time.Hour), identity.EndedByOperator)
	require.NoError(t, err)
	require.Zero(t, count, "the future")
	count, err = h.Sessions.EndSince(t.Context(), since, identity.EndedByOperator)
	require.NoError(t, err)
	require.EqualValues(t, 2, count, "the one opened then and the one refreshed later")
	h.requireLive(t, other)
	h.requireLive(t, user, ids[2], ids[0])
	require.Equal(t, identity.EndedByOperator, h.session(t, ids[1]).EndReason)
	require.Equal(t, identity.EndedByTheft, h.session(t, later.ID).EndReason)
}

func endBefore(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	old := newSession(user, client)
	old.AuthTime = h.now(t)
	_, err := h.Sessions.Open(t.Context(), old, user.AuthEpoch, lifetimes(), 0)
	require.NoError(t, err)
	h.advance(time.Hour)
	fresh := newSession(user, client)
	fresh.AuthTime = h.now(t)
	_, err = h.Sessions.Open(t.Context(), fresh, user.AuthEpoch, lifetimes(), 0)
	require.NoError(t, err)
	h.touch(t, old.ID)

	_, err = h.Sessions.EndBefore(t.Context(), old.AuthTime, identity.EndedByOperator)
	require.NoError(t, err)
	h.requireLive(t, user, fresh.ID)
	require.Equal(t, identity.EndedByOperator, h.session(t, old.ID).EndReason, "though it was refreshed since")
}

func listOfSessions(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	ids := h.openMany(t, user, client, 4)
	_, err := h.Sessions.End(t.Context(), ids[2], identity.EndedByClient)
	require.NoError(t, err)
	h.touch(t, ids[0])
	h.requireLive(t, user, ids[0], ids[3], ids[1])
	listed, err := h.Sessions.List(t.Context(), user.ID)
	require.NoError(t, err)
	for _, session := range listed {
		require.Equal(t, h.session(t, session.ID), plain(session))
	}

	h.advance(lifetimes().Idle - time.Minute)
	fresh := h.signIn(t, user, client)
	h.advance(time.Minute)
	h.requireLive(t, user, fresh.ID)
	h.advance(lifetimes().Absolute)
	h.requireLive(t, user)
	h.requireLive(t, h.newUser(t))
}
