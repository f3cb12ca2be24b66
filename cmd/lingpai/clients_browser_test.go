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
