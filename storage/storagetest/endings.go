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

func prunings() []testCase {
	return []testCase{
		{"sessions that have been over for a long time are deleted, whether ended or expired", pruneDeletes},
		{"active sessions and those that have not been over for long are kept", pruneKeeps},
		{"batches cover all sessions and start again", pruneWalks},
		{"active sessions can be refreshed during pruning, and are kept", pruneRacesRotate},
		{"browser sessions that have been over for long are deleted, in batches", browsersArePruned},
		{"sessions that are over are kept while their clients must be told about a sign-out", notifiedAreKept},
	}
}

// prune prunes until the last session and returns how many were deleted.
func prune(t *testing.T, f fixture, keep time.Duration, batch int) int {
	t.Helper()
	deleted := 0
	for range 1000 {
		pruned, end, err := f.Sessions.Prune(t.Context(), keep, batch)
		require.NoError(t, err)
		require.LessOrEqual(t, pruned, batch)
		deleted += pruned
		if end {
			return deleted
		}
	}
	require.Fail(t, "pruning does not reach the last session")
	return 0
}

func requirePruned(t *testing.T, f fixture, ids ...string) {
	t.Helper()
	for _, id := range ids {
		_, _, err := f.Sessions.Find(t.Context(), id)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
}

// openFor opens a session with the given lifetimes.
func openFor(t *testing.T, f fixture, user identity.User, client identity.Client, idle, absolute time.Duration) string {
	t.Helper()
	opened, err := f.Sessions.Open(t.Context(), newSession(user, client), user.AuthEpoch,
		identity.Lifetimes{Idle: idle, Absolute: absolute}, 0)
	require.NoError(t, err)
	return opened.ID
}

func (f fixture) end(t *testing.T, id string) {
	t.Helper()
	ended, err := f.Sessions.End(t.Context(), id, identity.EndedByClient)
	require.NoError(t, err)
	require.True(t, ended)
}

func pruneDeletes(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	idled := openFor(t, f, user, client, time.Minute, 1000*time.Hour)
	expired := openFor(t, f, user, client, time.Minute, time.Minute)
	ended := f.signIn(t, user, client).ID
	f.end(t, ended)
	live := f.signIn(t, user, client)
	f.advance(24*time.Hour + 2*time.Minute)
	require.Equal(t, 3, prune(t, f, 24*time.Hour, 100))
	requirePruned(t, f, idled, expired, ended)
	f.requireLive(t, user, live.ID)
	require.Zero(t, prune(t, f, 24*time.Hour, 100))
}

func pruneKeeps(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	idled := openFor(t, f, user, client, time.Minute, 1000*time.Hour)
	ended := f.signIn(t, user, client).ID
	f.end(t, ended)
	live := f.signIn(t, user, client)
	f.advance(23 * time.Hour)
	require.Zero(t, prune(t, f, 24*time.Hour, 100))
	require.Equal(t, identity.EndedByClient, f.session(t, ended).EndReason)
	f.session(t, idled)
	require.Equal(t, live, f.session(t, live.ID))
	f.advance(2 * time.Hour)
	require.Equal(t, 2, prune(t, f, 24*time.Hour, 100), "now they have been over for a long time")
}

func pruneWalks(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	var over, live []string
	for range 10 {
		over = append(over, openFor(t, f, user, client, time.Minute, time.Hour))
		live = append([]string{f.signIn(t, user, client).ID}, live...)
		f.advance(time.Second)
	}
	f.advance(2 * time.Hour)
	pruned, end, err := f.Sessions.Prune(t.Context(), time.Hour, 3)
	require.NoError(t, err)
	require.False(t, end, "there are more than three")
	require.Equal(t, 10, pruned+prune(t, f, time.Hour, 3))
	requirePruned(t, f, over...)
	f.requireLive(t, user, live...)

	for _, id := range live { // already passed by the cursor
		f.end(t, id)
	}
	f.advance(2 * time.Hour)
	require.Equal(t, 10, prune(t, f, time.Hour, 1))
}

func pruneRacesRotate(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	sessions := make([]identity.Session, callers)
	for n := range sessions {
		sessions[n] = f.signIn(t, user, client)
	}
	answers := inParallel(callers+1, func(n int) (moved won) {
		if n == callers {
			_, _, moved.err = f.Sessions.Prune(t.Context(), 0, 1000)
			return moved
		}
		next := rotated(sessions[n], sessions[n].LastSeenAt, nil)
		moved.won, moved.err = f.Sessions.Rotate(t.Context(), next, 0)
		return moved
	})
	for n, moved := range answers {
		require.NoError(t, moved.err)
		require.Equal(t, n < callers, moved.won)
	}
	for _, session := range sessions {
		require.EqualValues(t, 1, f.session(t, session.ID).Generation)
	}
}

// pruneBrowsers deletes browser sessions that have been over for an hour, one at a time, and returns how many.
func pruneBrowsers(t *testing.T, f fixture) (deleted int) {
	t.Helper()
	for {
		pruned, err := f.Browsers.Prune(t.Context(), time.Hour, 1)
		require.NoError(t, err)
		require.LessOrEqual(t, pruned, 1)
		if deleted += pruned; pruned == 0 {
			return deleted
		}
	}
}

func browsersArePruned(t *testing.T, f fixture) {
	f.advance(2 * time.Hour)
	pruneBrowsers(t, f) // those of other test cases
	user := f.newUser(t)
	expired, ended, live := shortVisit(t, f, user, ""), visit(t, f, user), visit(t, f, user)
	require.True(t, endBrowser(t, f, ended.ID, true))
	f.advance(59 * time.Minute)
	require.Zero(t, pruneBrowsers(t, f), "one ended less than an hour ago; the other one is only idle")
	require.True(t, endBrowser(t, f, shortVisit(t, f, user, expired.ID).ID, true))
	f.advance(2 * time.Minute)
	require.Equal(t, 1, pruneBrowsers(t, f))
	f.advance(time.Hour)
	require.Equal(t, 2, pruneBrowsers(t, f))
	requireBrowsers(t, f, user, live)
}

func notifiedAreKept(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	openFrom := func(browser identity.BrowserSession) string {
		session := newSession(user, client)
		session.Browser, session.AuthTime = browser.ID, browser.AuthTime
		opened, err := f.Sessions.Open(t.Context(), session, user.AuthEpoch, identity.Lifetimes{Idle: time.Minute,
			Absolute: time.Minute}, 0)
		require.NoError(t, err)
		return opened.ID
	}
	opened, long := shortVisit(t, f, user, ""), visit(t, f, user)
	fromShort, fromLong := openFrom(opened), openFrom(long)
	ended := openFrom(long)
	f.end(t, ended)
	f.advance(30 * time.Minute)
	prune(t, f, time.Minute, 100)
	for _, id := range []string{fromShort, fromLong, ended} {
		f.session(t, id)
	}
	renewed := openBrowser(t, f, newBrowserSession(user), opened.ID)
	f.advance(29 * time.Minute)
	prune(t, f, time.Minute, 100)
	require.Equal(t, renewed.ID, f.session(t, fromShort).Browser)

	f.advance(lifetimes().Absolute - time.Hour)
	prune(t, f, time.Minute, 100)
	f.session(t, fromLong)
	f.session(t, fromShort)
	require.True(t, endBrowser(t, f, long.ID, true))
	f.advance(time.Hour)
	prune(t, f, time.Minute, 100)
	requirePruned(t, f, fromLong, ended, fromShort)
}
