package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func endings() []testCase {
	return []testCase{
		{"a session ends once and has the reason", endsOnce},
		{"one of several parallel endings ends the session", often(parallelEndings)},
		{"all sessions of a user end, and no other user's", allEnd},
		{"sessions that were opened or refreshed since a given time end", endSince},
		{"sessions whose user signed in before a given time end", endBefore},
		{"active sessions are listed, the most recently seen first", listOfSessions},
	}
}

func endsOnce(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	session, bystander := f.signIn(t, user, client), f.signIn(t, user, client)
	before := f.now(t)
	ended, err := f.Sessions.End(t.Context(), session.ID, identity.EndedByTheft)
	require.NoError(t, err)
	require.True(t, ended)
	after := f.now(t)
	f.advance(time.Minute)
	ended, err = f.Sessions.End(t.Context(), session.ID, identity.EndedByClient)
	require.NoError(t, err)
	require.False(t, ended, "ended already")

	found := f.session(t, session.ID)
	between(t, before, after, found.EndedAt)
	require.Equal(t, identity.EndedByTheft, found.EndReason)
	f.requireLive(t, user, bystander.ID)
	events := f.eventsOf(t, identity.EventSessionEnded, user.ID)
	require.Len(t, events, 1)
	require.Equal(t, session.ID, events[0].SessionID)
	require.Equal(t, client.ID, events[0].ClientID)
	require.Contains(t, events[0].Detail, identity.EndedByTheft)

	ended, err = f.Sessions.End(t.Context(), identity.NewSessionID(), identity.EndedByTheft)
	require.NoError(t, err)
	require.False(t, ended, "there is no such session")
}

func parallelEndings(t *testing.T, f fixture) {
	user := f.newUser(t)
	session := f.signIn(t, user, f.newClient(t))
	reasons := []string{identity.EndedByTheft, identity.EndedByClient}
	winner := requireOneWinner(t, inParallel(callers, func(n int) (ended won) {
		ended.won, ended.err = f.at(n).Sessions.End(t.Context(), session.ID, reasons[n%2])
		return ended
	}))
	require.Equal(t, reasons[winner%2], f.session(t, session.ID).EndReason)
	require.Len(t, f.eventsOf(t, identity.EventSessionEnded, user.ID), 1)
}

func allEnd(t *testing.T, f fixture) {
	user, other, client := f.newUser(t), f.newUser(t), f.newClient(t)
	ids := append(openMany(t, f, user, client, 3), openMany(t, f, user, f.newClient(t), 2)...)
	bystander := f.signIn(t, other, client)
	_, err := f.Sessions.End(t.Context(), ids[0], identity.EndedByTheft)
	require.NoError(t, err)

	count, err := f.Sessions.EndAll(t.Context(), user.ID, identity.EndedByOperator)
	require.NoError(t, err)
	require.EqualValues(t, 4, count)
	f.requireLive(t, user)
	f.requireLive(t, other, bystander.ID)
	require.Equal(t, identity.EndedByTheft, f.session(t, ids[0]).EndReason)
	for _, id := range ids[1:] {
		require.Equal(t, identity.EndedByOperator, f.session(t, id).EndReason)
	}
	for _, id := range []string{user.ID, identity.NewUserID(), ""} {
		count, err = f.Sessions.EndAll(t.Context(), id, identity.EndedByOperator)
		require.NoError(t, err)
		require.Zero(t, count)
	}
	again := f.signIn(t, user, client) // EndAll does not change the epoch
	f.requireLive(t, user, again.ID)
}

func endSince(t *testing.T, f fixture) {
	user, other, client := f.newUser(t), f.newUser(t), f.newClient(t)
	ids := openMany(t, f, user, client, 3)
	f.advance(time.Hour)
	opened := f.signIn(t, other, client)
	since := opened.LastSeenAt
	f.advance(time.Minute)
	touch(t, f, ids[1])
	later := f.signIn(t, user, client)
	_, err := f.Sessions.End(t.Context(), later.ID, identity.EndedByTheft)
	require.NoError(t, err)

	count, err := f.Sessions.EndSince(t.Context(), f.now(t).Add(time.Hour), identity.EndedByOperator)
	require.NoError(t, err)
	require.Zero(t, count, "a time in the future")
	count, err = f.Sessions.EndSince(t.Context(), since, identity.EndedByOperator)
	require.NoError(t, err)
	require.EqualValues(t, 2, count, "one was opened at that time and one was refreshed later")
	f.requireLive(t, other)
	f.requireLive(t, user, ids[2], ids[0])
	require.Equal(t, identity.EndedByOperator, f.session(t, ids[1]).EndReason)
	require.Equal(t, identity.EndedByTheft, f.session(t, later.ID).EndReason)
}

func endBefore(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	old := newSession(user, client)
	old.AuthTime = f.now(t)
	_, err := f.Sessions.Open(t.Context(), old, user.AuthEpoch, lifetimes(), 0)
	require.NoError(t, err)
	f.advance(time.Hour)
	fresh := newSession(user, client)
	fresh.AuthTime = f.now(t)
	_, err = f.Sessions.Open(t.Context(), fresh, user.AuthEpoch, lifetimes(), 0)
	require.NoError(t, err)
	touch(t, f, old.ID)

	_, err = f.Sessions.EndBefore(t.Context(), old.AuthTime, identity.EndedByOperator)
	require.NoError(t, err)
	f.requireLive(t, user, fresh.ID)
	require.Equal(t, identity.EndedByOperator, f.session(t, old.ID).EndReason, "although it was refreshed since")
}

func listOfSessions(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	ids := openMany(t, f, user, client, 4)
	_, err := f.Sessions.End(t.Context(), ids[2], identity.EndedByClient)
	require.NoError(t, err)
	touch(t, f, ids[0])
	f.requireLive(t, user, ids[0], ids[3], ids[1])
	listed, err := f.Sessions.List(t.Context(), user.ID)
	require.NoError(t, err)
	for _, session := range listed {
		require.Equal(t, f.session(t, session.ID), plain(session))
	}

	f.advance(lifetimes().Idle - time.Minute)
	fresh := f.signIn(t, user, client)
	f.advance(time.Minute)
	f.requireLive(t, user, fresh.ID)
	f.advance(lifetimes().Absolute)
	f.requireLive(t, user)
	f.requireLive(t, f.newUser(t))
}
