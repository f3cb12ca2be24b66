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
		{"a session ends once and says why", endsOnce},
		{"of parallel endings one ends the session", often(parallelEndings)},
		{"all sessions of a user end and no other's", allEnd},
		{"what was opened or refreshed since an instant ends", endSince},
		{"what was signed in before an instant ends", endBefore},
		{"live sessions are listed, the most recently seen first", listOfSessions},
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
	told := f.eventsOf(t, identity.EventSessionEnded, user.ID)
	require.Len(t, told, 1)
	require.Equal(t, session.ID, told[0].SessionID)
	require.Equal(t, client.ID, told[0].ClientID)
	require.Contains(t, told[0].Detail, identity.EndedByTheft)

	ended, err = f.Sessions.End(t.Context(), identity.NewSessionID(), identity.EndedByTheft)
	require.NoError(t, err)
	require.False(t, ended, "never was")
}

func parallelEndings(t *testing.T, f fixture) {
	user := f.newUser(t)
	session := f.signIn(t, user, f.newClient(t))
	reasons := []string{identity.EndedByTheft, identity.EndedByClient}
	winner := requireOneWinner(t, together(crowd, func(n int) (ended won) {
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
	again := f.signIn(t, user, client) // its epoch did not change
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
	require.Zero(t, count, "the future")
	count, err = f.Sessions.EndSince(t.Context(), since, identity.EndedByOperator)
	require.NoError(t, err)
	require.EqualValues(t, 2, count, "the one opened then and the one refreshed later")
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
	require.Equal(t, identity.EndedByOperator, f.session(t, old.ID).EndReason, "though it was refreshed since")
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
		{"what ended is listed, however it ended, and what lives is not", everyEndingIsListed},
		{"also what an operator ends, what an unlinked account opened, and what a merge ends", otherEndingsAreListed},
		{"what had run out long before is not, though whoever ends all ends it too", ranOutIsNotListed},
		{"it is listed for as long as its access tokens may live, and a little longer", listedAsLongAsTokens},
		{"the longest life of any client's tokens counts", longestLifeCounts},
		{"of too many the latest are listed, and the rest is told by an instant", latestAreListed},
		{"of parallel endings and listings none is missed", often(endingsRaceListing)},
		// the last: it prunes all that there is
		{"of a deleted user it is listed too, until it is pruned", listedAfterDeletion},
	}
}

const tokenLife = 10 * time.Minute

func ended(t *testing.T, f fixture, limit int) identity.Endings {
	t.Helper()
	before := f.now(t)
	endings, err := f.Sessions.Ended(t.Context(), tokenLife, limit)
	require.NoError(t, err)
	between(t, before, f.now(t), endings.ReadAt)
	return endings
}

// requireListed also requires that nothing else is.
func requireListed(t *testing.T, f fixture, ids ...string) {
	t.Helper()
	endings := ended(t, f, 1000)
	require.ElementsMatch(t, ids, endings.SessionIDs)
	require.Zero(t, endings.MissingUntil)
}

// forgetEndings lets time pass until nothing is listed.
func forgetEndings(t *testing.T, f fixture) {
	t.Helper()
	f.advance(25 * time.Hour)
	requireListed(t, f)
}

func everyEndingIsListed(t *testing.T, f fixture) {
	forgetEndings(t, f)
	user, client := f.newUser(t), f.newClient(t)
	disabled, left, changed := f.newUser(t), f.newUser(t), f.newUser(t)
	revoked, theft := f.signIn(t, user, client).ID, f.signIn(t, user, client).ID
	want := []string{revoked, theft}
	for _, gone := range []identity.User{disabled, left, changed} {
		want = append(want, f.signIn(t, gone, client).ID)
	}
	limited := newSession(user, f.newClient(t))
	want = append(want, f.open(t, limited, user, 0).ID)
	f.signIn(t, user, client) // lives
	openFor(t, f, user, client, time.Millisecond, time.Millisecond)
	f.advance(time.Second)

	f.end(t, revoked)
	_, err := f.Sessions.End(t.Context(), theft, identity.EndedByTheft)
	require.NoError(t, err)
	require.NoError(t, f.Users.Disable(t.Context(), disabled.ID))
	f.leave(t, left, time.Hour)
	require.NoError(t, f.Users.SetPassword(t.Context(), changed.ID, "another"))
	f.open(t, newSession(user, identity.Client{ID: limited.ClientID}), user, 1)
	requireListed(t, f, want...)
}

func otherEndingsAreListed(t *testing.T, f fixture) {
	forgetEndings(t, f)
	client := f.newClient(t)
	seen, other := sight("wx1", newName()), sight("wx2", newName())
	unlinks := f.requireNew(t, seen)
	f.link(t, unlinks, other)
	opened := newSession(unlinks, client)
	opened.Account = seen.AccountKey
	f.open(t, opened, unlinks, 0)
	f.unlink(t, unlinks, seen, seen.AccountKey)
	want := []string{opened.ID}

	c := newCouple(t, f)
	want = append(want, f.signIn(t, c.retired, client).ID)
	f.join(t, c.retired, c.survivor)
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
	want = append(want, f.signIn(t, before, client).ID, f.witness)
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
	f.advance(tokenLife + time.Minute) // a verifier's leeway, and clocks that differ
	requireListed(t, f, session)
	f.advance(2 * time.Minute)
	requireListed(t, f)
}

func longestLifeCounts(t *testing.T, f fixture) {
	forgetEndings(t, f)
	client := identity.Client{ID: identity.NewClientID(), Name: "Slow", AccessTTL: 3 * tokenLife}
	require.NoError(t, f.Clients.Create(t.Context(), client))
	session := f.signIn(t, f.newUser(t), client).ID
	f.end(t, session)
	f.advance(2 * tokenLife)
	requireListed(t, f, session)
	f.advance(2 * tokenLife)
	requireListed(t, f)
}

func listedAfterDeletion(t *testing.T, f fixture) {
	f.deleteLeft(t)
	forgetEndings(t, f)
	user := f.newUser(t)
	client := identity.Client{ID: identity.NewClientID(), Name: "Slowest", AccessTTL: 24 * time.Hour}
	require.NoError(t, f.Clients.Create(t.Context(), client))
	session := openFor(t, f, user, client, 48*time.Hour, 72*time.Hour)
	f.leave(t, user, 24*time.Hour)
	f.advance(24 * time.Hour) // after which tokens of it may still be taken, by clocks that are late
	require.Equal(t, 1, f.deleteLeft(t))
	requireGone(t, f, user)
	for _, keep := range []time.Duration{25 * time.Hour, 0} {
		endings, err := f.Sessions.Ended(t.Context(), tokenLife, 1000)
		require.NoError(t, err)
		require.Equal(t, []string{session}, endings.SessionIDs)
		prune(t, f, keep, 100)
		f.advance(time.Millisecond)
	}
	prune(t, f, 0, 100)
	endings, err := f.Sessions.Ended(t.Context(), tokenLife, 1000)
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
	f.leave(t, user, 0)
	require.Positive(t, f.deleteLeft(t)) // and whom other test cases left
	check()
}

// endingsRaceListing ends sessions while others list them: whoever lists after an ending was answered finds it.
func endingsRaceListing(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	for n, missed := range together(crowd, func(n int) error {
		mine := f.at(n)
		session := newSession(user, client)
		if _, err := mine.Sessions.Open(t.Context(), session, user.AuthEpoch, lifetimes(), 0); err != nil {
			return err
		}
		if _, err := mine.Sessions.End(t.Context(), session.ID, identity.EndedByUser); err != nil {
			return err
		}
		endings, err := f.at(n+1).Sessions.Ended(t.Context(), tokenLife, 10000)
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
