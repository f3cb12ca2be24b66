package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func limits() []trial {
	return []trial{
		{"the limit ends exactly the least recently seen", limitEndsLeastSeen},
		{"a lowered limit ends all that are too many", loweredLimit},
		{"no limit ends nothing", noLimit},
		{"the limit never ends the new session", limitSparesNew},
		{"the limit counts one user at one client", limitCountsPair},
		{"neither expired nor ended sessions count", limitCountsLive},
	}
}

// openMany opens sessions a minute apart, the first one the least recently seen, and returns their ids.
func (h house) openMany(t *testing.T, user identity.User, client identity.Client, count int) []string {
	t.Helper()
	var ids []string
	for range count {
		ids = append(ids, h.signIn(t, user, client).ID)
		h.advance(time.Minute)
	}
	return ids
}

// touch refreshes a session.
func (h house) touch(t *testing.T, id string) {
	t.Helper()
	session := h.session(t, id)
	from := session.Generation
	session.Generation, session.LastSeenAt = from+1, h.now(t)
	moved, err := h.Sessions.Rotate(t.Context(), session, from)
	require.NoError(t, err)
	require.True(t, moved)
}

func limitEndsLeastSeen(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	ids := h.openMany(t, user, client, 3)
	h.touch(t, ids[0])
	h.advance(time.Minute)
	opened := h.open(t, newSession(user, client), user, 3)
	h.requireLive(t, user, opened.ID, ids[0], ids[2])

	ended := h.session(t, ids[1])
	require.Equal(t, identity.EndedByLimit, ended.EndReason)
	between(t, opened.LastSeenAt, h.now(t), ended.EndedAt)
	require.NotEmpty(t, h.eventsOf(t, identity.EventSessionEnded, user.ID))
}

func loweredLimit(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	ids := h.openMany(t, user, client, 5)
	opened := h.open(t, newSession(user, client), user, 2)
	h.requireLive(t, user, opened.ID, ids[4])
}

func noLimit(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	ids := h.openMany(t, user, client, 25)
	slices.Reverse(ids)
	h.requireLive(t, user, ids...)
}

// limitSparesNew opens sessions faster than the clock ticks, so that all are equally recent.
func limitSparesNew(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	for range 20 {
		opened := h.open(t, newSession(user, client), user, 1)
		h.requireLive(t, user, opened.ID)
	}
}

func limitCountsPair(t *testing.T, h house) {
	user, other, client, elsewhere := h.newUser(t), h.newUser(t), h.newClient(t), h.newClient(t)
	first := h.signIn(t, user, elsewhere)
	h.advance(time.Minute)
	second := h.signIn(t, other, client)
	third := h.open(t, newSession(user, client), user, 1)
	h.requireLive(t, user, third.ID, first.ID)
	h.requireLive(t, other, second.ID)
}

func limitCountsLive(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	oldest := h.openMany(t, user, client, 1)[0]
	short, err := h.Sessions.Open(t.Context(), newSession(user, client), user.AuthEpoch,
		identity.Lifetimes{Idle: time.Minute, Absolute: time.Hour}, 0)
	require.NoError(t, err)
	ended := h.openMany(t, user, client, 1)[0]
	done, err := h.Sessions.End(t.Context(), ended, identity.EndedByClient)
	require.NoError(t, err)
	require.True(t, done)

	opened := h.open(t, newSession(user, client), user, 2)
	h.requireLive(t, user, opened.ID, oldest)
	require.True(t, h.session(t, short.ID).EndedAt.IsZero(), "it expired, nobody ended it")
	require.Equal(t, identity.EndedByClient, h.session(t, ended).EndReason)
}
