package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	serversettings "github.com/lingpai/lingpai/server/settings"
)

// logout returns the path of a logout request.
func logout(pairs ...string) string {
	query, _ := form{}.with(pairs...).encode()
	return "/end-session?" + query
}

// tokens signs a user in at a client in a browser.
func (v visitor) tokens(user, client string, pairs ...string) answer {
	v.t.Helper()
	a := v.redeem(client, v.codeFor(user, client, pairs...))
	requireTokens(v.t, a)
	return a
}

// more returns tokens for another client, or the same one, while the user is signed in.
func (v visitor) more(client string, pairs ...string) answer {
	v.t.Helper()
	a := v.redeem(client, v.code(v.open(v.request(client, pairs...)), client))
	requireTokens(v.t, a)
	return a
}

func (v visitor) requireSignedOut(pairs ...string) {
	v.t.Helper()
	silent := v.open(v.request("shop", append([]string{"prompt", "none"}, pairs...)...))
	require.Equal(v.t, "login_required", v.answered(silent, "shop").Get("error"))
}

func (v visitor) requireSignedIn() {
	v.t.Helper()
	v.code(v.open(v.request("shop", "prompt", "none")), "shop")
}

// requireEnded requires that no token of a client's session is accepted.
func (w *web) requireEnded(client string, a answer) {
	w.t.Helper()
	requireError(w.t, w.refresh(client, a), http.StatusBadRequest, "invalid_grant")
	requireError(w.t, w.userinfo(a.text("access_token")), http.StatusUnauthorized, "invalid_token")
}

func (w *web) refresh(client string, a answer) answer {
	f := form{"grant_type": "refresh_token", "client_id": client, "refresh_token": a.text("refresh_token")}
	if client != "spa" {
		f = f.with("client_secret", testSecret)
	}
	return w.token(f)
}

// TestLogoutWithAHint ends the session, its siblings and the browser session without a question, except for what works
// without the user (OpenID Connect Back-Channel Logout §2.7), and returns to the client.
func TestLogoutWithAHint(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		w := newWeb(t)
		v := w.visitor()
		hint := v.tokens("alice", "shop")
		sibling := v.more("spa")
		offline := v.more("shop", "scope", "openid offline_access")
		bob := w.visitor()
		other := bob.tokens("bob", "shop")
		target := logout("id_token_hint", hint.text("id_token"), "post_logout_redirect_uri", webBye, "state", "s&t",
			"unknown", "ignored")
		if method == http.MethodPost { // by a form of the client's page: without the cookie
			form, err := url.ParseQuery(strings.TrimPrefix(target, "/end-session?"))
			require.NoError(t, err)
			p := w.visitor().do(method, "/end-session", form, http.Header{"Sec-Fetch-Site": {"cross-site"},
				"Origin": {"https://shop.example.com"}})
			require.Equal(t, http.StatusSeeOther, p.status)
			require.NotContains(t, p.next(), hint.text("id_token"))
			target = p.next()
		}
		p := v.open(target)
		require.Equal(t, http.StatusSeeOther, p.status, p.body)
		require.Equal(t, webBye+"&state=s%26t", p.next())
		require.NotEmpty(t, p.header.Get("Set-Cookie"), "Chromium forgets what the back button would show")
		v.requireSignedOut()
		w.requireEnded("shop", hint)
		w.requireEnded("spa", sibling)
		requireTokens(t, w.refresh("shop", offline))
		requireTokens(t, w.refresh("shop", other))
		bob.requireSignedIn()
	}
}

// TestLogoutWithAnOldHint: the ID token, its session and the browser session may have expired.
func TestLogoutWithAnOldHint(t *testing.T) {
	t.Parallel()
	w := newWeb(t, func(s *settings) {
		s.also(func(c *serversettings.Settings) { c.BrowserIdle, c.BrowserAbsolute = time.Hour, 24*time.Hour })
	})
	v := w.visitor()
	hint := v.tokens("alice", "shop")
	sibling := v.more("spa")
	w.clock.Move(25 * time.Hour)
	requireTokens(t, w.refresh("spa", sibling))
	p := v.open(logout("id_token_hint", hint.text("id_token"), "post_logout_redirect_uri", webBye))
	require.Equal(t, webBye, p.next())
	w.requireEnded("spa", sibling)
}

// TestLogoutOfASessionWithoutABrowser ends this session alone.
func TestLogoutOfASessionWithoutABrowser(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	first, second := w.env.signIn("carol", "scope", "openid"), w.env.signIn("carol", "scope", "openid")
	p := w.visitor().open(logout("id_token_hint", first.text("id_token")))
	require.Equal(t, http.StatusOK, p.status, p.body)
	w.env.requireEnded(t, first)
	requireTokens(t, w.token(refreshForm(second.text("refresh_token"))))
}

// TestLogoutAsks unless an ID token proves whose session it is: otherwise any site could sign users out (CSRF).
func TestLogoutAsks(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	alice := v.tokens("alice", "shop")
	bob := w.visitor()
	foreign := bob.tokens("bob", "shop")
	for name, target := range map[string]string{
		"no hint": logout("client_id", "shop", "post_logout_redirect_uri", webBye, "state", "the state"),
		"a hint about somebody else": logout("id_token_hint", foreign.text("id_token"), "post_logout_redirect_uri",
			webBye, "state", "the state"),
	} {
		question := v.follow(v.open(target))
		require.Contains(t, question.body, "alice", name)
		require.NotContains(t, question.at, "eyJ", "an ID token in the URL of a page")
		v.requireSignedIn()
		foreignForm := v.do(http.MethodPost, question.at, url.Values{}, http.Header{"Sec-Fetch-Site": {"cross-site"},
			"Origin": {"https://evil.example"}})
		require.Equal(t, http.StatusForbidden, foreignForm.status)
		v.requireSignedIn()
		done := v.submit(question)
		require.Equal(t, http.StatusOK, done.status, "Chromium applies form-action to redirects")
		require.Equal(t, webBye+"&state=the+state", done.next())
		v.requireSignedOut()
		w.requireEnded("shop", alice)
		alice = v.tokens("alice", "shop")
	}
	bob.requireSignedOut() // the hint was valid for its own session
	require.Contains(t, v.follow(v.open("/end-session")).body, "alice")
}

// TestLogoutOfOneOfTwoUsers: a hint signs out its user only.
func TestLogoutOfOneOfTwoUsers(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	alice := v.tokens("alice", "shop")
	v.signIn("bob", "shop", "prompt", "login")
	p := v.open(logout("id_token_hint", alice.text("id_token")))
	require.Equal(t, http.StatusOK, p.status)
	w.requireEnded("shop", alice)
	bob := v.more("shop", "prompt", "none")
	require.NotEqual(t, claimsOf(t, alice.text("id_token"))["sub"], claimsOf(t, bob.text("id_token"))["sub"])
}

// TestRefusedLogouts: nothing ends, and the browser is sent nowhere (open redirect).
func TestRefusedLogouts(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	hint := v.tokens("alice", "shop").text("id_token")
	for name, target := range map[string]string{
		"another client":      logout("id_token_hint", hint, "client_id", "spa"),
		"no ID token":         logout("id_token_hint", "eyJhbGciOiJub25lIn0.e30."),
		"an access token":     logout("id_token_hint", v.more("shop").text("access_token")),
		"another issuer":      logout("id_token_hint", newWeb(t).visitor().tokens("alice", "shop").text("id_token")),
		"unknown client":      logout("client_id", "nobody"),
		"no client":           logout("post_logout_redirect_uri", webBye),
		"not registered":      logout("id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example/"),
		"a redirect URI":      logout("id_token_hint", hint, "post_logout_redirect_uri", webCallback),
		"another client's":    logout("id_token_hint", hint, "post_logout_redirect_uri", thirdBye),
		"another spelling":    logout("id_token_hint", hint, "post_logout_redirect_uri", webBye+"#"),
		"repeated":            logout("id_token_hint", hint) + "&state=1&state=2",
		"repeated and empty":  logout("id_token_hint", hint) + "&x=&x=",
		"a long state":        logout("id_token_hint", hint, "state", strings.Repeat("s", 1025)),
		"a control character": logout("id_token_hint", hint, "state", "\n"),
	} {
		page := strings.Replace(target, "/end-session?", "/sign-out?to=end-session&", 1)
		for _, target := range []string{target, page} {
			p := v.open(target)
			require.GreaterOrEqual(t, p.status, http.StatusBadRequest, name)
			require.Empty(t, p.next())
			require.NotRegexp(t, `(href|content|action)="[^"?]*evil`, p.body)
			v.requireSignedIn()
		}
	}
	require.Equal(t, http.StatusNotFound, v.open("/sign-out?to=https://evil.example").status)
	plain := v.do(http.MethodPost, "/end-session", nil, http.Header{"Content-Type": {"text/plain"}})
	require.Equal(t, http.StatusUnsupportedMediaType, plain.status)
}

// TestPartnersGetNoVisitors: who has neither signed in nor answered a question is not sent to a client of somebody
// else. Otherwise anybody with a client could have this server send people to any page (RFC 9700 §4.11.2).
func TestPartnersGetNoVisitors(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	p := v.open(logout("client_id", "partner", "post_logout_redirect_uri", thirdBye))
	require.Equal(t, http.StatusOK, p.status)
	require.Empty(t, p.next())
	require.Contains(t, p.body, `href="`+thirdBye+`"`)
	own := v.open(logout("client_id", "shop", "post_logout_redirect_uri", webBye))
	require.Equal(t, webBye, own.next())
}

// TestLogoutOfADisabledClient: its users are told, and go nowhere.
func TestLogoutOfADisabledClient(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	hint := v.tokens("alice", "shop")
	require.NoError(t, w.database.Clients().Disable(t.Context(), "shop"))
	p := v.open(logout("id_token_hint", hint.text("id_token"), "post_logout_redirect_uri", webBye))
	require.Equal(t, http.StatusUnauthorized, p.status)
	require.Contains(t, p.body, "The client is disabled.")
	require.Empty(t, p.next())
	sessions, err := w.database.BrowserSessions().List(t.Context(), claimsOf(t, hint.text("id_token"))["sub"].(string))
	require.NoError(t, err)
	require.Len(t, sessions, 1)
	require.NotEqual(t, identity.EndedBySignOut, sessions[0].EndReason)
}
