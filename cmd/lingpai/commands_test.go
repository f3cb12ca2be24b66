package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/test/harness"
)

// commands returns a command and all below it.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, child := range cmd.Commands() {
		all = append(all, commands(child)...)
	}
	return all
}

func TestEveryCommandAnswersHelpAndExplainsWrongUse(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	for _, cmd := range commands(newRootCommand()) {
		args := strings.Fields(cmd.CommandPath())[1:]
		require.Contains(t, o.ok(append(args, "--help")...), "Usage:\n  "+cmd.CommandPath(), cmd.CommandPath())
		require.Contains(t, o.refused(append(args, "--no-such-flag")...), "unknown flag: --no-such-flag; see: "+
			cmd.CommandPath()+" --help")
		right := "usage: " + cmd.CommandPath()
		if cmd.HasSubCommands() {
			right = "see: " + cmd.CommandPath() + " --help"
		}
		require.Contains(t, o.refused(append(args, "too", "many", "words")...), right)
	}
	require.Contains(t, o.refused("bogus"), `unknown command "bogus" for "lingpai"`)
	require.Contains(t, o.refused("sessions", "list"), "usage: lingpai sessions list SUB|USERNAME")
	entries, err := os.ReadDir(o.folder)
	require.NoError(t, err)
	require.Empty(t, entries, "nobody asked for a file")
}

func TestServeHelpListsEveryKey(t *testing.T) {
	t.Parallel()
	help := newOperator(t).ok("serve", "--help")
	for _, key := range settings.Keys() {
		require.Contains(t, help, key.Variable)
		require.Contains(t, help, key.Usage)
	}
}

func TestListingsAreTablesOrJSONAndNothingElse(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith("a good password", "users", "create", "alice")
	for _, listing := range []string{"apps list", "clients list", "users list", "users duplicates", "users merges",
		"sessions list alice", "keys list", "migrate status"} {
		args := strings.Fields(listing)
		o.listed(args...)
		require.Equal(t, strings.ToUpper(o.ok(args...))[:1], o.ok(args...)[:1], "a table has a head")
		require.Contains(t, o.refused(append(args, "--output", "yaml")...),
			`--output: "yaml" is neither table nor json`)
	}
}

func TestMigrationsGoUpAndDownAndReportTheirStatus(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	for _, command := range []string{"users list", "migrate status", "migrate down"} {
		require.Contains(t, o.refused(strings.Fields(command)...), "create one with: lingpai migrate up")
		require.NoFileExists(t, filepath.Join(o.folder, "lingpai.db"), command)
	}
	o.write("lingpai.db", "")
	require.NotContains(t, o.listed("migrate", "status")[0], "applied_at")
	require.Contains(t, o.refused("users", "list"), `run "lingpai migrate up"`)
	require.Contains(t, o.ok("migrate", "up"), "applied 0001_tables.sql")
	require.Contains(t, o.ok("migrate", "up"), "nothing to do")
	require.Contains(t, o.listed("migrate", "status")[0], "applied_at")
	for range o.listed("migrate", "status") {
		require.Contains(t, o.ok("migrate", "down"), "reverted ")
	}
	require.Contains(t, o.refused("migrate", "down"), "there is no migration to undo")
}

func TestKeysAreListedWithoutTheirSecretsAndMasterKeysAreFresh(t *testing.T) {
	t.Parallel()
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	p, base := o.serves()
	id := get(t, base+"/.well-known/jwks.json").members["keys"].([]any)[0].(map[string]any)["kid"]
	require.NoError(t, p.stop())
	rows := o.listed("keys", "list")
	require.Len(t, rows, 4)
	var ids []any
	for _, row := range rows {
		require.Equal(t, []string{"created_at", "id", "master_key", "next", "purpose", "state"},
			slices.Sorted(maps.Keys(row)))
		require.Regexp(t, `^k\d{8}-[0-9a-f]{4}$`, row["master_key"], "only the master key's id is shown")
		ids = append(ids, row["id"])
	}
	require.Contains(t, ids, id)
	key := o.ok("keys", "new-master-key")
	require.Regexp(t, `^k\d{8}-[0-9a-f]{4}:[A-Za-z0-9+/]{43}=\n$`, key)
	require.NotEqual(t, key, o.ok("keys", "new-master-key"))
}

func TestVersionIsOneLine(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	require.Regexp(t, `^lingpai \S+ \(signatures: `+regexp.QuoteMeta(keys.BuiltBackend())+`\)\n$`, o.ok("version"))
	require.Equal(t, o.ok("version"), o.ok("--version"))
	require.Contains(t, o.ok(), "Usage:\n  lingpai")
}

func TestATableCannotBeForged(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"a\ufffd[2Jb", "two\ufffdlines\ufffd", "令牌", ""},
		terminal.Printable([]string{"a\x1b[2Jb", "two\nlines\u202e", "令牌", ""}))
}

func TestAnInterruptEndsACommandThatWaitsForInput(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	o := migrated(t)
	o.okWith("a good password", "users", "create", "bob")
	for command, says := range map[string]string{
		"users create alice":   "no password was read: interrupt",
		"users set-claims bob": "no claims were read: interrupt", "keys import -": "lingpai: interrupt",
	} {
		reader, writer, err := os.Pipe()
		require.NoError(t, err)
		defer reader.Close()
		defer writer.Close()
		cmd := o.command(t.Context(), strings.Fields(command)...)
		cmd.Stdin = reader
		p := o.started(cmd)
		_, err = writer.WriteString("{") // the beginning of a line: when it is read, the command waits for the rest
		require.NoError(t, err)
		awaitRead(t, reader)
		require.NoError(t, p.Signal(os.Interrupt))
		require.Equal(t, 1, p.exitCode())
		require.Contains(t, p.Log(), says)
	}
}

// TestOutputThatCannotBeWrittenIsAFailure: otherwise somebody would use an empty file as a master key.
func TestOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		harness.Skip(t, "there is no /dev/full")
	}
	defer full.Close()
	var said bytes.Buffer
	cmd := newOperator(t).command(t.Context(), "keys", "new-master-key")
	cmd.Stdout, cmd.Stderr = full, &said
	require.Error(t, cmd.Run())
	require.Contains(t, said.String(), "lingpai: cannot write the output: ")
}
