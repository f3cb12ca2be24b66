package main

import (
	stdsql "database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

// TestDoctorNamesClientsThatWereNotTold that sessions have ended: since no server runs, or since they do not answer.
func TestDoctorNamesClientsThatWereNotTold(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	for _, client := range []string{"waiting", "failing", "told"} {
		o.ok("clients", "create", client, "--grant", "authorization_code", "--redirect-uri", callback,
			"--backchannel-logout-uri", "https://shop.example.com/logout")
	}
	path := filepath.Join(o.folder, "lingpai.db")
	db, err := sql.Open(t.Context(), sql.Options{URL: "sqlite:" + path})
	require.NoError(t, err)
	signInsFromBrowser(t, db, "alice", "waiting", 3)
	failing := signInsFromBrowser(t, db, "bob", "failing", 2)
	signInsFromBrowser(t, db, "carol", "told", 1)
	for _, user := range []string{"alice", "bob"} {
		o.ok("sessions", "revoke", "--user", user)
	}
	requireFinding(t, o.examined(), "notices", statusOK, "all clients know which sessions have ended", "")

	connection, err := stdsql.Open("sqlite", path)
	require.NoError(t, err)
	defer connection.Close()
	_, err = connection.ExecContext(t.Context(), "UPDATE logout_notices SET ended_at = ?",
		time.Now().Add(-150*time.Minute).UnixMilli())
	require.NoError(t, err)
	_, err = connection.ExecContext(t.Context(), "UPDATE logout_notices SET attempts = 7 WHERE client_id = 'failing'")
	require.NoError(t, err)
	require.NoError(t, db.LogoutNotices().GiveUp(t.Context(), identity.LogoutNotice{SessionID: failing[0],
		ClientID: "failing"}, "the client answered 400"))
	require.NoError(t, db.Close())

	findings := o.examined()
	requireFinding(t, findings, "notices", statusWarning, "waiting: 3 logout notices not delivered, the oldest for 2h3",
		"lingpai serve")
	requireFinding(t, findings, "notices", statusWarning, "failing: 1 logout notice not delivered, the oldest for 2h3",
		"lingpai clients update failing --backchannel-logout-uri")
	requireFinding(t, findings, "notices", statusWarning, "failing: 1 logout notice given up within a day",
		"lingpai events list --kind logout_notice.undelivered --client failing")
	for _, f := range findings {
		require.NotContains(t, f.Found, "told:")
	}
}
