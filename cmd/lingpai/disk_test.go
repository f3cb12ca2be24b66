package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

// onDisk returns an operator whose database is on a disk, with a client and a user.
func onDisk(t *testing.T, disk *dbtest.Disk) *operator {
	t.Helper()
	o := newOperator(t, loopbackIssuer, nowhere, "LINGPAI_MASTER_KEY="+aKey, "LINGPAI_METRICS_ADDR=127.0.0.1:0",
		"LINGPAI_DATABASE_URL=sqlite:"+filepath.Join(disk.Folder, "lingpai.db"))
	o.ok("migrate", "up")
	o.ok("clients", "create", "shop", "--grant", "password", "--grant", "refresh_token", "--public",
		"--first-party")
	o.okWith("a good password", "users", "create", "bob")
	return o
}

func signInBob(t *testing.T, base string) reply {
	t.Helper()
	return postForm(t, base+"/token", "shop", "", "grant_type", "password", "username", "bob",
		"password", "a good password")
}

func refreshed(t *testing.T, base, token string) reply {
	t.Helper()
	return postForm(t, base+"/token", "shop", "", "grant_type", "refresh_token", "refresh_token", token)
}

// TestAServerOnAFullDisk refuses with 503, loses nothing that it has acknowledged, and goes on when there is space.
func TestAServerOnAFullDisk(t *testing.T) {
	t.Parallel()
	disk := dbtest.SmallDisk(t)
	o := onDisk(t, disk)
	p, base := o.serves()
	metrics := fmt.Sprintf("http://%s/metrics", p.logged("metrics")["addr"])
	answered := signInBob(t, base)
	require.Equal(t, http.StatusOK, answered.status)
	disk.Fill()
	refresh := ""
	for answered.status == http.StatusOK {
		refresh = answered.text("refresh_token")
		answered = refreshed(t, base, refresh)
	}
	for _, refused := range []reply{answered, signInBob(t, base)} {
		require.Equal(t, http.StatusServiceUnavailable, refused.status)
		require.Equal(t, "temporarily_unavailable", refused.text("error"))
	}
	require.Contains(t, p.logged("request refused")["cause"], "free space on it")
	require.Eventually(t, func() bool { return get(t, base+"/readyz").status == http.StatusServiceUnavailable },
		patience, 50*time.Millisecond)
	require.Contains(t, fetch(t, metrics, http.StatusOK), "lingpai_ready{check=\"database\"} 0\n")
	requireFinding(t, o.examined(), "database", statusFault, "cannot be written: the disk of the database file is full",
		"free space on it")

	disk.Empty()
	require.Equal(t, http.StatusOK, refreshed(t, base, refresh).status, "the last token that was acknowledged")
	require.Equal(t, http.StatusOK, signInBob(t, base).status)
	require.Eventually(t, func() bool { return get(t, base+"/readyz").status == http.StatusOK },
		patience, 50*time.Millisecond)
	require.Len(t, o.listed("sessions", "list", "bob"), 2)
}

// TestAServerOnADiskThatIsReadOnly does not start, and works with all sessions once the disk can be written.
func TestAServerOnADiskThatIsReadOnly(t *testing.T) {
	t.Parallel()
	disk := dbtest.SmallDisk(t)
	o := onDisk(t, disk)
	p, base := o.serves()
	answered := signInBob(t, base)
	require.Equal(t, http.StatusOK, answered.status)
	require.NoError(t, p.stop())
	disk.Remount("ro")
	requireFinding(t, o.examined(), "database", statusFault, "read-only", "can read and write the file and its folder")
	require.Contains(t, o.refused("serve"), "read-only")
	disk.Remount("rw")
	requireFinding(t, o.examined(), "database", statusOK, "answers", "")
	_, base = o.serves()
	require.Equal(t, http.StatusOK, refreshed(t, base, answered.text("refresh_token")).status)
}
