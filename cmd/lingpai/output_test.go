package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
)

// TestEveryCommandThatPrintsHasOutput walks all commands. Those without --output are named here.
func TestEveryCommandThatPrintsHasOutput(t *testing.T) {
	t.Parallel()
	without := []string{
		"lingpai serve",       // logs, but prints nothing
		"lingpai healthcheck", // prints nothing
	}
	for _, cmd := range commands(newRootCommand()) {
		switch flag := cmd.Flags().Lookup("output"); {
		case cmd.HasSubCommands(): // prints its help
		case flag == nil:
			require.Contains(t, without, cmd.CommandPath(), "it needs --output json")
		default:
			require.Contains(t, []string{formatText, formatTable, formatJSON}, flag.DefValue)
			require.Contains(t, flag.Usage, "json")
		}
	}
}

// object runs a command with --output json, and returns the one object that it prints.
func (o *shell) object(stdin string, args ...string) (members map[string]any) {
	o.t.Helper()
	a := o.types(stdin, append(args, "--output", "json")...)
	require.Zero(o.t, a.code, a.stderr)
	decoder := json.NewDecoder(strings.NewReader(a.stdout))
	require.NoError(o.t, decoder.Decode(&members), a.stdout)
	_, err := decoder.Token()
	require.ErrorIs(o.t, err, io.EOF, "one object is all")
	return members
}

func TestCommandsAnswerInJSON(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.env = append(o.env, "LINGPAI_MASTER_KEY="+o.object("", "keys", "new-master-key")["master_key"].(string))
	require.NotEmpty(t, o.object("", "migrate", "up")["applied"])
	require.Empty(t, o.object("", "migrate", "up")["applied"])
	version := o.object("", "version")
	require.Equal(t, o.ok("version"), "lingpai "+version["version"].(string)+" (signatures: "+
		version["signatures"].(string)+")\n")

	require.Equal(t, map[string]any{"appid": appID, "platform": "wechat", "kind": "mini-program"},
		o.object(realSecret, "apps", "add", appID))
	require.Equal(t, appID, o.object(realSecret, "apps", "rotate-secret", appID)["appid"])
	require.Equal(t, "main", o.object("", "apps", "set-open-platform", appID, "main")["open_platform"])
	require.EqualValues(t, -1, o.object("", "apps", "set-phone-budget", appID, "-1")["phone_budget"])

	created := o.object("", "clients", "create", "backend", "--first-party", "--grant", "password", "--audience",
		audience)
	require.Equal(t, "backend", created["client_id"])
	rotated := o.object("", "clients", "rotate-secret", "backend")
	require.NotEqual(t, created["client_secret"], rotated["client_secret"])
	require.NotEmpty(t, rotated["client_secret"])
	require.NotContains(t, o.object("", "clients", "create", "shop", "--public", "--grant", "wechat_code", "--app",
		appID, "--audience", audience), "client_secret")
	require.Equal(t, "shop", o.object("", "clients", "show", "shop")["client_id"])
	require.Equal(t, map[string]any{"client_id": "shop", "disabled": true}, o.object("", "clients", "disable", "shop"))
}

func TestCommandsOfUsersAnswerInJSON(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	alice := o.object("a good password", "users", "create", "Alice")
	sub := alice["sub"]
	require.Equal(t, "Alice", alice["username"])
	for _, command := range []string{"show", "disable", "enable", "delete"} {
		require.Equal(t, sub, o.object("", "users", command, "alice")["sub"], command)
	}
	require.Equal(t, sub, o.object("another password", "users", "set-password", "alice")["sub"])
	require.Equal(t, sub, o.object("{}", "users", "set-claims", "alice")["sub"])
	require.Equal(t, map[string]any{"sub": sub, "role": "a", "granted": true},
		o.object("", "users", "grant-role", "alice", "a"))
	require.Equal(t, false, o.object("", "users", "revoke-role", "alice", "a")["granted"])
	require.EqualValues(t, 0, o.object("", "sessions", "revoke", "--user", "alice")["ended"])

	retired, survivor := o.duplicates("UNION")
	preview := o.object("", "users", "merge", retired, survivor)
	require.Equal(t, true, preview["preview"])
	require.EqualValues(t, 1, preview["accounts"])
	merge := o.object("", "users", "merge", retired, survivor, "--yes")
	require.Equal(t, survivor, merge["survivor"])
	require.Equal(t, []any{}, o.object("", "users", "unmerge", merge["id"].(string))["warnings"])

	require.Equal(t, map[string]any{"sub": sub, "preview": true, "accounts": 0.0, "sessions": 0.0},
		o.object("", "users", "delete", "alice"))
	require.NotEmpty(t, o.object("", "users", "delete", "alice", "--yes")["deletes_at"])
	require.Equal(t, sub, o.object("", "users", "undelete", "alice")["sub"])
}

func TestCommandsOfKeysAnswerInJSON(t *testing.T) {
	t.Parallel()
	o := migrated(t, "LINGPAI_KEYS_ANNOUNCE=5s")
	o.write("own.pem", string(pemOfNewKey(t)))
	first := o.object("", "keys", "import", "own.pem")
	require.Equal(t, first["id"], first["in_use"])
	o.write("own.pem", string(pemOfNewKey(t)))
	second := o.object("", "keys", "import", "own.pem")
	require.Equal(t, first["id"], second["in_use"])
	var revoked map[string]any
	printed := o.ok("keys", "revoke", "--now", "--output", "json", "--", first["id"].(string))
	require.NoError(t, json.Unmarshal([]byte(printed), &revoked))
	require.NotEqual(t, first["id"], revoked["in_use"])
	require.Equal(t, true, revoked["replaced"])
	require.NotEmpty(t, o.object("", "keys", "export-public")["keys"])
	require.Contains(t, o.object("", "keys", "export-public", "--format", "pem")["pem"], "PUBLIC KEY")
	rewrapped := o.object("", "keys", "rewrap")
	require.EqualValues(t, 0, rewrapped["keys"])
	require.NotContains(t, rewrapped, "removable")
	require.NotEmpty(t, o.object("", "migrate", "down", "--lose-data")["reverted"])
}

func TestTablesAlignChineseText(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, terminal.WriteTable(&b, []string{"APPID", "NAME", "ADDED"}, [][]string{
		{"wx1", "令牌商店", "2026"}, {"wx22", "shop", "-"}, {"wx3", "e\u0301te\u0301", "2027"}, {"wx4", "a\x1bb", ""},
	}))
	require.Equal(t, `APPID  NAME      ADDED
wx1    令牌商店  2026
wx22   shop      -
wx3    e`+"\u0301te\u0301"+`       2027
wx4    a`+"\ufffd"+`b       
`, b.String())

	o := migrated(t)
	o.okWith(realSecret, "apps", "add", appID, "--name", "我的店")
	o.okWith(realSecret, "apps", "add", "1112345678", "--name", "my shop")
	require.Contains(t, o.ok("apps", "list"), "我的店   -  ")
	require.Contains(t, o.ok("apps", "list"), "my shop  -  ")
}
