package clients_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// browserClient returns a client whose users sign in in a browser.
func browserClient(redirectURIs ...string) identity.Client {
	return identity.Client{ID: "web", Grants: []string{"authorization_code", "refresh_token"},
		Audience: []string{audience}, RedirectURIs: redirectURIs}
}

const callback = "https://shop.example.com/callback"

func TestValidRedirectURIs(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		callback, "https://shop.example.com", "https://shop.example.com/", "https://shop.example.com:8443/callback/",
		"https://shop.example.com/Account/Callback", "https://shop.example.com/index.php?page=login&x=%2Fcart",
		"https://shop.example.com?page=login", "https://xn--czrs0t.xn--fiqs8s/%E7%99%BB%E5%BD%95",
		"https://192.0.2.1/callback", "https://[2001:db8::1]:8443/callback", "https://intranet/callback",
		"https://a_b.example.com/~user/a;b=1,2/@me", "https://shop.example.com/%7Euser",
		"http://127.0.0.1/callback", "http://127.0.0.1:8400/callback", "http://[::1]:8400/callback",
		"http://localhost:3000/callback", "https://localhost/callback",
	} {
		for _, confidential := range []bool{true, false} {
			client := browserClient(uri)
			client.Confidential, client.PostLogoutRedirectURIs = confidential, []string{uri}
			client.BackchannelLogoutURI, client.InitiateLoginURI = uri, uri
			require.NoError(t, clients.Check(client, registered()), uri)
			require.True(t, clients.Client{Client: client}.MatchesRedirectURI(uri), uri)
		}
	}
	for _, uri := range []string{"com.example.app:/callback", "com.example.app:/", "com.example.app://callback",
		"com.example.my-app://oauth/callback?tenant=1"} {
		client := browserClient(uri)
		require.NoError(t, clients.Check(client, registered()), uri)
		require.True(t, clients.Client{Client: client}.MatchesRedirectURI(uri), uri)
		client.BackchannelLogoutURI, client.InitiateLoginURI = uri, uri
		requireFields(t, fields("backchannel_logout_uri", "", "initiate_login_uri", ""),
			clients.Check(client, registered()), uri)
		client = browserClient(callback, uri)
		client.Confidential = true
		requireFields(t, fields("redirect_uris", "the client is confidential"), clients.Check(client, registered()),
			uri)
	}
}

func TestCheckRedirects(t *testing.T) {
	t.Parallel()
	type record = identity.Client
	many := make([]string, 51)
	for n := range many {
		many[n] = fmt.Sprintf("%s/%d", callback, n)
	}
	for name, test := range map[string]struct {
		spoil func(c *record)
		want  []clients.FieldError // the beginning of each reason
	}{
		"no redirect URI": {func(c *record) { c.RedirectURIs = nil },
			fields("redirect_uris", "the grant authorization_code needs at least one")},
		"no grant": {func(c *record) { c.Grants, c.Apps = []string{"wechat_code"}, []string{appID} },
			fields("redirect_uris", "these need the grant authorization_code")},
		"only signing out": {func(c *record) {
			c.Grants, c.Apps, c.RedirectURIs = []string{"wechat_code"}, []string{appID}, nil
			c.PostLogoutRedirectURIs, c.BackchannelLogoutURI = []string{callback}, callback
			c.InitiateLoginURI = callback
		}, fields("post_logout_redirect_uris", "these need redirect_uris", "backchannel_logout_uri",
			"needs redirect_uris", "initiate_login_uri", "needs redirect_uris")},
		"public, optional PKCE": {func(c *record) { c.OptionalPKCE = true },
			fields("optional_pkce", "PKCE is required of a public client")},
		"public, with keys": {func(c *record) { c.JWKSURI = "https://shop.example.com/jwks" },
			fields("jwks", "keys are not for a public client")},
		"keys that are none": {func(c *record) { c.Confidential, c.JWKS = true, "{}" },
			fields("jwks", "it is not a JSON Web Key Set")},
		"keys on the network": {func(c *record) { c.Confidential, c.JWKSURI = true, "http://shop.example.com/jwks" },
			fields("jwks_uri", `"http://shop.example.com/jwks" needs https`)},
		"too many": {func(c *record) { c.RedirectURIs = many },
			fields("redirect_uris", "there are 51, and at most 50 are allowed")},
		"too many after signing out": {func(c *record) { c.PostLogoutRedirectURIs = many },
			fields("post_logout_redirect_uris", "there are 51")},
		"bad after signing out": {func(c *record) { c.PostLogoutRedirectURIs = []string{callback + "#"} },
			fields("post_logout_redirect_uris", `"https://shop.example.com/callback#" has a fragment`)},
		"logout tokens on the network": {func(c *record) { c.BackchannelLogoutURI = "http://shop.example.com/logout" },
			fields("backchannel_logout_uri", `"http://shop.example.com/logout" needs https`)},
		"a wildcard": {func(c *record) { c.RedirectURIs = []string{"https://*.example.com/callback"} },
			fields("redirect_uris", "has a wildcard; list each URI")},
		"a user name": {func(c *record) { c.RedirectURIs = []string{"https://shop.example.com@evil.example/"} },
			fields("redirect_uris", "has a user name")},
		"two bad ones": {func(c *record) { c.RedirectURIs = []string{"/callback", "javascript:alert(1)"} },
			fields("redirect_uris", "is not an absolute URI", "redirect_uris", "is not an absolute URI")},
	} {
		client := browserClient(callback)
		test.spoil(&client)
		requireFields(t, test.want, clients.Check(client, registered()), name)
	}
	client := browserClient(callback)
	client.Confidential, client.OptionalPKCE, client.AlwaysConsent = true, true, true
	client.Grants, client.RedirectURIs = []string{"authorization_code"}, many[:50]
	require.NoError(t, clients.Check(client, registered()), "users sign in with authorization_code alone")
}

// TestPublicClientsListenOnAnyLoopbackPort is RFC 8252 §7.3: a program of the user's machine takes a port that is free.
func TestPublicClientsListenOnAnyLoopbackPort(t *testing.T) {
	t.Parallel()
	public := clients.Client{Client: browserClient("http://127.0.0.1/callback", "http://[::1]:8400/callback?x=1",
		"http://localhost:8400/callback", "https://127.0.0.1/callback")}
	confidential := public
	confidential.Confidential = true
	for _, uri := range []string{"http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback",
		"http://[::1]/callback?x=1", "http://[::1]:51234/callback?x=1"} {
		require.True(t, public.MatchesRedirectURI(uri), uri)
		require.False(t, confidential.MatchesRedirectURI(uri), "%s: the server of a web site has one port", uri)
	}
	for _, uri := range []string{
		"http://127.0.0.1:0/callback", "http://127.0.0.1:65536/callback", "http://127.0.0.1:080/callback",
		"http://127.0.0.1:/callback", "http://127.0.0.1:+80/callback", "http://127.0.0.1:80:80/callback",
		"http://127.0.0.1:80@evil.example/callback", "http://127.0.0.1@evil.example/callback",
		"http://127.0.0.1.evil.example/callback", "http://127.0.0.1:80.evil.example/callback",
		"http://127.0.0.1:8080/callback/", "http://127.0.0.1:8080/Callback", "http://127.0.0.1:8080/callback?x=1",
		"http://127.0.0.1:8080", "http://127.0.0.1:8080//callback", "http://127.0.0.1:８０/callback",
		"http://127.0.0.2:8080/callback", "http://127.1:8080/callback", "http://[::1]:8080/callback",
		"http://[0:0:0:0:0:0:0:1]:8400/callback?x=1", "http://[::1]:51234/callback?x=2",
		"http://localhost/callback", "http://localhost:8401/callback", "https://127.0.0.1:8443/callback",
		"HTTP://127.0.0.1:8080/callback", "",
	} {
		require.False(t, public.MatchesRedirectURI(uri), uri)
	}
}

func TestDubiousRedirects(t *testing.T) {
	t.Parallel()
	const local = "http://localhost:3000/callback"
	for _, test := range []struct {
		confidential bool
		uris, want   string
	}{
		{false, callback, ""}, {true, callback, ""}, {false, "", ""}, {true, "", ""},
		{false, local, ""}, {false, "com.example.app:/callback http://127.0.0.1/callback", ""},
		{true, local, "it is confidential, and all its redirect URIs are on the user's own machine"},
		{true, "https://127.0.0.1:8443/callback " + local, "it is confidential"},
		{true, callback + " " + local, "any program on a user's machine can receive its codes at " + local},
		{false, local + " " + callback, "any program on a user's machine"},
	} {
		client := browserClient(strings.Fields(test.uris)...)
		client.Confidential = test.confidential
		found := clients.DubiousRedirects(client)
		require.True(t, strings.HasPrefix(found, test.want), "%+v: %s", test, found)
		require.Equal(t, test.want == "", found == "", "%+v: %s", test, found)
	}
}
