package storagetest

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func sessions() []testCase {
	return []testCase{
		{"a session is found as opened", sessionIsFound},
		{"a session's instants come from the store's clock", sessionInstants},
		{"idle expiry never exceeds the absolute one", idleWithinAbsolute},
		{"an unknown session is not found", unknownSession},
		{"an expired session is found", expiredSession},
	}
}

// lifetimes outlive every test that does not move the clock on purpose.
func lifetimes() identity.Lifetimes {
	return identity.Lifetimes{Idle: 7 * 24 * time.Hour, Absolute: 90 * 24 * time.Hour}
}

// newSession is what somebody who signs in asks the store to keep.
func newSession(user identity.User, client identity.Client) identity.Session {
	id := identity.NewSessionID()
	return identity.Session{
		ID: id, UserID: user.ID, ClientID: client.ID, Scope: "openid profile", Method: identity.MethodPassword,
		AuthTime: user.CreatedAt, SecretHash: sha256.Sum256([]byte(id)), Device: "测试 phone",
	}
}

// signIn opens a session without limit.
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

// requireLive says which sessions of a user are alive, the most recently seen first.
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

// plain lets sessions be compared as values: where a time is shown does not matter, nor does how a list is empty.
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
	seen := sight("wx1", newName())
	user, _ := f.see(t, seen)
	want := newSession(user, f.newClient(t))
	want.Account, want.Method = seen.AccountKey, identity.PlatformWechat
	want.OpenedBy = bytes.Repeat([]byte{0, 0xff}, 16)
	want.AuthTime = f.now(t).Add(-time.Hour).Truncate(time.Millisecond) // proved by a request that is now repeated

	opened := f.open(t, want, user, 0)
	want.IdleExpiresAt, want.ExpiresAt, want.LastSeenAt = opened.IdleExpiresAt, opened.ExpiresAt, opened.LastSeenAt
	require.Equal(t, plain(want), opened)
	require.Equal(t, opened, f.session(t, opened.ID))
	found, now, err := f.Sessions.FindByOpening(t.Context(), want.OpenedBy)
	require.NoError(t, err)
	require.Equal(t, opened, plain(found))
	require.True(t, found.Alive(now))
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
	require.True(t, opened.Alive(now))
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
	require.False(t, found.Alive(now))
	f.requireLive(t, user)
}
