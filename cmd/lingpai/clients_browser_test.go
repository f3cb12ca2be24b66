package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

const callback = "https://shop.example.com/callback"

// record returns a client as "clients show" prints it.
func (o *shell) record(id string) (client map[string]any) {
	o.t.Helper()
	require.NoError(o.t, json.Unmarshal([]byte(o.ok("clients", "show", id)), &client))
	return client
}

func TestAClientForBrowsersIsShownAsItWasCreated(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.ok("clients", "create", "web", "--grant", "authorization_code", "--redirect-uri", callback, "--redirect-uri",
		"https://shop.example.com/app?x=1", "--post-logout-redirect-uri", "https://shop.example.com/",
		"--backchannel-logout-uri", "https://shop.example.com/logout", "--consent", "always", "--pkce", "optional")
	web := o.record("web")
	require.Equal(t, []any{callback, "https://shop.example.com/app?x=1"}, web["redirect_uris"])
	require.Equal(t, []any{"https://shop.example.com/"}, web["post_logout_redirect_uris"])
	require.Equal(t, "https://shop.example.com/logout", web["backchannel_logout_uri"])
	require.Equal(t, true, web["always_consent"])
	require.Equal(t, true, web["optional_pkce"])
	require.Equal(t, web, o.listed("clients", "list")[0])
	require.Contains(t, o.ok("clients", "list"), callback+" https://shop.example.com/app?x=1")

	o.ok("clients", "create", "app", "--public", "--grant", "authorization_code", "--redirect-uri",
		"com.example.app:/callback", "--consent", "first-time", "--pkce", "required")
	app := o.record("app")
	require.Equal(t, false, app["always_consent"])
	require.Equal(t, false, app["optional_pkce"])
	require.NotContains(t, app, "backchannel_logout_uri")
}

func TestFlagsForBrowsersAreChecked(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	create := func(args ...string) string {
		return o.refused(append([]string{"clients", "create", "web", "--grant", "authorization_code"}, args...)...)
	}
	for _, text := range []string{`--redirect-uri: "http://shop.example.com/" needs https`,
		"--post-logout-redirect-uri: ", "--backchannel-logout-uri: "} {
		require.Contains(t, create("--redirect-uri", "http://shop.example.com/", "--post-logout-redirect-uri", "/",
			"--backchannel-logout-uri", "com.example.app:/"), text)
	}
	require.Contains(t, create(), "--redirect-uri: the grant authorization_code needs at least one")
	require.Contains(t, create("--public", "--redirect-uri", callback, "--pkce", "optional"),
		"--pkce: PKCE is required of a public client")
	require.Contains(t, create("--redirect-uri", callback, "--pkce", "none"), "use required or optional")
	require.Contains(t, create("--redirect-uri", callback, "--consent", "never"), "use first-time or always")
	require.Contains(t, create("--redirct-uri", callback), "did you mean --redirect-uri?")
	require.Empty(t, o.listed("clients", "list"))

	a := o.types("", "clients", "create", "web", "--grant", "authorization_code", "--redirect-uri",
		"http://127.0.0.1:3000/callback")
	require.Zero(t, a.code, a.stderr)
	require.Contains(t, a.stderr, "warning: web: it is confidential, and all its redirect URIs are on the user's own")
}

// updated runs "clients update" and returns its JSON.
func (o *shell) updated(args ...string) (result struct {
	ClientID string `json:"client_id"`
	Changes  []struct {
		Field         string
		Before, After any
	}
}) {
	o.t.Helper()
	printed := o.ok(append([]string{"clients", "update", "--output", "json"}, args...)...)
	require.NoError(o.t, json.Unmarshal([]byte(printed), &result))
	require.NotNil(o.t, result.Changes, "none is [], not null")
	return result
}

func TestAnUpdateChangesOnlyWhatFlagsName(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith(realSecret, "apps", "add", appID)
	o.ok("clients", "create", "shop", "--name", "My shop", "--first-party", "--grant", "wechat_code", "--grant",
		"authorization_code", "--grant", "refresh_token", "--app", appID, "--audience", audience, "--scope", "openid",
		"--scope", "api", "--default-scope", "api", "--origin", "https://shop.example.com", "--redirect-uri", callback,
		"--post-logout-redirect-uri", callback, "--backchannel-logout-uri", callback, "--consent", "always", "--pkce",
		"optional", "--refresh-keys", "--wechat-claims", "--access-ttl", "5m", "--idle-ttl", "24h", "--absolute-ttl",
		"48h")
	before := o.record("shop")

	text := o.ok("clients", "update", "shop", "--redirect-uri", callback, "--redirect-uri", callback+"/2")
	require.Contains(t, text, "updated shop; running servers use it within")
	require.Contains(t, text, "redirect_uris\n  before  "+callback+"\n  after   "+callback+" "+callback+"/2\n")
	before["redirect_uris"] = []any{callback, callback + "/2"}
	require.Equal(t, before, o.record("shop"), "the fields that no flag named are as they were")

	result := o.updated("shop", "--origin", "", "--post-logout-redirect-uri", "", "--first-party=false", "--consent",
		"first-time", "--pkce", "required", "--access-ttl", "0", "--name", "", "--backchannel-logout-uri", "")
	require.Equal(t, "shop", result.ClientID)
	require.Len(t, result.Changes, 8)
	require.Equal(t, "name", result.Changes[0].Field)
	require.Equal(t, "My shop", result.Changes[0].Before)
	require.Empty(t, result.Changes[0].After)
	after := o.record("shop")
	for field, want := range map[string]any{"origins": []any{}, "post_logout_redirect_uris": []any{},
		"first_party": false, "always_consent": false, "optional_pkce": false, "refresh_keys": true,
		"wechat_claims": true, "idle_ttl": "24h0m0s", "audience": []any{audience}} {
		require.Equal(t, want, after[field], field)
	}
	require.NotContains(t, after, "access_ttl")

	require.Empty(t, o.updated("shop", "--first-party=false").Changes)
	require.Contains(t, o.ok("clients", "update", "shop", "--consent", "first-time"), "nothing was changed")
	events := o.listed("events", "list", "--kind", "client.updated")
	require.Len(t, events, 2, "what changes nothing is no event")
	require.Equal(t, "redirect_uris", events[1]["detail"])
	require.Contains(t, events[0]["actor"].(map[string]any)["name"], "lingpai clients update (")
}

func TestAnUpdateIsCheckedLikeANewClient(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.ok("clients", "create", "web", "--grant", "authorization_code", "--redirect-uri", callback)
	before := o.record("web")
	update := func(args ...string) string {
		return o.refused(append([]string{"clients", "update", "web"}, args...)...)
	}
	require.Contains(t, update(), "no flag names a field to change; see: lingpai clients update --help")
	require.Contains(t, update("--output", "json"), "no flag names a field")
	require.Contains(t, update("--redirect-uri", ""), "--redirect-uri: the grant authorization_code needs at least one")
	require.Contains(t, update("--redirect-uri", callback, "--redirect-uri", ""), `--redirect-uri: "" is not`)
	require.Contains(t, update("--grant", "client_credentials"), "--redirect-uri: these need the grant")
	require.Contains(t, update("--app", appID), "--app: there is no app")
	require.Contains(t, update("--access-ttl", "25h"), "--access-ttl: 25h0m0s is not between")
	require.Contains(t, update("--pkce", "off"), "use required or optional")
	require.Contains(t, update("--public"), "unknown flag: --public")
	require.Contains(t, o.refused("clients", "update", "nobody", "--name", "x"), `there is no client "nobody"`)
	require.Equal(t, before, o.record("web"))
	o.ok("clients", "disable", "web")
	require.Contains(t, update("--name", "x"), "web was disabled at ")
}
