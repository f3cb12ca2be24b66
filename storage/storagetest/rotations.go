package storagetest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func rotations() []testCase {
	return []testCase{
		{"a rotation writes its four fields and no other", rotationWrites},
		{"rotations are read exactly as written", rotationsComeBack},
		{"a rotation from another generation changes nothing", rotationFromElsewhere},
		{"a rotation of an ended or unknown session changes nothing", rotationOfEnded},
		{"one of several parallel rotations from one generation succeeds", often(parallelRotations)},
		{"a generation can be the largest uint32", largestGeneration},
	}
}

// rotated returns the session as a refresh writes it.
func rotated(session identity.Session, at time.Time, keyHash []byte) identity.Session {
	at = at.Truncate(time.Millisecond).UTC()
	latest := identity.Rotation{Lowest: session.Generation, Highest: session.Generation, At: at, KeyHash: keyHash}
	kept := min(len(session.Rotations), identity.MaxRotations-1)
	session.Rotations = append([]identity.Rotation{latest}, session.Rotations[:kept]...)
	session.Generation++
	session.LastSeenAt, session.IdleExpiresAt = at, at.Add(time.Hour)
	return session
}

// keyHash returns a hash of an idempotency key.
func keyHash(n int) []byte {
	return fmt.Appendf(nil, "\x00%0*d", identity.KeyHashSize-1, n)
}

func requireUnmoved(t *testing.T, f fixture, next identity.Session, from uint32) {
	t.Helper()
	moved, err := f.Sessions.Rotate(t.Context(), next, from)
	require.NoError(t, err)
	require.False(t, moved)
}

func requireMoved(t *testing.T, f fixture, next identity.Session, from uint32) {
	t.Helper()
	moved, err := f.Sessions.Rotate(t.Context(), next, from)
	require.NoError(t, err)
	require.True(t, moved)
}

func rotationWrites(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	session, bystander := newSession(user, client), f.signIn(t, user, client)
	session.OpenedBy = []byte(newName())
	session = f.open(t, session, user, 0)
	f.advance(time.Minute)
	next := rotated(session, f.now(t), keyHash(1))
	tampered := next
	tampered.UserID, tampered.ClientID, tampered.Scope, tampered.Method = identity.NewUserID(), "other", "admin",
		"other"
	tampered.Account = identity.AccountKey{Platform: "other", App: "other", Subject: "other"}
	tampered.AuthTime, tampered.ExpiresAt = f.now(t), f.now(t).AddDate(1, 0, 0)
	tampered.OpenedBy, tampered.SecretHash, tampered.Device = []byte("other"), [32]byte{1}, "other"
	tampered.EndedAt, tampered.EndReason = f.now(t), "other"
	requireMoved(t, f, tampered, session.Generation)
	require.Equal(t, plain(next), f.session(t, session.ID))
	require.Equal(t, bystander, f.session(t, bystander.ID))
	f.requireLive(t, user, session.ID, bystander.ID)
}

func rotationsComeBack(t *testing.T, f fixture) {
	session := f.signIn(t, f.newUser(t), f.newClient(t))
	at := f.now(t).Truncate(time.Millisecond).UTC()
	for n := range identity.MaxRotations + 3 {
		at = at.Add(1234567 * time.Millisecond)
		from := session.Generation
		session = rotated(session, at, nil)
		switch n % 4 {
		case 1:
			session.Rotations[0].KeyHash = keyHash(n)
		case 2: // the row had lost its last commits
			session.Rotations[0].Highest += 1000
			session.Generation += 1000
			session.Rotations[0].Lost = true
			if n > 4 {
				session.Rotations[0].KeyHash = keyHash(n)
			}
		case 3: // two rotations became one
			session.Rotations[0].Highest++
			session.Generation++
		}
		requireMoved(t, f, session, from)
		require.Equal(t, plain(session), f.session(t, session.ID))
	}
	require.Len(t, session.Rotations, identity.MaxRotations)
}

func rotationFromElsewhere(t *testing.T, f fixture) {
	session := f.signIn(t, f.newUser(t), f.newClient(t))
	first := rotated(session, f.now(t), nil)
	requireMoved(t, f, first, 0)
	requireUnmoved(t, f, rotated(session, f.now(t), keyHash(2)), 0)
	requireUnmoved(t, f, rotated(first, f.now(t), keyHash(2)), 2)
	requireUnmoved(t, f, rotated(first, f.now(t), keyHash(2)), math.MaxUint32)
	require.Equal(t, plain(first), f.session(t, session.ID))
}

func rotationOfEnded(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	session := f.signIn(t, user, client)
	_, err := f.Sessions.End(t.Context(), session.ID, identity.EndedByTheft)
	require.NoError(t, err)
	ended := f.session(t, session.ID)
	requireUnmoved(t, f, rotated(session, f.now(t), nil), 0)
	require.Equal(t, ended, f.session(t, session.ID))
	requireUnmoved(t, f, rotated(newSession(user, client), f.now(t), nil), 0)
}

func parallelRotations(t *testing.T, f fixture) {
	session := f.signIn(t, f.newUser(t), f.newClient(t))
	next := make([]identity.Session, callers)
	now := f.now(t)
	for n := range next {
		next[n] = rotated(session, now.Add(time.Duration(n)*time.Second), keyHash(n))
	}
	winner := requireOneWinner(t, inParallel(callers, func(n int) (moved won) {
		moved.won, moved.err = f.at(n).Sessions.Rotate(t.Context(), next[n], session.Generation)
		return moved
	}))
	require.Equal(t, plain(next[winner]), f.session(t, session.ID))
}

func largestGeneration(t *testing.T, f fixture) {
	session := f.signIn(t, f.newUser(t), f.newClient(t))
	for _, generation := range []uint32{math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32 - 1, math.MaxUint32} {
		from := session.Generation
		session = rotated(session, f.now(t), nil)
		session.Rotations[0].Highest, session.Generation = generation-1, generation
		requireMoved(t, f, session, from)
		require.Equal(t, plain(session), f.session(t, session.ID))
	}
	requireUnmoved(t, f, rotated(session, f.now(t), nil), 0)
	requireUnmoved(t, f, rotated(session, f.now(t), nil), math.MaxUint32-1)
	require.Equal(t, plain(session), f.session(t, session.ID))
}
