package storagetest

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func sessions() []testCase {
	return []testCase{
		{"a session is found as opened", sessionIsFound},
		{"a session's times come from the store's clock", sessionInstants},
		{"the idle expiry is never after the absolute one", idleWithinAbsolute},
		{"an unknown session is not found", unknownSession},
		{"an expired session is found", expiredSession},
	}
}

// lifetimes returns lifetimes that no test reaches without advancing the clock.
func lifetimes() identity.Lifetimes {
	return identity.Lifetimes{Idle: 7 * 24 * time.Hour, Absolute: 90 * 24 * time.Hour}
}

// newSession returns a session as a sign-in opens it.
func newSession(user identity.User, client identity.Client) identity.Session {
	id := identity.NewSessionID()
	return identity.Session{
		ID: id, UserID: user.ID, ClientID: client.ID, Scope: "openid profile", Method: identity.MethodPassword,
		AuthTime: user.CreatedAt, SecretHash: sha256.Sum256([]byte(id)), Device: "测试 phone",
	}
}

// signIn opens a session, without a limit.
func (f fixture) signIn(t *testing.T, user identity.User, client identity.Client) identity.Session {
	t.Helper()
	return f.open(t, newSession(user, client), user, 0)
}

func (f fixture) open(t *testing.T, session identity.Session, user identity.User, limit int) identity.Session {
	t.Helper()
	opened, err := f.Sessions.Open(t.Context(), session, user.AuthEpoch, lifetimes(), limit)
	require.NoError(t, err)
	return plain(opened)
}

func (f fixture) session(t *testing.T, id string) identity.Session {
	t.Helper()
	session, _, err := f.Sessions.Find(t.Context(), id)
	require.NoError(t, err)
	return plain(session)
}

// requireLive requires exactly these sessions of a user to be active, the most recently seen first.
func (f fixture) requireLive(t *testing.T, user identity.User, want ...string) {
	t.Helper()
	live, err := f.Sessions.List(t.Context(), user.ID)
	require.NoError(t, err)
	ids := []string{}
	for _, session := range live {
		require.Equal(t, user.ID, session.UserID)
		ids = append(ids, session.ID)
	}
	require.Equal(t, append([]string{}, want...), ids)
}

// plain returns a session that can be compared: with times in UTC and without a nil list.
func plain(session identity.Session) identity.Session {
	for _, at := range []*time.Time{
		&session.AuthTime, &session.IdleExpiresAt, &session.ExpiresAt, &session.LastSeenAt, &session.EndedAt,
	} {
		*at = at.UTC()
	}
	rotations := []identity.Rotation{}
	for _, rotation := range session.Rotations {
		rotation.At = rotation.At.UTC()
		rotations = append(rotations, rotation)
	}
	session.Rotations = rotations
	return session
}

func sessionIsFound(t *testing.T, f fixture) {
	external := newIdentity("wx1")
	user, _ := f.findOrCreate(t, external)
	want := newSession(user, f.newClient(t))
	want.Account, want.Method = external.AccountKey, identity.PlatformWechat
	want.Resources = []string{"https://orders.example.com", "urn:example:stock"}
	want.Claims = identity.RequestedClaims{IDToken: []string{"email"}, UserInfo: []string{"address", "email"}}
	want.OpenedBy = bytes.Repeat([]byte{0, 0xff}, 16)
	want.AuthTime = f.now(t).Add(-time.Hour).Truncate(time.Millisecond) // of the original request

	opened := f.open(t, want, user, 0)
	want.IdleExpiresAt, want.ExpiresAt, want.LastSeenAt = opened.IdleExpiresAt, opened.ExpiresAt, opened.LastSeenAt
	require.Equal(t, plain(want), opened)
	require.Equal(t, opened, f.session(t, opened.ID))
	found, now, err := f.Sessions.FindByOpening(t.Context(), want.OpenedBy)
	require.NoError(t, err)
	require.Equal(t, opened, plain(found))
	require.True(t, found.Active(now))
}

func sessionInstants(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	f.advance(30 * 24 * time.Hour) // far from this process's clock
	before := f.now(t)
	session := newSession(user, client)
	session.IdleExpiresAt, session.ExpiresAt, session.LastSeenAt = time.Now(), time.Now(), time.Now()
	opened := f.open(t, session, user, 0)
	between(t, before, f.now(t), opened.LastSeenAt)
	sameInstant(t, opened.LastSeenAt.Add(lifetimes().Idle), opened.IdleExpiresAt)
	sameInstant(t, opened.LastSeenAt.Add(lifetimes().Absolute), opened.ExpiresAt)
	_, now, err := f.Sessions.Find(t.Context(), opened.ID)
	require.NoError(t, err)
	require.True(t, opened.Active(now))
}

func idleWithinAbsolute(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	opened, err := f.Sessions.Open(t.Context(), newSession(user, client), user.AuthEpoch,
		identity.Lifetimes{Idle: 7 * 24 * time.Hour, Absolute: time.Hour}, 0)
	require.NoError(t, err)
	require.Equal(t, opened.ExpiresAt.UTC(), opened.IdleExpiresAt.UTC())
	sameInstant(t, opened.LastSeenAt.Add(time.Hour), opened.ExpiresAt)
}

func unknownSession(t *testing.T, f fixture) {
	f.signIn(t, f.newUser(t), f.newClient(t))
	_, _, err := f.Sessions.Find(t.Context(), identity.NewSessionID())
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, _, err = f.Sessions.FindByOpening(t.Context(), []byte(newName()))
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func expiredSession(t *testing.T, f fixture) {
	user := f.newUser(t)
	opened := f.signIn(t, user, f.newClient(t))
	f.advance(lifetimes().Idle)
	found, now, err := f.Sessions.Find(t.Context(), opened.ID)
	require.NoError(t, err)
	require.Equal(t, opened, plain(found))
	require.False(t, found.Active(now))
	f.requireLive(t, user)
}

// openings returns the test cases in which a session is not opened.
func openings() []testCase {
	return []testCase{
		{"sessions without an opening are not found by one", noOpening},
		{"an opening that is taken is rejected and changes nothing", openingIsTaken},
		{"one of several parallel sign-ins with one opening succeeds", often(parallelOpenings)},
		{"a disabled user cannot open a session", staleByDisable},
		{"an outdated epoch cannot open a session", staleByEpoch},
		{"an unknown user cannot open a session", unknownUserOpens},
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

	repeated := newSession(user, client)
	repeated.OpenedBy = first.OpenedBy
	refused := func() {
		_, err := f.Sessions.Open(t.Context(), repeated, user.AuthEpoch, lifetimes(), 1)
		require.ErrorIs(t, err, identity.ErrExists)
		_, _, err = f.Sessions.Find(t.Context(), repeated.ID)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
	refused()
	f.requireLive(t, user, second.ID, first.ID) // the limit was not enforced for a rejected session
	_, err := f.Sessions.End(t.Context(), first.ID, identity.EndedByClient)
	require.NoError(t, err)
	refused() // a proof can be used once, even if the session has ended
}

func parallelOpenings(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	openedBy := []byte(newName())
	ids := make([]string, callers)
	winner := requireOneWinner(t, inParallel(callers, func(n int) won {
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

// requireStale also passes a limit, which must not be enforced for a session that is not opened.
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

func limits() []testCase {
	return []testCase{
		{"the limit ends exactly the least recently seen sessions", limitEndsLeastSeen},
		{"a lowered limit ends all sessions beyond it", loweredLimit},
		{"without a limit no session ends", noLimit},
		{"the limit never ends the new session", limitSparesNew},
		{"the limit counts the sessions of one user at one client", limitCountsPair},
		{"expired and ended sessions do not count", limitCountsLive},
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

// limitSparesNew opens sessions faster than the clock advances, so that all are equally recent.
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
	require.True(t, f.session(t, short.ID).EndedAt.IsZero(), "it expired and was not ended")
	require.Equal(t, identity.EndedByClient, f.session(t, ended).EndReason)
}
