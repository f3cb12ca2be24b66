package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func limits() []testCase {
	return []testCase{
		{"the limit ends exactly the least recently seen", limitEndsLeastSeen},
		{"a lowered limit ends all that are too many", loweredLimit},
		{"no limit ends nothing", noLimit},
		{"the limit never ends the new session", limitSparesNew},
		{"the limit counts one user at one client", limitCountsPair},
		{"neither expired nor ended sessions count", limitCountsLive},
	}
}

// openMany opens sessions a minute apart, the first one the least recently seen, and returns their ids.
func openMany(t *testing.T, f fixture, user identity.User, client identity.Client, count int) []string {
	t.Helper()
	var ids []string
	for range count {
		ids = append(ids, f.signIn(t, user, client).ID)
		f.advance(time.Minute)
	}
	return ids
}

// touch refreshes a session.
func touch(t *testing.T, f fixture, id string) {
	t.Helper()
	session := f.session(t, id)
	from := session.Generation
	session.Generation, session.LastSeenAt = from+1, f.now(t)
	moved, err := f.Sessions.Rotate(t.Context(), session, from)
	require.NoError(t, err)
	require.True(t, moved)
}

func limitEndsLeastSeen(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	ids := openMany(t, f, user, client, 3)
	touch(t, f, ids[0])
	f.advance(time.Minute)
	opened := f.open(t, newSession(user, client), user, 3)
	f.requireLive(t, user, opened.ID, ids[0], ids[2])

	ended := f.session(t, ids[1])
	require.Equal(t, identity.EndedByLimit, ended.EndReason)
	between(t, opened.LastSeenAt, f.now(t), ended.EndedAt)
	require.NotEmpty(t, f.eventsOf(t, identity.EventSessionEnded, user.ID))
}

func loweredLimit(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	ids := openMany(t, f, user, client, 5)
	opened := f.open(t, newSession(user, client), user, 2)
	f.requireLive(t, user, opened.ID, ids[4])
}

func noLimit(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	ids := openMany(t, f, user, client, 25)
	slices.Reverse(ids)
	f.requireLive(t, user, ids...)
}

// limitSparesNew opens sessions faster than the clock ticks, so that all are equally recent.
func limitSparesNew(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	for range 20 {
		opened := f.open(t, newSession(user, client), user, 1)
		f.requireLive(t, user, opened.ID)
	}
}

func limitCountsPair(t *testing.T, f fixture) {
	user, other, client, elsewhere := f.newUser(t), f.newUser(t), f.newClient(t), f.newClient(t)
	first := f.signIn(t, user, elsewhere)
	f.advance(time.Minute)
	second := f.signIn(t, other, client)
	third := f.open(t, newSession(user, client), user, 1)
	f.requireLive(t, user, third.ID, first.ID)
	f.requireLive(t, other, second.ID)
}

func limitCountsLive(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	oldest := openMany(t, f, user, client, 1)[0]
	short, err := f.Sessions.Open(t.Context(), newSession(user, client), user.AuthEpoch,
		identity.Lifetimes{Idle: time.Minute, Absolute: time.Hour}, 0)
	require.NoError(t, err)
	ended := openMany(t, f, user, client, 1)[0]
	done, err := f.Sessions.End(t.Context(), ended, identity.EndedByClient)
	require.NoError(t, err)
	require.True(t, done)

	opened := f.open(t, newSession(user, client), user, 2)
	f.requireLive(t, user, opened.ID, oldest)
	require.True(t, f.session(t, short.ID).EndedAt.IsZero(), "it expired, nobody ended it")
	require.Equal(t, identity.EndedByClient, f.session(t, ended).EndReason)
}
