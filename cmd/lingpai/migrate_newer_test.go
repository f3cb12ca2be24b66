package main

import (
	stdsql "database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

// TestAnOlderServerWhileANewerVersionMigrates is a rolling upgrade, and a rollback by starting the older version again.
func TestAnOlderServerWhileANewerVersionMigrates(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		o := migrated(t, loopbackIssuer, nowhere)
		olderServer(t, o, "sqlite", filepath.Join(o.folder, "lingpai.db"))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		url := dbtest.PostgreSQL(t)
		olderServer(t, migrated(t, loopbackIssuer, nowhere, "LINGPAI_DATABASE_URL="+url), "pgx", url)
	})
}

func olderServer(t *testing.T, o *operator, driver, source string) {
	t.Helper()
	database, err := stdsql.Open(driver, source)
	require.NoError(t, err)
	t.Cleanup(func() { database.Close() })
	does := func(statement string) {
		_, err := database.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	secret, _ := o.object("", "clients", "create", "service", "--grant", "client_credentials", "--audience",
		audience)["client_secret"].(string)
	_, base := o.serves()

	does("ALTER TABLE clients ADD COLUMN newer TEXT")
	does("INSERT INTO lingpai_migrations (version_id, is_applied) VALUES (9999, TRUE)")
	_, restarted := o.serves()
	for _, server := range []string{base, restarted} {
		require.Equal(t, http.StatusOK, get(t, server+"/readyz").status)
		require.Equal(t, http.StatusOK,
			postForm(t, server+"/token", "service", secret, "grant_type", "client_credentials").status)
	}
	o.ok("clients", "list")
	requireFinding(t, o.examined(), "migrations", statusOK,
		"a newer version's (9999), and this version can run on it", "")
	require.Contains(t, o.ok("migrate", "up"), "nothing to do: a newer version has migrated the database to 9999")
	status := o.listed("migrate", "status")
	require.Equal(t, "9999", status[len(status)-1]["name"])
	require.Equal(t, true, status[len(status)-1]["unknown"])
	require.Contains(t, o.ok("migrate", "status"), "9999 (of a newer version)")
	require.Contains(t, o.refused("migrate", "down", "--lose-data"), "migration 9999 is a newer version's")
	require.Equal(t, status, o.listed("migrate", "status"), "nothing was undone")

	require.NoError(t, o.opens().Marks().Mark(t.Context(), "oldest_program", "9999"))
	const reason = "it was migrated by a newer version (9999, this one knows "
	require.Eventually(t, func() bool { // a result is kept for a while
		ready := get(t, base+"/readyz")
		return ready.status == http.StatusServiceUnavailable &&
			strings.Contains(fmt.Sprint(ready.members["checks"]), reason)
	}, patience, 50*time.Millisecond)
	for _, command := range [][]string{{"serve"}, {"clients", "list"}, {"migrate", "up"}} {
		require.Contains(t, o.refused(command...), reason, command)
	}
	requireFinding(t, o.examined(), "migrations", statusFault, reason, "use that version")
}
