package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/cmd/lingpai/userimport"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/sql"
)

// killedRows is enough for an import to be killed halfway.
const killedRows = 20_000

func TestImportGoesOnAfterItWasKilledWithSQLite(t *testing.T) {
	t.Parallel()
	importKilled(t, migrated(t))
}

func TestImportGoesOnAfterItWasKilledWithPostgreSQL(t *testing.T) {
	t.Parallel()
	importKilled(t, migrated(t, "LINGPAI_DATABASE_URL="+dbtest.PostgreSQL(t)))
}

// importKilled kills an import again and again, after different times, and runs the same command again.
func importKilled(t *testing.T, o *operator) {
	t.Helper()
	o.okWith(simSecret, "apps", "add", appID, "--open-platform", "main")
	o.generate("people.jsonl", killedRows)
	database := o.opens()
	there := 0
	for n := range 3 {
		p := o.start("users", "import", "people.jsonl")
		awaitUsers(t, database, there+1)
		time.Sleep(time.Duration(n) * 37 * time.Millisecond) // anywhere in the import
		p.Kill()
		before := there
		there = len(everybody(t, database))
		require.Greater(t, there, before)
		require.Zero(t, there%userimport.MaxBatch, "whole batches")
	}
	require.Less(t, there, killedRows, "it was over before it was killed")
	result := func(there int) string {
		return fmt.Sprintf("imported %s, already there %s, refused 0\n", terminal.Grouped(killedRows-there),
			terminal.Grouped(there))
	}
	// PostgreSQL may complete the batch of a client that was killed.
	require.Contains(t, []string{result(there), result(there + userimport.MaxBatch)}, o.importsAll("people.jsonl"))
	users := everybody(t, database)
	require.Len(t, users, killedRows)
	for n := 0; n < killedRows; n += 501 {
		account, err := database.Accounts().Find(t.Context(), atApp(appID, fmt.Sprintf("o-%026d", n),
			"").AccountKey)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("legacy-", n), account.UserID)
	}
}

func everybody(t *testing.T, database *sql.DB) (all []identity.User) {
	t.Helper()
	for after := ""; ; after = all[len(all)-1].ID {
		users, err := database.Users().List(t.Context(), after, 1000)
		require.NoError(t, err)
		if all = append(all, users...); len(users) < 1000 {
			return all
		}
	}
}

func awaitUsers(t *testing.T, database *sql.DB, count int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(everybody(t, database)) >= count }, patience, 5*time.Millisecond)
}

func TestAnInterruptEndsAnImportAfterTheBatch(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	o := migrated(t)
	o.okWith(simSecret, "apps", "add", appID, "--open-platform", "main")
	o.generate("people.jsonl", killedRows)
	database := o.opens()
	p := o.start("users", "import", "people.jsonl", "--report", "r.csv")
	awaitUsers(t, database, 1)
	require.NoError(t, p.Signal(os.Interrupt))
	require.Equal(t, 1, p.exitCode())
	says := regexp.MustCompile(`(?m)^lingpai: stopped after line (\d+): interrupt.*; ` +
		`run the same command again to continue \(with another --report\)$`).FindStringSubmatch(p.Log())
	require.NotNil(t, says, p.Log())
	there := len(everybody(t, database))
	require.Equal(t, strconv.Itoa(there), says[1])
	require.Equal(t, fmt.Sprintf("imported %s, already there 0, refused 0\n", terminal.Grouped(there)), p.rest())
	recorded := 0
	for _, detail := range o.events(identity.EventUsersImported) { // one for each batch
		var users int
		_, err := fmt.Sscanf(detail, "%d users", &users)
		require.NoError(t, err)
		recorded += users
	}
	require.Equal(t, there, recorded)
	require.Contains(t, o.importsAll("people.jsonl"), "already there "+terminal.Grouped(there))
}

func TestAnInterruptEndsAnImportThatWaitsForRows(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	o := migrated(t)
	for text, says := range map[string]string{"{": "nothing was read", strings.Repeat(`{"sub":"a"}`+"\n",
		10_000): "stopped after line"} {
		reader, writer, err := os.Pipe()
		require.NoError(t, err)
		cmd := o.command(t.Context(), "users", "import", "-", "--format", "jsonl")
		cmd.Stdin = reader
		p := o.started(cmd)
		_, err = io.WriteString(writer, text)
		require.NoError(t, err)
		awaitRead(t, reader)
		require.NoError(t, p.Signal(syscall.SIGINT))
		require.Equal(t, 1, p.exitCode())
		require.Contains(t, p.Log(), says)
		reader.Close()
		writer.Close()
	}
}
