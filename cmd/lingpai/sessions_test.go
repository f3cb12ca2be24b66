package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
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

// TestBrowserSessionsAndConsents: operators see them beside the sessions of clients, and end them.
func TestBrowserSessionsAndConsents(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith("a good password", "users", "create", "alice")
	database, err := sql.Open(t.Context(), sql.Options{URL: "sqlite:" + filepath.Join(o.folder, "lingpai.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, database.Close()) })
	alice, err := database.Users().FindByUsername(t.Context(), "alice")
	require.NoError(t, err)
	lifetimes := identity.Lifetimes{Idle: time.Hour, Absolute: time.Hour}
	browser, err := database.BrowserSessions().Open(t.Context(), identity.BrowserSession{ID: identity.NewSessionID(),
		UserID: alice.ID, Epoch: alice.AuthEpoch, Method: identity.MethodPassword, Device: "a browser"}, lifetimes, "")
	require.NoError(t, err)
	for range 2 {
		_, err = database.Sessions().Open(t.Context(), identity.Session{ID: identity.NewSessionID(), UserID: alice.ID,
			ClientID: "shop", Browser: browser.ID, Method: identity.MethodPassword, AuthTime: browser.AuthTime},
			alice.AuthEpoch, lifetimes, 0)
		require.NoError(t, err)
	}
	rows := o.listed("sessions", "list", "alice")
	require.Len(t, rows, 3)
	require.Equal(t, browser.ID, rows[0]["sid"])
	require.Equal(t, "browser", rows[0]["kind"])
	require.Equal(t, browser.ID, rows[1]["browser_session"])
	require.Contains(t, o.ok("sessions", "list", "alice"), "a browser")
	o.ok("sessions", "revoke", browser.ID)
	require.Empty(t, o.listed("sessions", "list", "alice"))

	require.Empty(t, o.listed("consents", "list", "alice"))
	for _, client := range []string{"forum", "shop"} {
		require.NoError(t, database.Consents().Grant(t.Context(), identity.Consent{UserID: alice.ID, ClientID: client,
			Scopes: []string{"openid", "profile"}}))
	}
	require.Len(t, o.listed("consents", "list", "alice"), 2)
	require.Contains(t, o.ok("consents", "list", "alice"), "openid profile")
	require.Equal(t, "withdrawn for 1 client\n", o.ok("consents", "withdraw", "alice", "shop"))
	require.Contains(t, o.refused("consents", "withdraw", "alice", "shop"), `there is no consent of this user`)
	require.Equal(t, "withdrawn for 1 client\n", o.ok("consents", "withdraw", "alice"))
	require.Contains(t, o.refused("consents", "withdraw", "nobody"), `there is no user "nobody"`)
}
