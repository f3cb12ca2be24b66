package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// TestClientsOfMiniProgramsAreStrictByDefault: those that the SDK serves, unless the operator says otherwise.
func TestClientsOfMiniProgramsAreStrictByDefault(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	const mobile, qq = "wx00000000000000cc", "1112345678"
	o.okWith(realSecret, "apps", "add", appID)
	o.okWith(realSecret, "apps", "add", mobile, "--kind", "mobile-app")
	o.okWith(realSecret, "apps", "add", qq)
	create := func(arguments ...string) bool {
		id := identity.NewClientID()
		o.ok(append([]string{"clients", "create", id, "--audience", audience}, arguments...)...)
		var client struct {
			RefreshKeys bool `json:"refresh_keys"`
		}
		require.NoError(t, json.Unmarshal([]byte(o.ok("clients", "show", id)), &client))
		o.ok("clients", "disable", id) // the next one may differ
		return client.RefreshKeys
	}
	refreshes := []string{"--grant", "refresh_token", "--grant"}
	require.True(t, create(append(refreshes, "wechat_code", "--public", "--app", appID)...))
	require.True(t, create(append(refreshes, "qq_code", "--public", "--app", qq)...))
	require.True(t, create(append(refreshes, "wechat_code", "--app", appID, "--refresh-keys")...))
	require.False(t, create(append(refreshes, "wechat_code", "--public", "--app", appID, "--refresh-keys=false")...))
	require.False(t, create(append(refreshes, "wechat_code", "--public", "--app", mobile)...))
	require.False(t, create(append(refreshes, "wechat_code", "--public", "--app", appID, "--app", mobile)...))
	require.False(t, create(append(refreshes, "wechat_code", "--app", appID)...))
	require.False(t, create(append(refreshes, "password", "--public", "--first-party")...))
	require.False(t, create("--grant", "wechat_code", "--public", "--app", appID), "it never refreshes")
	require.Contains(t, o.refused("clients", "create", "no", "--public", "--grant", "wechat_code", "--app", appID,
		"--audience", audience, "--refresh-keys"), "--refresh-keys: needs the grant refresh_token")
}

func TestSetRefreshKeys(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith(realSecret, "apps", "add", appID)
	require.Contains(t, o.ok("clients", "create", "shop", "--public", "--grant", "wechat_code", "--grant",
		"refresh_token", "--app", appID, "--audience", audience), "refresh_keys   on (")
	require.Contains(t, o.ok("clients", "set-refresh-keys", "shop", "off"), "refresh keys of shop are off")
	require.Contains(t, o.ok("clients", "show", "shop"), `"refresh_keys": false`)
	require.Contains(t, o.ok("clients", "set-refresh-keys", "shop", "on", "--output", "json"), `"refresh_keys": true`)
	require.Contains(t, o.ok("clients", "show", "shop"), `"refresh_keys": true`)
	events := o.listed("events", "list", "--kind", identity.EventClientRefreshKeys, "--output", "json")
	require.Len(t, events, 2)
	require.Equal(t, "on", events[0]["detail"])
	require.Contains(t, events[0]["actor"].(map[string]any)["name"], "lingpai clients set-refresh-keys")

	require.Contains(t, o.refused("clients", "set-refresh-keys", "shop", "yes"), "neither on nor off")
	require.Contains(t, o.refused("clients", "set-refresh-keys", "nobody", "on"), `there is no client "nobody"`)
	o.ok("clients", "create", "once", "--grant", "wechat_code", "--app", appID, "--audience", audience)
	require.Contains(t, o.refused("clients", "set-refresh-keys", "once", "on"), "needs the grant refresh_token")
	require.Len(t, o.listed("events", "list", "--kind", identity.EventClientRefreshKeys, "--output", "json"), 2)
}
