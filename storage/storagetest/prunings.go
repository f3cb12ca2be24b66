package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func prunings() []testCase {
	return []testCase{
		{"sessions that have been over for a long time are deleted, whether ended or expired", pruneDeletes},
		{"active sessions and those that have not been over for long are kept", pruneKeeps},
		{"batches cover all sessions and start again", pruneWalks},
		{"active sessions can be refreshed during pruning, and are kept", pruneRacesRotate},
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
