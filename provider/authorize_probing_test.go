package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// alike returns what a page shows and sends, without what differs for each request and the words of this one.
func (p page) alike(words ...string) page {
	header := p.header.Clone()
	for _, name := range []string{"X-Request-Id", "Date"} {
		if value := header.Get(name); value != "" && name != "Date" {
			words = append(words, value)
		}
		header.Del(name)
	}
	for _, word := range words {
		p.body = strings.ReplaceAll(p.body, word, strings.Repeat("*", len(word)))
	}
	return page{status: p.status, header: header, body: p.body}
}

// TestFailedSignInsAtThePageLookAlike: the page does not tell which users there are, neither by its words nor by its
// status, length, headers or cookies.
func TestFailedSignInsAtThePageLookAlike(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	for _, client := range []string{"shop", "partner"} {
		v := w.visitor()
		form := v.follow(v.open(v.request(client)))
		failed := func(name, secret string) page {
			p := v.submit(form, "username", name, "password", secret)
			require.Equal(t, http.StatusBadRequest, p.status, name)
			require.Contains(t, p.body, `id="password-error"`)
			require.Contains(t, p.body, `value="`+name+`"`)
			require.NotContains(t, p.body, secret)
			return p.alike(name)
		}
		for name, nobody := range map[string]string{"alice": "alicf", "disabled": "disablee",
			"without-password": "without-passwore"} {
			require.Equal(t, failed(nobody, "a wrong password"), failed(name, "a wrong password"), name)
		}
		require.Equal(t, failed("disablee", testPassword), failed("disabled", testPassword))
		require.Empty(t, w.browsersOf("disabled"))
		v.requireSignedOut()
	}
}

// TestGuessingAtThePageIsSlowedDownAlike for users and names that nobody has, and together with the token endpoint: who
// is stopped at one goes on at neither.
func TestGuessingAtThePageIsSlowedDownAlike(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	form := v.follow(v.open(v.request("shop")))
	var stopped []page
	for _, name := range []string{"alice", "alicf"} {
		for range 5 {
			p := v.submit(form, "username", name, "password", strings.Repeat("p", 4000))
			require.Equal(t, http.StatusBadRequest, p.status)
		}
		p := v.submit(form, "username", name, "password", testPassword)
		require.Equal(t, http.StatusTooManyRequests, p.status)
		require.Contains(t, p.body, "尝试次数过多")
		stopped = append(stopped, p.alike(name))
		requireError(t, w.token(passwordForm(name, testPassword)), http.StatusTooManyRequests,
			"temporarily_unavailable")
	}
	require.Equal(t, stopped[0], stopped[1])
	v.requireSignedOut()
}

// TestHintsTellNobodyWhoIsThere: a page that a hint has filled in is the same for users and for nobody.
func TestHintsTellNobodyWhoIsThere(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	alice, nobody := w.user("alice").ID, strings.Repeat("0", len(w.user("alice").ID))
	for name, values := range map[string][2]string{"login_hint": {"alice", "alicf"}, "hinted_user": {alice, nobody}} {
		var shown [2]page
		for n, value := range values {
			v := w.visitor()
			p := v.follow(v.open(v.request("partner", name, value)))
			require.Equal(t, http.StatusOK, p.status)
			require.Contains(t, p.body, `name="password"`)
			_, seen, _ := strings.Cut(p.at, "seen=")
			shown[n] = p.alike(value, seen)
			shown[n].header.Del("Set-Cookie")
			silent := v.answered(v.open(v.request("partner", name, value, "prompt", "none")), "partner")
			require.Equal(t, "login_required", silent.Get("error"))
		}
		require.Equal(t, shown[0], shown[1], name)
	}
}

// TestSilentRequestsTellOnlyTheClient: a site that cannot prove to be a client learns nothing by prompt=none about who
// is signed in, and nobody is sent there.
func TestSilentRequestsTellOnlyTheClient(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v, stranger := w.visitor(), w.visitor()
	v.codeFor("alice", "shop")
	w.disable("partner")
	for name, target := range map[string]string{
		"an unknown client":        w.request("nobody", "prompt", "none"),
		"a disabled client":        w.request("partner", "prompt", "none"),
		"another address":          w.request("shop", "prompt", "none", "redirect_uri", "https://evil.example/"),
		"no address":               w.request("shop", "prompt", "none", "redirect_uri", ""),
		"two addresses":            w.request("shop", "prompt", "none") + "&redirect_uri=https://evil.example/",
		"a reference to nothing":   "/authorize?client_id=shop&request_uri=urn:ietf:params:oauth:request_uri:x",
		"an address of the object": w.request("shop", "prompt", "none", "redirect_uri", "", "request", "e30.e30."),
	} {
		p := v.open(target)
		require.GreaterOrEqual(t, p.status, http.StatusBadRequest, name)
		require.Empty(t, p.next(), name)
		require.Equal(t, stranger.open(target).alike(), p.alike(), name)
	}
	p := v.do(http.MethodGet, w.request("shop", "prompt", "none"), nil, http.Header{"Origin": {testOrigin}})
	require.Empty(t, p.header.Get("Access-Control-Allow-Origin"), "no script can read where it leads")
}

// TestForeignHints: an ID token is a hint only if this server has issued it to this client. A client that could name
// the user of another one's token would learn whether they are signed in here.
func TestForeignHints(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v, stranger := w.visitor(), w.visitor()
	tokens := v.tokens("alice", "shop")
	own := tokens.text("id_token")
	parts := strings.Split(own, ".")
	for name, hint := range map[string]string{
		"another client's":    v.more("spa").text("id_token"),
		"of another issuer":   newWeb(t).visitor().tokens("alice", "shop").text("id_token"),
		"an access token":     tokens.text("access_token"),
		"a refresh token":     tokens.text("refresh_token"),
		"without a signature": parts[0] + "." + parts[1] + ".",
		"of no algorithm":     "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"cut":                 own[:len(own)-1],
		"twice":               own + own,
		"a user's id":         w.user("alice").ID,
	} {
		for _, prompt := range []string{"none", ""} {
			target := w.request("shop", "prompt", prompt, "id_token_hint", hint)
			told := v.answered(v.open(target), "shop")
			require.Equal(t, "invalid_request", told.Get("error"), name)
			require.Empty(t, told.Get("code"))
			require.Equal(t, stranger.answered(stranger.open(target), "shop"), told, name)
		}
		requireError(t, w.pushed("shop", "id_token_hint", hint), http.StatusBadRequest, "invalid_request")
	}
	v.code(v.open(w.request("shop", "prompt", "none", "id_token_hint", own)), "shop")
}

// TestPagesAreNotForScripts: no script of any site, registered or not, reads an answer for browsers.
func TestPagesAreNotForScripts(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	form := v.follow(v.open(v.request("shop")))
	query := url.Values{}
	for _, target := range []string{w.request("shop"), form.at, "/choose-account", "/consent", "/device", "/sign-out",
		"/end-session"} {
		for _, origin := range []string{testOrigin, "https://shop.example.com", "https://evil.example", "null"} {
			for _, method := range []string{http.MethodOptions, http.MethodGet, http.MethodPost} {
				p := v.do(method, target, query, http.Header{"Origin": {origin}, "Sec-Fetch-Site": {"cross-site"},
					"Access-Control-Request-Method": {"POST"}})
				for name := range p.header {
					require.NotContains(t, name, "Access-Control-", "%s %s %s", method, target, origin)
				}
			}
		}
	}
}

func (w *web) disable(client string) {
	w.t.Helper()
	require.NoError(w.t, w.database.Clients().Disable(w.t.Context(), client))
}
