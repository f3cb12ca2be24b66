package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// listed runs a command that lists something, and decodes its JSON.
func (o *shell) listed(args ...string) []map[string]any {
	o.t.Helper()
	var rows []map[string]any
	require.NoError(o.t, json.Unmarshal([]byte(o.ok(append(args, "--output", "json")...)), &rows))
	require.NotNil(o.t, rows, "none is [], not null")
	return rows
}

func TestAnAppSecretIsSealedAndNeverShown(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	require.Empty(t, o.listed("apps", "list"))
	require.Contains(t, o.okWith(realSecret+"\r\n", "apps", "add", appID, "--name", "My shop", "--open-platform",
		"main"), "lingpai apps test "+appID)
	o.write("secret.txt", "\ufeff"+simSecret+"\n")
	o.ok("apps", "add", "wx1111111111111111", "--secret-file", "secret.txt")

	rows := o.listed("apps", "list")
	require.Len(t, rows, 2)
	require.Equal(t, appID, rows[0]["appid"])
	require.Equal(t, "My shop", rows[0]["name"])
	require.Equal(t, "main", rows[0]["open_platform"])
	shown := o.ok("apps", "list") + o.ok("apps", "list", "--output", "json")
	require.Contains(t, shown, "My shop")
	require.NotContains(t, strings.ToLower(shown), "secret")
	for _, name := range []string{"lingpai.db", "lingpai.db-wal"} {
		content, err := os.ReadFile(filepath.Join(o.folder, name))
		if name == "lingpai.db" || !os.IsNotExist(err) {
			require.NoError(t, err)
		}
		require.NotContains(t, string(content), realSecret)
		require.NotContains(t, string(content), simSecret)
	}
}

func TestInvalidAppsAreRefused(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	require.Contains(t, o.refusedWith(realSecret, "apps", "add", "wx123"), "is not an AppID")
	require.Contains(t, o.refused("apps", "add", appID), "no AppSecret was given")
	require.Contains(t, o.refusedWith("\n"+realSecret, "apps", "add", appID), "no AppSecret was given")
	require.Contains(t, o.refusedWith(strings.Repeat("a", 5000), "apps", "add", appID), "is this the right file?")
	require.Contains(t, o.refusedWith("two words", "apps", "add", appID), "is not an AppSecret")
	require.Contains(t, o.refusedWith("\xff\xfea\x00b\x00", "apps", "add", appID), "is not an AppSecret")
	require.Contains(t, o.refused("apps", "add", appID, "--secret-file", "none"), "--secret-file: open none")
	require.Contains(t, o.refused("apps", "add", appID, realSecret), "usage: lingpai apps add APPID",
		"a secret is no argument")
	require.Contains(t, o.refusedWith(realSecret, "apps", "rotate-secret", appID), `there is no app "`+appID+`"`)
	require.Contains(t, o.refused("apps", "test", appID), `there is no app "`+appID+`"`)
	require.Empty(t, o.listed("apps", "list"))

	a := o.types("odd-but-possible", "apps", "add", appID)
	require.Zero(t, a.code)
	require.Contains(t, a.stderr, "warning: this does not look like an AppSecret")
	require.Contains(t, o.refusedWith(realSecret, "apps", "add", appID), "lingpai apps rotate-secret "+appID)
	closed := o.with("LINGPAI_MASTER_KEY=")
	require.Contains(t, closed.refusedWith(realSecret, "apps", "rotate-secret", appID),
		"master_key (LINGPAI_MASTER_KEY)")
	require.Contains(t, closed.refused("apps", "test", appID), "master_key (LINGPAI_MASTER_KEY)")
	require.Contains(t, closed.with("LINGPAI_WECHAT_BASE_URL=http://127.0.0.1:1").refused("apps", "test", appID),
		"master_key (LINGPAI_MASTER_KEY)")
}

func TestAppsTestSaysWhatToDo(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	simulator := o.simulates()
	o = o.with("LINGPAI_WECHAT_BASE_URL=" + simulator)
	o.okWith(simSecret, "apps", "add", appID)
	require.Contains(t, o.ok("apps", "test", appID), appID+" works")

	require.Equal(t, http.StatusOK, postJSON(t, simulator+"/_sim/allow_list",
		`{"appid":"`+appID+`","addresses":["203.0.113.7"]}`).status)
	a := o.types("", "apps", "test", appID)
	require.Equal(t, 1, a.code)
	require.Contains(t, a.stderr, "our_address=127.0.0.1")
	require.Contains(t, a.stderr, "errcode 40164")
	require.Contains(t, a.stderr, "IP allow-list")

	o.okWith("simulator-of-somebody-else", "apps", "rotate-secret", appID)
	message := o.refused("apps", "test", appID)
	require.Contains(t, message, "errcode 40125")
	require.Contains(t, message, "lingpai apps rotate-secret")
	require.NotContains(t, message, "simulator-of")

	o.okWith(simSecret, "apps", "add", "wx1111111111111111")
	require.Contains(t, o.refused("apps", "test", "wx1111111111111111"), "errcode 40013")
	require.Contains(t, o.with("LINGPAI_WECHAT_BASE_URL=http://127.0.0.1:1").refused("apps", "test", appID),
		"try again")
	o.okWith(simSecret, "apps", "rotate-secret", appID)
	require.Equal(t, http.StatusOK, postJSON(t, simulator+"/_sim/allow_list",
		`{"appid":"`+appID+`","addresses":[]}`).status)
	for errcode, says := range map[string]string{"59999": "does not know (errcode 59999)",
		"45009": "is limiting this app or user (errcode 45009)", "61004": "this machine's public address"} {
		require.Equal(t, http.StatusOK, postJSON(t, simulator+"/_sim/faults", `{"errcode":`+errcode+`}`).status)
		message := o.refused("apps", "test", appID)
		require.Contains(t, message, says)
		require.NotContains(t, message, "cannot be reached")
	}
}
