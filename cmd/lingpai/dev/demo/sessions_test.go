package demo

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSessionsAreBounded: a new browser takes the place of the one that was away the longest, and a new attempt that of
// the oldest one.
func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	var s sessions
	first := s.remember("", attempt{state: "first"})
	second := s.remember("unknown", attempt{state: "second"})
	require.NotEqual(t, "unknown", second, "a browser cannot choose the id")
	for n := range maxSessions - 1 {
		_, found := s.attempt(first, "first") // it is used again and again
		require.True(t, found)
		s.remember("", attempt{state: strconv.Itoa(n)})
	}
	require.Len(t, s.byID, maxSessions)
	_, found := s.find(second)
	require.False(t, found)

	for n := range maxAttempts {
		require.Equal(t, first, s.remember(first, attempt{state: strconv.Itoa(n)}))
	}
	_, found = s.attempt(first, "first")
	require.False(t, found)
	for n := range maxAttempts {
		_, found = s.attempt(first, strconv.Itoa(n))
		require.True(t, found)
	}
}

// TestAnAttemptIsTakenOnce, and those of other tabs outlive a sign-in, which gives the session a new id.
func TestAnAttemptIsTakenOnce(t *testing.T) {
	t.Parallel()
	var s sessions
	one, other := attempt{state: "1"}, attempt{state: "2"}
	id := s.remember(s.remember("", one), other)
	require.True(t, s.take(id, one))
	require.False(t, s.take(id, one))
	next := s.signedIn(id, &tokens{user: "demo"})
	require.NotEqual(t, id, next)
	require.False(t, s.take(id, other))
	require.True(t, s.take(next, other))
	found, _ := s.find(next)
	require.Equal(t, "demo", found.tokens.user)
}
