package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSessionsAreListedAndRevokedOneByOne(t *testing.T) {
	t.Parallel()
	h := newTestServer(t)
	require.Empty(t, h.listed("sessions", "list", "alice"))
	first, second := h.session(), h.session()
	rows := h.listed("sessions", "list", "alice")
	require.Len(t, rows, 2)
	require.Equal(t, rows, h.listed("sessions", "list", h.listed("users", "list")[0]["sub"].(string)))
	require.Equal(t, "backend", rows[0]["client_id"])
	require.Contains(t, h.ok("sessions", "list", "alice"), rows[0]["sid"])
	for _, row := range rows {
		require.Equal(t, "ended 1 session\n", h.ok("sessions", "revoke", row["sid"].(string)))
	}
	require.False(t, h.refreshes(first))
	require.False(t, h.refreshes(second))
	require.Contains(t, h.refused("sessions", "revoke", rows[0]["sid"].(string)), "there is no active session")
	require.Contains(t, h.refused("sessions", "list", "nobody"), `there is no user "nobody"`)
}

func TestAllSessionsOfAUserAreRevoked(t *testing.T) {
	t.Parallel()
	h := newTestServer(t)
	token := h.session()
	require.Contains(t, h.refused("sessions", "revoke", "--user", "nobody"), `there is no user "nobody"`)
	require.Equal(t, "ended 1 session\n", h.ok("sessions", "revoke", "--user", "alice"))
	require.Equal(t, "ended no sessions\n", h.ok("sessions", "revoke", "--user", "alice"))
	require.False(t, h.refreshes(token))
}

func TestSessionsUsedSinceAnInstantAreRevoked(t *testing.T) {
	t.Parallel()
	h := newTestServer(t)
	token := h.session()
	later := time.Now().Add(time.Hour).Format(time.RFC3339)
	require.Equal(t, "ended no sessions\n", h.ok("sessions", "revoke", "--since", later))
	require.True(t, h.refreshes(token))
	earlier := time.Now().Add(-time.Minute).Format(time.RFC3339)
	require.Equal(t, "ended 1 session\n", h.ok("sessions", "revoke", "--since", earlier))
	require.False(t, h.refreshes(token))
}

func TestRevokeNeedsExactlyOneValidSelection(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	for _, args := range [][]string{nil, {"--user", ""}, {"x", "--user", "alice"}, {"--user", "alice", "--since",
		"2026-11-20T08:00:00Z"}} {
		require.Contains(t, o.refused(append([]string{"sessions", "revoke"}, args...)...),
			"give exactly one of: a SID, --user, --before, --since")
	}
	require.Contains(t, o.refused("sessions", "revoke", "--since", "yesterday"), "--since: ")
}
