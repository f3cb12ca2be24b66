package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAllProblemsAreReportedAtOnceWithKeyVariableAndAllowedValues(t *testing.T) {
	t.Parallel()
	o := newOperator(t, "LINGPAI_SESSION_IDLE=4", "LINGPAI_TYPO=1", "LINGPAI_MASTER_KEY=hidden-master",
		"LINGPAI_DATABASE_URL=mysql://u:hidden-password@h/d")
	o.write("c.yaml", "log: {level: loud}\nsession: {idel: 1h}\n")
	message := o.refused("serve", "--config", "c.yaml", "--session-limit", "x")
	for _, text := range []string{
		"the configuration has 8 error(s)",
		"session.idel (in c.yaml): unknown setting",
		"LINGPAI_TYPO: unknown setting",
		`server.issuer (LINGPAI_SERVER_ISSUER): it is required`,
		"database.url (LINGPAI_DATABASE_URL): the value from LINGPAI_DATABASE_URL: ",
		"master_key (LINGPAI_MASTER_KEY): the value from LINGPAI_MASTER_KEY: ",
		`session.idle (LINGPAI_SESSION_IDLE): "4" from LINGPAI_SESSION_IDLE: ` +
			`not a duration such as 30s, 10m or 168h; allowed: `,
		`session.limit (LINGPAI_SESSION_LIMIT): "x" from --session-limit: `,
		`log.level (LINGPAI_LOG_LEVEL): "loud" from the file: not a level; allowed: debug, info, warn or error`,
	} {
		require.Contains(t, message, text)
	}
	require.NotContains(t, message, "hidden")
	require.NoFileExists(t, filepath.Join(o.folder, "lingpai.db"))
}

func TestEveryCommandThatHasAConfigurationRefusesUnknownKeysAndVariables(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.write("c.yaml", "server: {adr: x}\n")
	for _, command := range []string{
		"serve", "migrate up", "migrate down", "migrate status", "apps list", "apps add " + appID,
		"apps test " + appID, "apps rotate-secret " + appID,
		"clients list", "clients create x", "clients show x", "clients disable x", "clients rotate-secret x",
		"users list", "users create x",
		"users disable x", "users enable x", "users set-password x", "sessions list x", "sessions revoke x",
		"keys list",
	} {
		args := strings.Fields(command)
		require.Contains(t, o.with("LINGPAI_SERVER_ADR=x").refused(args...),
			"LINGPAI_SERVER_ADR: unknown setting", command)
		require.Contains(t, o.refused(append(args, "--config", "c.yaml")...),
			"server.adr (in c.yaml): unknown setting", command)
	}
	require.Contains(t, o.with("LINGPAI_SERVER_ADR=x").refused("dev"), "LINGPAI_SERVER_ADR: unknown setting")
	require.NoDirExists(t, filepath.Join(o.folder, ".lingpai"),
		"nothing is made before the configuration is known to be right")
}

func TestAnInvalidConfigurationFileIsReportedWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	for text, want := range map[string]string{
		"server: {addr: [\n":            "yaml: line",
		aKey:                            "does not contain keys and values",
		"- a\n- b\n":                    "does not contain keys and values",
		"server: hidden\n":              "server (in c.yaml): unknown setting",
		"server: {addr: {host: x}}\n":   "server.addr.host (in c.yaml): unknown setting",
		"session: {idle: 168}\n":        `session.idle (LINGPAI_SESSION_IDLE): "168" from the file: not a duration`,
		"session: {idle: 1h, idle: 2h}": "already defined",
	} {
		o.write("c.yaml", text)
		message := o.refused("keys", "list", "--config", "c.yaml")
		require.Contains(t, message, want, text)
		require.NotContains(t, message, "AAAA")
	}
	require.Contains(t, o.refused("keys", "list", "--config", "none.yaml"), "--config: cannot read none.yaml")
	require.Contains(t, o.with("LINGPAI_CONFIG=none.yaml").refused("keys", "list"),
		"LINGPAI_CONFIG: cannot read none.yaml")
}

func TestASecretComesFromOnePlaceAndOnlySecretsFromFiles(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	o.write("key", aKey)
	require.Contains(t, o.with("LINGPAI_MASTER_KEY="+aKey, "LINGPAI_MASTER_KEY_FILE=key").refused("keys", "list"),
		"master_key (LINGPAI_MASTER_KEY): both LINGPAI_MASTER_KEY and LINGPAI_MASTER_KEY_FILE are set; unset one")
	require.Contains(t, o.with("LINGPAI_MASTER_KEY_FILE=none").refused("keys", "list"),
		"LINGPAI_MASTER_KEY_FILE: open none")
	require.Contains(t, o.with("LINGPAI_LOG_LEVEL_FILE=key").refused("keys", "list"),
		"LINGPAI_LOG_LEVEL_FILE is set, but only secrets are read from files")
	require.Contains(t, o.with("LINGPAI_DATABASE_URL=sqlite:x.db?cache=shared").refused("migrate", "up"),
		"database.url")
	require.Contains(t, o.with("LINGPAI_DATABASE_URL=sqlite:no/such/folder/x.db").refused("migrate", "up"),
		"database.url")
}

// TestAFolderOfWechatFilesWithAnotherFileStopsTheStart, since the server would publish it.
func TestAFolderOfWechatFilesWithAnotherFileStopsTheStart(t *testing.T) {
	t.Parallel()
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	folder := filepath.Join(o.folder, "wechat")
	require.NoError(t, os.Mkdir(folder, 0o700))
	o.write("wechat/AbC123.txt", `{"of": "WeChat"}`)
	o.write("wechat/server.key", "hidden")
	o = o.with("LINGPAI_BROWSER_WECHAT_FILES=" + folder)
	message := o.refused("serve", "--session-limit", "x")
	require.Contains(t, message, "the configuration has 2 error(s)")
	require.Contains(t, message, fmt.Sprintf("browser.wechat_files (LINGPAI_BROWSER_WECHAT_FILES): %q from "+
		`LINGPAI_BROWSER_WECHAT_FILES: "server.key" is not named like MP_verify_AbC123.txt; allowed: `, folder))
	require.NotContains(t, message, "hidden")

	require.NoError(t, os.Remove(filepath.Join(folder, "server.key")))
	_, url := o.serves()
	a := get(t, url+"/scan/AbC123.txt")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "WeChat", a.text("of"))
}

func TestPasswordsInArgumentsAreNotPrinted(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	const url = "postgres://user:hidden@hidden/hidden@host/d"
	for _, args := range [][]string{
		{url}, {"serve", url}, {"serve", "-database-url=" + url}, {"serve", "--database-url=" + url},
		{"serve", "-d" + url},
		{"serve", "--config", url}, {"serve", "--server-addr", url}, {"doctor", "--output", url},
		{"events", "list", "--kind", url}, {"migrate", url}, {"keys", "import", url},
	} {
		require.NotContains(t, o.refused(args...), "hidden", args)
	}
	require.NotContains(t, o.types("", "doctor", "--config", url).stdout, "hidden")
	for _, broken := range []string{"LINGPAI_DATABASE_URL=postgres://user:hid@hidden@127.0.0.1:1/d",
		"LINGPAI_REDIS_URL=redis://user:hid@hidden@127.0.0.1:1", "LINGPAI_REDIS_URL=user:hid@hidden@127.0.0.1:1",
		"LINGPAI_SERVER_ISSUER=https://user:hid@hidden@login.example.com"} {
		for _, args := range [][]string{{"doctor"}, {"doctor", "--output", "json"}, {"users", "list"}} {
			a := o.with("LINGPAI_MASTER_KEY="+aKey, broken).types("", args...)
			require.NotZero(t, a.code, broken)
			require.NotContains(t, a.stdout+a.stderr, "hid", broken)
		}
	}
	require.Contains(t, o.refused("serve", url, "x"), `unknown command *** for "lingpai serve"`)
	require.Contains(t, o.refused("users", "x@example.com"), `"x@example.com"`, "an address is not a URL")
}
