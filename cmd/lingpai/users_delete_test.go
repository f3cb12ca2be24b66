package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/sql"
)

// pruned purges users whose grace period has ended, as a server does.
func (o userRecords) pruned() (deleted int) {
	o.t.Helper()
	database, err := sql.Open(context.Background(), sql.Options{URL: "sqlite:" + filepath.Join(o.folder, "lingpai.db")})
	require.NoError(o.t, err)
	defer database.Close()
	deleted, err = database.Deletions().PurgeDeleted(context.Background(), 10)
	require.NoError(o.t, err)
	return deleted
}

func TestAnOperatorDeletesAUserAndCancelsIt(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	sub := o.seen(atApp("wx1", "openid", ""))[0]
	require.Contains(t, o.ok("users", "delete", sub),
		sub+" would be deleted with 1 account, and no sessions would end")
	user, _ := o.shown(sub)
	require.NotContains(t, user, "deletes_at", "it was a preview")
	require.Contains(t, o.refused("users", "undelete", sub), "no deletion of "+sub+" is scheduled")

	require.Contains(t, o.ok("users", "delete", sub, "--yes"), "to cancel: lingpai users undelete "+sub)
	user, _ = o.shown(sub)
	at, err := time.Parse(time.RFC3339, user["deletes_at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(336*time.Hour), at, time.Minute)
	require.Contains(t, o.ok("users", "delete", sub), sub+" is already scheduled for deletion")
	require.Zero(t, o.pruned())
	require.Contains(t, o.ok("users", "undelete", sub), sub+" will not be deleted")
	user, _ = o.shown(sub)
	require.NotContains(t, user, "deletes_at")

	o.ok("users", "delete", sub, "--yes")
	o.ok("users", "delete", sub, "--grace", "0s", "--yes")
	require.Equal(t, 1, o.pruned())
	require.Contains(t, o.refused("users", "show", sub), "there is no user")
	require.NotEqual(t, sub, o.seen(atApp("wx1", "openid", ""))[0])
}

func TestADisabledUserIsDeletedByAnOperatorAlone(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	sub := o.seen(atApp("wx1", "openid", ""))[0]
	o.ok("users", "disable", sub)
	require.Contains(t, o.ok("users", "delete", sub),
		"is disabled; after the deletion their accounts can sign in again as a new user")
	require.Zero(t, o.pruned())
	o.ok("users", "delete", sub, "--grace", "0s", "--yes")
	user, _ := o.shown(sub)
	require.NotEmpty(t, user["disabled_at"])
	require.Equal(t, 1, o.pruned())
}

func TestAUserWhoCannotBeDeletedStays(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith("a good password", "users", "create", "alice")
	retired, survivor := o.duplicates("UNION")
	o.ok("users", "merge", retired, survivor, "--yes")
	for _, command := range [][]string{{"delete", retired}, {"delete", retired, "--yes"}, {"keep", retired},
		{"set-password", retired}} {
		message := o.refusedWith("a good password", append([]string{"users"}, command...)...)
		require.Contains(t, message, retired+" was merged into "+survivor+": use that user")
	}
	require.Contains(t, o.refused("users", "delete", "alice", "--grace", "-1h", "--yes"),
		"--grace: must be at least 0s")
	for _, command := range []string{"delete", "keep"} {
		require.Contains(t, o.refused("users", command, "nobody"), `there is no user "nobody"`)
	}
	require.Zero(t, o.pruned())
}
