package clients_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/clients"
)

// hostileURIs are URIs that other servers accepted, or that browsers and servers read in different ways. The comments
// name what an attacker, or an operator's mistake, gains by each group.
var hostileURIs = []string{
	// scripts and files run or open in the browser that shows the code
	"javascript:alert(document.domain)", "javascript://shop.example.com/%0aalert(1)", "JavaScript:alert(1)",
	" javascript:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>alert(1)</script>",
	"data:text/html;base64,PHNjcmlwdD4=", "vbscript:msgbox(1)", "file:///etc/passwd", "file://localhost/callback",
	"blob:https://shop.example.com/4c9b", "filesystem:https://shop.example.com/temporary/x", "about:blank",
	"view-source:https://shop.example.com/callback", "ftp://shop.example.com/callback", "ws://shop.example.com/",
	"wss://shop.example.com/", "mailto:alice@example.com", "chrome-extension://mjdjmcpgpbfpnolgbhjnjbhpmehbmobb/",
	// schemes that any app of the device may claim
	"myapp:/callback", "myapp://callback", "intent://shop.example.com/#Intent;scheme=https;end", "weixin://dl/",
	"urn:ietf:wg:oauth:2.0:oob", "urn:ietf:wg:oauth:2.0:oob:auto", "Com.Example.App:/callback",
	"com.example.app:callback", "com.example.app:", "com..example:/callback", ".com.example:/callback",
	"com.example.:/callback", "com.example.app:///callback", "com.example.app:/callback/../x",
	"com.example.app://user@callback", "com.example.app://callback:80/", "com.example.app:/callback#x",
	// codes that the network reads
	"http://shop.example.com/callback", "http://127.0.0.2/callback", "http://0.0.0.0/callback", "http://[::]/callback",
	"http://localhost.evil.example/callback", "http://127.0.0.1.evil.example/callback", "http://app.localhost/callback",
	"http://10.0.0.1/callback", "http://[::ffff:127.0.0.1]/callback", "http://[fe80::1%25eth0]/callback",
	// not absolute
	"", "/callback", "//evil.example/callback", "shop.example.com/callback", "callback", "?x", "https:", "https://",
	"https:///callback", "https:/shop.example.com/callback", "https:shop.example.com/callback",
	"https:///shop.example.com/callback", "https:////shop.example.com/callback", "://shop.example.com/", "*", "null",
	// user names, behind which the host hides
	"https://shop.example.com@evil.example/callback", "https://shop.example.com:443@evil.example/callback",
	"https://@shop.example.com/callback", "https://shop.example.com%2f@evil.example/callback",
	"https://shop.example.com%25@evil.example/callback", "https://shop.example.com%40evil.example/callback",
	"https://user:password@shop.example.com/callback", "https://shop.example.com:@evil.example/",
	// backslashes, which browsers read as slashes
	`https:\\shop.example.com\callback`, `https://evil.example\@shop.example.com/callback`,
	`https://shop.example.com\.evil.example/callback`, `https://shop.example.com/callback\..\x`, `\\evil.example\x`,
	`https://shop.example.com/\evil.example`, "https://shop.example.com/callback%5c..%5Cx",
	// other spellings of a host, of which comparisons may recognize only some
	"https://Shop.example.com/callback", "HTTPS://shop.example.com/callback", "https://shop.example.com./callback",
	"https://shop..example.com/callback", "https://.shop.example.com/callback", "https://shop.example.com:443/callback",
	"https://shop.example.com:/callback", "https://shop.example.com:0443/callback",
	"https://shop.example.com:0/callback",
	"https://shop.example.com:65536/callback", "https://shop.example.com:x/callback", "http://127.0.0.1:80/callback",
	"https://商店.example/callback", "https://ｓｈｏｐ.example.com/callback", "https://shop.example.com\u3002/callback",
	"https://sh\u200bop.example.com/callback", "https://xn--0.example/callback", "https://%73hop.example.com/callback",
	"https://shop%00.example.com/callback", "https://shop.example.com%00.evil.example/callback",
	"https://127.1/callback", "https://0x7f.0.0.1/callback", "https://2130706433/callback",
	"https://0177.0.0.1/callback",
	"https://127.0.0.01/callback", "https://[0:0:0:0:0:0:0:1]/callback", "https://[2001:DB8::1]/callback",
	"https://[127.0.0.1]/callback", "https://[::1/callback", "https://shop.example.com,evil.example/callback",
	"https://shop.example.com;evil.example/callback", "https://shop.example.com'/callback", "https://shop!.example/x",
	// wildcards, and more than one URI
	"https://*.example.com/callback", "https://shop.example.com/*", "https://*/", "https://shop.example.com:*/callback",
	"https://shop.example.com/callback,https://evil.example/", "https://shop.example.com/a https://evil.example/",
	// fragments, in which scripts find the code
	"https://shop.example.com/callback#", "https://shop.example.com/callback#x", "https://shop.example.com#/callback",
	"https://shop.example.com/callback?x#y", "https://evil.example#.shop.example.com/callback",
	// paths that lead elsewhere when a browser, a proxy or a server has normalized them
	"https://shop.example.com/callback/../x", "https://shop.example.com/./callback", "https://shop.example.com/..",
	"https://shop.example.com/%2e%2e/x", "https://shop.example.com/.%2E/x", "https://shop.example.com/a/%2e/x",
	"https://shop.example.com/%2fevil.example", "https://shop.example.com//evil.example/callback",
	"https://shop.example.com/callback//", "https://shop.example.com/%252e%252e/x", "https://shop.example.com/%zz",
	"https://shop.example.com/%", "https://shop.example.com/%4", "https://shop.example.com/登录",
	"https://shop.example.com/\u202egpj.callback", `https://shop.example.com/"><script>`,
	"https://shop.example.com/a|b",
	"https://shop.example.com/{tenant}", "https://shop.example.com/a^b", "https://shop.example.com/[a]",
	"https://shop.example.com/`x`",
	// control characters, which end headers and lines of logs
	"https://shop.example.com/callback\r\nSet-Cookie: a=b", "https://shop.example.com/callback%0d%0aX: y",
	"https://shop.example.com/callback%0D%0Ax", "https://shop.example.com/callback?x=%0d%0ay",
	"https://shop.example.com/callback\x00", "https://shop.example.com/callback%00", "https://shop.example.com/\x7f",
	"https://shop.example.com/%7f", "\thttps://shop.example.com/callback", "https://shop.example.com/callback\n",
	"https://shop.example.com/call back", "https://shop.example.com/callback ",
	"\u00a0https://shop.example.com/callback",
	"\ufeffhttps://shop.example.com/callback", "https://shop.example.com/\xff",
	// queries that hide or repeat what the server adds
	"https://shop.example.com/callback?", "https://shop.example.com/callback?code=x",
	"https://shop.example.com/?a&state=",
	"https://shop.example.com/callback?iss=https://evil.example", "https://shop.example.com/callback?error=x",
	"https://shop.example.com/callback?%63ode=x", "https://shop.example.com/callback?a=1;code=x",
	"https://shop.example.com/callback?x=%", "https://shop.example.com/callback?x=%4", "https://shop.example.com?x=商店",
	// too long
	"https://shop.example.com/" + strings.Repeat("a", 2048-len("https://shop.example.com/")+1),
}

// TestHostileRedirectURIsAreNotRegistered is the attack of an open redirector: a URI that the operator took for a page
// of the client, and that leads the user's browser, and the code, to somebody else.
func TestHostileRedirectURIsAreNotRegistered(t *testing.T) {
	t.Parallel()
	require.Greater(t, len(hostileURIs), 60)
	for _, uri := range hostileURIs {
		for _, confidential := range []bool{true, false} {
			client := browserClient(callback, uri)
			client.Confidential, client.PostLogoutRedirectURIs = confidential, []string{uri}
			client.BackchannelLogoutURI, client.InitiateLoginURI = uri, uri
			want := fields("redirect_uris", "", "post_logout_redirect_uris", "", "backchannel_logout_uri", "",
				"initiate_login_uri", "")
			if uri == "" { // there are none of the last two
				want = want[:2]
			}
			err := clients.Check(client, registered())
			requireFields(t, want, err, uri)
			require.NotContains(t, err.Error(), "\r", "what is quoted is escaped")
			require.Less(t, len(err.Error()), 2000, "what is quoted is short")
		}
	}
	longest := "https://shop.example.com/" + strings.Repeat("a", 2048-len("https://shop.example.com/"))
	require.NoError(t, clients.Check(browserClient(longest), registered()))
}

// TestDeviationsFromARedirectURIDoNotMatch is the attack of a request that names a URI like a registered one, which a
// comparison after decoding, of hosts, of prefixes or of suffixes takes for it.
func TestDeviationsFromARedirectURIDoNotMatch(t *testing.T) {
	t.Parallel()
	const uri = "https://shop.example.com/callback?x=1"
	deviations := []string{
		"https://shop.example.com/callback", "https://shop.example.com/callback?x=1&y=2", "https://shop.example.com/",
		"https://shop.example.com/callback?x=1&x=1", "https://shop.example.com/callback?x=%31",
		"https://shop.example.com/callback?x=1&", "https://shop.example.com/callback?x=1#", uri + "#x", uri + " ",
		" " + uri, uri + "\x00", uri + "\r\n", uri + "/", uri + "%00", uri + "%20",
		"https://shop.example.com/callback/?x=1",
		"https://shop.example.com/Callback?x=1", "https://shop.example.com/%63allback?x=1",
		"https://shop.example.com/./callback?x=1", "https://shop.example.com/a/../callback?x=1",
		"https://shop.example.com//callback?x=1", "https://shop.example.com/callback;a?x=1",
		"https://shop.example.com/callback/../evil?x=1", "https://shop.example.com/callback%3Fx=1",
		`https://shop.example.com\callback?x=1`, `https:\\shop.example.com/callback?x=1`,
		"https://shop.example.com:443/callback?x=1", "https://shop.example.com:8443/callback?x=1",
		"https://shop.example.com./callback?x=1", "https://SHOP.example.com/callback?x=1",
		"HTTPS://shop.example.com/callback?x=1", "http://shop.example.com/callback?x=1",
		"https://evilshop.example.com/callback?x=1", "https://shop.example.com.evil.example/callback?x=1",
		"https://a.shop.example.com/callback?x=1", "https://example.com/callback?x=1",
		"//shop.example.com/callback?x=1",
		"https://shop.example.com@evil.example/callback?x=1", "https://evil.example@shop.example.com/callback?x=1",
		`https://evil.example\@shop.example.com/callback?x=1`, "https://shop.example.com%2f@evil.example/callback?x=1",
		"https://evil.example/https://shop.example.com/callback?x=1", "https://evil.example/?" + uri, "/callback?x=1",
		"https://ｓｈｏｐ.example.com/callback?x=1", "https://shop.example.com/callback？x=1",
		"shop.example.com/callback?x=1",
		"javascript:alert(1)//" + uri, "https%3A%2F%2Fshop.example.com%2Fcallback%3Fx%3D1", strings.ToUpper(uri),
		"*", "",
	}
	for _, confidential := range []bool{true, false} {
		client := clients.Client{Client: browserClient(uri)}
		client.Confidential = confidential
		require.True(t, client.MatchesRedirectURI(uri))
		for _, other := range slices.Concat(deviations, hostileURIs) {
			require.False(t, client.MatchesRedirectURI(other), other)
		}
		require.False(t, clients.Client{}.MatchesRedirectURI(""), "a client without URIs matches none")
	}
}
