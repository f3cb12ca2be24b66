package storagetest

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func endingsListed() []testCase {
	return []testCase{
		{"every ended session is listed, and no active one", everyEndingIsListed},
		{"sessions ended by the limit are not listed", limitedAreNotListed},
		{"sessions ended by an operator, by unlinking an account and by a merge are listed too", otherEndingsAreListed},
		{"a session that had expired long before it was ended is not listed", ranOutIsNotListed},
		{"a session is listed as long as its access tokens may be valid, and a little longer", listedAsLongAsTokens},
		{"the longest lifetime of any client's tokens counts", longestLifeCounts},
		{"eight sessions of a bucket are listed, and its ending covers the others", eightOfABucket},
		{"the sessions of one user do not displace those of others", oneUserWithMany},
		{"of too many users, the latest are listed, and their buckets' endings cover the others", tooManyUsers},
		{"an ending in the future does not cover new tokens", endingsInTheFuture},
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
	require.Empty(t, endings.Buckets)
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
	f.signIn(t, user, client) // stays active
	openFor(t, f, user, client, time.Millisecond, time.Millisecond)
	f.advance(time.Second)

	f.end(t, revoked)
	_, err := f.Sessions.End(t.Context(), theft, identity.EndedByTheft)
	require.NoError(t, err)
	require.NoError(t, f.Users.Disable(t.Context(), disabled.ID))
	f.requestDeletion(t, pending, time.Hour)
	require.NoError(t, f.Users.SetPassword(t.Context(), changed.ID, "another"))
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

// limitedAreNotListed: also not after their user was deleted.
func limitedAreNotListed(t *testing.T, f fixture) {
	forgetEndings(t, f)
	user, client := f.newUser(t), f.newClient(t)
	f.signIn(t, user, client)
	last := f.open(t, newSession(user, client), user, 1).ID
	f.requireLive(t, user, last)
	requireListed(t, f)
	f.requestDeletion(t, user, 0)
	require.Positive(t, f.purge(t))
	requireListed(t, f, last)
}

// usersOfBuckets returns new users of different buckets.
func usersOfBuckets(t *testing.T, f fixture, count int) []identity.User {
	t.Helper()
	byBucket := map[uint16]identity.User{}
	for len(byBucket) < count {
		user := f.newUser(t)
		byBucket[identity.Bucket(user.ID)] = user
	}
	return slices.Collect(maps.Values(byBucket))
}

// endMany ends new sessions of a user one after the other. It returns their ids and when they ended, the latest first.
func endMany(t *testing.T, f fixture, user identity.User, count int) (ids []string, at []time.Time) {
	t.Helper()
	client := f.newClient(t)
	for range count {
		f.advance(time.Second)
		id := f.signIn(t, user, client).ID
		f.end(t, id)
		ids, at = append(ids, id), append(at, f.session(t, id).EndedAt)
	}
	slices.Reverse(ids)
	slices.Reverse(at)
	return ids, at
}

// requireBucket requires the endings of a bucket to be the only ones.
func requireBucket(t *testing.T, endings identity.EndedSessions, user identity.User, at time.Time) {
	t.Helper()
	require.Len(t, endings.Buckets, 1)
	require.Equal(t, identity.Bucket(user.ID), endings.Buckets[0].Bucket)
	sameInstant(t, at, endings.Buckets[0].At)
}

func eightOfABucket(t *testing.T, f fixture) {
	forgetEndings(t, f)
	users := usersOfBuckets(t, f, 2)
	before, _ := endMany(t, f, users[1], 1)
	ids, at := endMany(t, f, users[0], 11)
	check := func() {
		endings := ended(t, f, 1000)
		require.ElementsMatch(t, append(before, ids[:8]...), endings.SessionIDs)
		requireBucket(t, endings, users[0], at[8])
	}
	check()
	f.requestDeletion(t, users[0], 0)
	require.Positive(t, f.purge(t)) // also users of other test cases
	check()

	f.advance(time.Minute)
	_, err := f.Sessions.EndAll(t.Context(), users[1].ID, identity.EndedByOperator)
	require.NoError(t, err)
	openMany(t, f, users[1], f.newClient(t), 10)
	_, err = f.Sessions.EndSince(t.Context(), at[0], identity.EndedByOperator)
	require.NoError(t, err)
	require.Len(t, ended(t, f, 1000).Buckets, 2, "sessions that ended at the same instant are covered, too")
}

func oneUserWithMany(t *testing.T, f fixture) {
	forgetEndings(t, f)
	users := usersOfBuckets(t, f, 16)
	attacked := users[15]
	var others []string
	for _, user := range users[:15] {
		ids, _ := endMany(t, f, user, 1)
		others = append(others, ids...)
	}
	ids, at := endMany(t, f, attacked, 40)
	check := func() {
		endings := ended(t, f, 20)
		require.ElementsMatch(t, append(others, ids[:5]...), endings.SessionIDs)
		requireBucket(t, endings, attacked, at[5])
	}
	check()
	f.requestDeletion(t, attacked, 0)
	f.requestDeletion(t, users[0], 0)
	require.GreaterOrEqual(t, f.purge(t), 2)
	check()
}

func tooManyUsers(t *testing.T, f fixture) {
	forgetEndings(t, f)
	users := usersOfBuckets(t, f, 5)
	var ids []string
	at := map[uint16]time.Time{}
	for _, user := range users {
		latest, times := endMany(t, f, user, 1)
		ids, at[identity.Bucket(user.ID)] = append(ids, latest...), times[0]
	}
	endings := ended(t, f, 3)
	require.ElementsMatch(t, ids[2:], endings.SessionIDs)
	require.Len(t, endings.Buckets, 2)
	require.Less(t, endings.Buckets[0].Bucket, endings.Buckets[1].Bucket)
	for _, ending := range endings.Buckets {
		require.Contains(t, []uint16{identity.Bucket(users[0].ID), identity.Bucket(users[1].ID)}, ending.Bucket)
		sameInstant(t, at[ending.Bucket], ending.At)
	}
	require.Empty(t, ended(t, f, 5).Buckets)
}

// endingsInTheFuture: after the clock was set back, tokens that are issued from then on are younger than the ending of
// the bucket for at least half a minute.
func endingsInTheFuture(t *testing.T, f fixture) {
	forgetEndings(t, f)
	user := usersOfBuckets(t, f, 1)[0]
	ids, at := endMany(t, f, user, 10)
	f.advance(-time.Hour)
	for _, limit := range []int{1000, 9} {
		endings := ended(t, f, limit)
		require.ElementsMatch(t, ids[:8], endings.SessionIDs)
		require.Len(t, endings.Buckets, 1)
		require.True(t, endings.Buckets[0].At.Before(endings.ReadAt.Add(-30*time.Second)))
	}
	f.advance(time.Hour)
	requireBucket(t, ended(t, f, 1000), user, at[8])
}

// endingsRaceListing ends and lists sessions in parallel: a listing that starts after an ending returned must include
// it, or cover it.
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
		found, _, err := mine.Sessions.Find(t.Context(), session.ID)
		covers := func(b identity.EndedBucket) bool {
			return b.Bucket == identity.Bucket(user.ID) && !b.At.Before(found.EndedAt)
		}
		if err == nil && !slices.ContainsFunc(endings.Buckets, covers) {
			err = identity.ErrNotFound
		}
		return err
	}) {
		require.NoError(t, missed, "caller %d", n)
	}
}
