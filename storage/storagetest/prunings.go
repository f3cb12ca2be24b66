package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func prunings() []trial {
	return []trial{
		{"what has been over for long is deleted, however it came to be over", pruneDeletes},
		{"what lives or has not been over for long is kept", pruneKeeps},
		{"batches walk over all sessions and begin again", pruneWalks},
		{"live sessions are refreshed and kept meanwhile", pruneRacesRotate},
	}
}

// prune goes on to the end of the walk and returns how many sessions it deleted.
func (h house) prune(t *testing.T, keep time.Duration, batch int) int {
	t.Helper()
	deleted := 0
	for range 1000 {
		pruned, end, err := h.Sessions.Prune(t.Context(), keep, batch)
		require.NoError(t, err)
		require.LessOrEqual(t, pruned, batch)
		deleted += pruned
		if end {
			return deleted
		}
	}
	require.Fail(t, "the walk does not end")
	return 0
}

func (h house) requirePruned(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		_, _, err := h.Sessions.Find(t.Context(), id)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
}

// openFor opens a session with lifetimes of its own.
func (h house) openFor(t *testing.T, user identity.User, client identity.Client, idle, absolute time.Duration) string {
	t.Helper()
	opened, err := h.Sessions.Open(t.Context(), newSession(user, client), user.AuthEpoch,
		identity.Lifetimes{Idle: idle, Absolute: absolute}, 0)
	require.NoError(t, err)
	return opened.ID
}

func (h house) end(t *testing.T, id string) {
	t.Helper()
	ended, err := h.Sessions.End(t.Context(), id, identity.EndedByClient)
	require.NoError(t, err)
	require.True(t, ended)
}

func pruneDeletes(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	idled := h.openFor(t, user, client, time.Minute, 1000*time.Hour)
	expired := h.openFor(t, user, client, time.Minute, time.Minute)
	ended := h.signIn(t, user, client).ID
	h.end(t, ended)
	live := h.signIn(t, user, client)
	h.advance(24*time.Hour + 2*time.Minute)
	require.Equal(t, 3, h.prune(t, 24*time.Hour, 100))
	h.requirePruned(t, idled, expired, ended)
	h.requireLive(t, user, live.ID)
	require.Zero(t, h.prune(t, 24*time.Hour, 100))
}

func pruneKeeps(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	idled := h.openFor(t, user, client, time.Minute, 1000*time.Hour)
	ended := h.signIn(t, user, client).ID
	h.end(t, ended)
	live := h.signIn(t, user, client)
	h.advance(23 * time.Hour)
	require.Zero(t, h.prune(t, 24*time.Hour, 100))
	require.Equal(t, identity.EndedByClient, h.session(t, ended).EndReason)
	h.session(t, idled)
	require.Equal(t, live, h.session(t, live.ID))
	h.advance(2 * time.Hour)
	require.Equal(t, 2, h.prune(t, 24*time.Hour, 100), "it has been over for long now")
}

func pruneWalks(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	var over, live []string
	for range 10 {
		over = append(over, h.openFor(t, user, client, time.Minute, time.Hour))
		live = append([]string{h.signIn(t, user, client).ID}, live...)
		h.advance(time.Second)
	}
	h.advance(2 * time.Hour)
	pruned, end, err := h.Sessions.Prune(t.Context(), time.Hour, 3)
	require.NoError(t, err)
	require.False(t, end, "there are more than three")
	require.Equal(t, 10, pruned+h.prune(t, time.Hour, 3))
	h.requirePruned(t, over...)
	h.requireLive(t, user, live...)

	for _, id := range live { // what the walk has passed
		h.end(t, id)
	}
	h.advance(2 * time.Hour)
	require.Equal(t, 10, h.prune(t, time.Hour, 1))
}

func pruneRacesRotate(t *testing.T, h house) {
	user, client := h.newUser(t), h.newClient(t)
	sessions := make([]identity.Session, crowd)
	for n := range sessions {
		sessions[n] = h.signIn(t, user, client)
	}
	answers := together(crowd+1, func(n int) (moved won) {
		if n == crowd {
			_, _, moved.err = h.Sessions.Prune(t.Context(), 0, 1000)
			return moved
		}
		next := rotated(sessions[n], sessions[n].LastSeenAt, nil)
		moved.won, moved.err = h.Sessions.Rotate(t.Context(), next, 0)
		return moved
	})
	for n, moved := range answers {
		require.NoError(t, moved.err)
		require.Equal(t, n < crowd, moved.won)
	}
	for _, session := range sessions {
		require.EqualValues(t, 1, h.session(t, session.ID).Generation)
	}
}
