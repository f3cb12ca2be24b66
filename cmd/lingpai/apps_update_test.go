package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnAppIsUpdated(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith(realSecret, "apps", "add", appID, "--name", "My shop", "--phone-budget", "5")
	before := o.listed("apps", "list")[0]
	text := o.ok("apps", "update", appID, "--open-platform", "main", "--name", "")
	require.Contains(t, text, "updated "+appID+"; running servers use it within")
	require.Contains(t, text, "name\n  before  My shop\n  after   -\nopen_platform\n  before  -\n  after   main\n")
	before["open_platform"] = "main"
	delete(before, "name")
	require.Equal(t, before, o.listed("apps", "list")[0], "the fields that no flag named are as they were")

	var result map[string]any
	printed := o.ok("apps", "update", appID, "--phone-budget", "-1", "--output", "json")
	require.NoError(t, json.Unmarshal([]byte(printed), &result))
	require.Equal(t, map[string]any{"appid": appID, "changes": []any{
		map[string]any{"field": "phone_budget", "before": 5.0, "after": -1.0}}}, result)
	events := o.listed("events", "list", "--kind", "app.updated")
	require.Equal(t, "wechat "+appID+" phone_budget", events[0]["detail"])
	require.Contains(t, events[0]["actor"].(map[string]any)["name"], "lingpai apps update (")

	before = o.listed("apps", "list")[0]
	require.Contains(t, o.refused("apps", "update", appID), "no flag names a field to change")
	require.Contains(t, o.refused("apps", "update", appID, "--kind", "game"), `--kind: there is no kind "game"`)
	require.Contains(t, o.refused("apps", "update", appID, "--phone-budget", "-2"), "--phone-budget: must be a number")
	require.Contains(t, o.refused("apps", "update", appID, "--kind", "website"), "only WeChat mini-programs")
	require.Contains(t, o.refused("apps", "update", "wx1111111111111111", "--name", "x"), "there is no app")
	require.Equal(t, before, o.listed("apps", "list")[0])
}

func TestAnAppIsRemoved(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith(realSecret, "apps", "add", appID)
	o.ok("clients", "create", "shop", "--public", "--grant", "wechat_code", "--app", appID)
	require.Contains(t, o.refused("apps", "remove", appID), appID+" is an app of shop: sign-ins of their users would "+
		"fail; take the app from each with lingpai clients update")
	require.Contains(t, o.refused("apps", "delete", appID), `did you mean "remove"?`)
	require.Len(t, o.listed("apps", "list"), 1)

	a := o.types("", "apps", "remove", appID, "--force")
	require.Zero(t, a.code, a.stderr)
	require.Contains(t, a.stderr, "warning: sign-ins with "+appID+" at shop fail from now on")
	require.Contains(t, a.stdout, "removed "+appID)
	require.Empty(t, o.listed("apps", "list"))
	require.Equal(t, "wechat "+appID, o.listed("events", "list", "--kind", "app.removed")[0]["detail"])
	require.Contains(t, o.refused("apps", "remove", appID), `there is no app "`+appID+`"`)

	o.okWith(realSecret, "apps", "add", "wx1111111111111111")
	require.JSONEq(t, `{"appid":"wx1111111111111111","removed":true,"clients":[]}`, o.ok("apps", "remove",
		"wx1111111111111111", "--output", "json"))
}
