package storagetest

import (
	"slices"
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

func endingsListed() []testCase {
	return []testCase{
		{"every ended session is listed, and no active one", everyEndingIsListed},
		{"sessions ended by an operator, by unlinking an account and by a merge are listed too", otherEndingsAreListed},
		{"a session that had expired long before it was ended is not listed", ranOutIsNotListed},
		{"a session is listed as long as its access tokens may be valid, and a little longer", listedAsLongAsTokens},
		{"the longest lifetime of any client's tokens counts", longestLifeCounts},
		{"the latest sessions are listed, and a time shows which are missing", latestAreListed},
		{"parallel endings and listings miss none", often(endingsRaceListing)},
		// last, since it prunes everything
		{"sessions of deleted users are listed until they are pruned", listedAfterDeletion},
	}
}

const tokenLifetime = 10 * time.Minute

func ended(t *testing.T, f fixture, limit int) identity.EndedSessions {
	t.Helper()
	before := f.now(t)
	endings, err := f.Sessions.Ended(t.Context(), tokenLifetime, limit)
	require.NoError(t, err)
	between(t, before, f.now(t), endings.ReadAt)
	return endings
}

// requireListed requires exactly these sessions to be listed.
func requireListed(t *testing.T, f fixture, ids ...string) {
	t.Helper()
	endings := ended(t, f, 1000)
	require.ElementsMatch(t, ids, endings.SessionIDs)
	require.Zero(t, endings.MissingUntil)
}

// forgetEndings lets time pass until no session is listed.
func forgetEndings(t *testing.T, f fixture) {
	t.Helper()
	f.advance(25 * time.Hour)
	requireListed(t, f)
}

func everyEndingIsListed(t *testing.T, f fixture) {
	forgetEndings(t, f)
	user, client := f.newUser(t), f.newClient(t)
	disabled, pending, changed := f.newUser(t), f.newUser(t), f.newUser(t)
	revoked, theft := f.signIn(t, user, client).ID, f.signIn(t, user, client).ID
	want := []string{revoked, theft}
	for _, gone := range []identity.User{disabled, pending, changed} {
		want = append(want, f.signIn(t, gone, client).ID)
	}
	limited := newSession(user, f.newClient(t))
	want = append(want, f.open(t, limited, user, 0).ID)
	f.signIn(t, user, client) // stays active
	openFor(t, f, user, client, time.Millisecond, time.Millisecond)
	f.advance(time.Second)

	f.end(t, revoked)
	_, err := f.Sessions.End(t.Context(), theft, identity.EndedByTheft)
	require.NoError(t, err)
	require.NoError(t, f.Users.Disable(t.Context(), disabled.ID))
	f.requestDeletion(t, pending, time.Hour)
	require.NoError(t, f.Users.SetPassword(t.Context(), changed.ID, "another"))
	f.open(t, newSession(user, identity.Client{ID: limited.ClientID}), user, 1)
	requireListed(t, f, want...)
}

func otherEndingsAreListed(t *testing.T, f fixture) {
	forgetEndings(t, f)
	client := f.newClient(t)
	external, other := newIdentity("wx1"), newIdentity("wx2")
	unlinks := f.requireNewUser(t, external)
	f.link(t, unlinks, other)
	opened := newSession(unlinks, client)
	opened.Account = external.AccountKey
	f.open(t, opened, unlinks, 0)
	f.unlink(t, unlinks, external, external.AccountKey)
	want := []string{opened.ID}

	c := newDuplicatePair(t, f)
	want = append(want, f.signIn(t, c.retired, client).ID)
	f.merge(t, c.retired, c.survivor)
	requireListed(t, f, want...)

	all, since := f.newUser(t), f.newUser(t)
	want = append(want, f.signIn(t, all, client).ID)
	_, err := f.Sessions.EndAll(t.Context(), all.ID, identity.EndedByOperator)
	require.NoError(t, err)
	f.advance(time.Second)
	at := f.now(t)
	want = append(want, f.signIn(t, since, client).ID)
	_, err = f.Sessions.EndSince(t.Context(), at, identity.EndedByOperator)
	require.NoError(t, err)
	requireListed(t, f, want...)
	before := f.newUser(t)
	want = append(want, f.signIn(t, before, client).ID, f.clockSession)
	_, err = f.Sessions.EndBefore(t.Context(), f.now(t), identity.EndedByOperator)
	require.NoError(t, err)
	listed := ended(t, f, 1000).SessionIDs
	require.Subset(t, listed, want)
}

func ranOutIsNotListed(t *testing.T, f fixture) {
	forgetEndings(t, f)
	user, client := f.newUser(t), f.newClient(t)
	openFor(t, f, user, client, time.Minute, 1000*time.Hour)
	openFor(t, f, user, client, time.Minute, time.Minute)
	late := openFor(t, f, user, client, 20*time.Minute, time.Hour)
	f.advance(25 * time.Minute)
	_, err := f.Sessions.EndAll(t.Context(), user.ID, identity.EndedByOperator)
	require.NoError(t, err)
	requireListed(t, f, late)
}

func listedAsLongAsTokens(t *testing.T, f fixture) {
	forgetEndings(t, f)
	user, client := f.newUser(t), f.newClient(t)
	session := f.signIn(t, user, client).ID
	f.end(t, session)
	f.advance(tokenLifetime + time.Minute) // for a verifier's leeway, and clocks that differ
	requireListed(t, f, session)
	f.advance(2 * time.Minute)
	requireListed(t, f)
}

func longestLifeCounts(t *testing.T, f fixture) {
	forgetEndings(t, f)
	client := identity.Client{ID: identity.NewClientID(), Name: "Slow", AccessTTL: 3 * tokenLifetime}
	require.NoError(t, f.Clients.Create(t.Context(), client))
	session := f.signIn(t, f.newUser(t), client).ID
	f.end(t, session)
	f.advance(2 * tokenLifetime)
	requireListed(t, f, session)
	f.advance(2 * tokenLifetime)
	requireListed(t, f)
}

func listedAfterDeletion(t *testing.T, f fixture) {
	f.purge(t)
	forgetEndings(t, f)
	user := f.newUser(t)
	client := identity.Client{ID: identity.NewClientID(), Name: "Slowest", AccessTTL: 24 * time.Hour}
	require.NoError(t, f.Clients.Create(t.Context(), client))
	session := openFor(t, f, user, client, 48*time.Hour, 72*time.Hour)
	f.requestDeletion(t, user, 24*time.Hour)
	f.advance(24 * time.Hour) // its tokens may still be accepted after that, by slow clocks
	require.Equal(t, 1, f.purge(t))
	requireDeleted(t, f, user)
	for _, keep := range []time.Duration{25 * time.Hour, 0} {
		endings, err := f.Sessions.Ended(t.Context(), tokenLifetime, 1000)
		require.NoError(t, err)
		require.Equal(t, []string{session}, endings.SessionIDs)
		prune(t, f, keep, 100)
		f.advance(time.Millisecond)
	}
	prune(t, f, 0, 100)
	endings, err := f.Sessions.Ended(t.Context(), tokenLifetime, 1000)
	require.NoError(t, err)
	require.Empty(t, endings.SessionIDs)
}

func latestAreListed(t *testing.T, f fixture) {
	forgetEndings(t, f)
	user, client := f.newUser(t), f.newClient(t)
	var ids []string
	var at []time.Time
	for range 5 {
		id := f.signIn(t, user, client).ID
		f.end(t, id)
		ids, at = append(ids, id), append(at, f.session(t, id).EndedAt)
		f.advance(time.Second)
	}
	check := func() {
		endings := ended(t, f, 3)
		require.Equal(t, []string{ids[4], ids[3], ids[2]}, endings.SessionIDs)
		sameInstant(t, at[1], endings.MissingUntil)
		require.Zero(t, ended(t, f, 5).MissingUntil)
	}
	check()
	f.requestDeletion(t, user, 0)
	require.Positive(t, f.purge(t)) // also users of other test cases
	check()
}

// endingsRaceListing ends and lists sessions in parallel: a listing that starts after an ending returned must include
// it.
func endingsRaceListing(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	for n, missed := range inParallel(callers, func(n int) error {
		mine := f.at(n)
		session := newSession(user, client)
		if _, err := mine.Sessions.Open(t.Context(), session, user.AuthEpoch, lifetimes(), 0); err != nil {
			return err
		}
		if _, err := mine.Sessions.End(t.Context(), session.ID, identity.EndedByUser); err != nil {
			return err
		}
		endings, err := f.at(n+1).Sessions.Ended(t.Context(), tokenLifetime, 10000)
		if err != nil {
			return err
		}
		if slices.Contains(endings.SessionIDs, session.ID) {
			return nil
		}
		return identity.ErrNotFound
	}) {
		require.NoError(t, missed, "caller %d", n)
	}
}
