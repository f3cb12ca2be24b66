package provider_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/identity"
)

// TestSigningInWithABrowser is the authorization code flow from the client's link to a refreshed token.
func TestSigningInWithABrowser(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	back := v.signIn("alice", "shop")
	values := v.answered(back, "shop")
	require.Equal(t, "the state", values.Get("state"))
	require.Equal(t, "1", values.Get("tenant"), "the redirect URI's own query stays")
	a := w.redeem("shop", values.Get("code"))
	requireTokens(t, a)
	id := claimsOf(t, a.text("id_token"))
	require.Equal(t, "the nonce", id["nonce"])
	require.Equal(t, "shop", id["aud"])
	require.NotEmpty(t, id["at_hash"])
	require.NotEmpty(t, id["auth_time"])
	require.Equal(t, claimsOf(t, a.text("access_token"))["sid"], id["sid"])
	refreshed := w.token(form{"grant_type": "refresh_token", "client_id": "shop", "client_secret": testSecret,
		"refresh_token": a.text("refresh_token"), "scope": "openid"})
	requireTokens(t, refreshed)
	require.NotContains(t, claimsOf(t, refreshed.text("id_token")), "nonce", "it belongs to the request")

	// The browser is signed in: other clients of the operator need no page.
	code := v.code(v.open(v.request("spa", "prompt", "none")), "spa")
	requireTokens(t, w.redeem("spa", code))
	posted, err := url.ParseQuery(strings.TrimPrefix(v.request("spa"), "/authorize?"))
	require.NoError(t, err)
	foreign := v.do(http.MethodPost, "/authorize", posted, http.Header{"Sec-Fetch-Site": {"cross-site"},
		"Origin": {"https://shop.example.com"}})
	require.Equal(t, http.StatusSeeOther, foreign.status)
	v.code(v.open(foreign.next()), "spa")
}

// TestCodeReplay: a second use ends the session of the first (RFC 6749 §4.1.2): one of the two is a thief.
func TestCodeReplay(t *testing.T) {
	t.Parallel()
	v := newWeb(t).visitor()
	code := v.codeFor("alice", "shop")
	first := v.redeem("shop", code)
	requireTokens(t, first)
	requireError(t, v.redeem("shop", code), http.StatusBadRequest, "invalid_grant")
	v.requireEnded("shop", first)
}

// TestCodesInParallel: of parallel uses one gets tokens, and its session ends with the others.
func TestCodesInParallel(t *testing.T) {
	t.Parallel()
	v := newWeb(t).visitor()
	code := v.codeFor("alice", "shop")
	answers := atOnce(8, func(int) answer { return v.redeem("shop", code) })
	won := 0
	for _, a := range answers {
		if a.status == http.StatusOK {
			won++
			v.requireEnded("shop", a)
		}
	}
	require.Equal(t, 1, won)
}

// TestARepeatedCodeIsAnswered: with the same Idempotency-Key, a lost answer is given again.
func TestARepeatedCodeIsAnswered(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	code := v.codeFor("alice", "shop")
	first := w.redeem("shop", code, ":Idempotency-Key", testKey)
	requireTokens(t, first)
	second := w.redeem("shop", code, ":Idempotency-Key", testKey)
	requireTokens(t, second)
	require.Equal(t, first.text("refresh_token"), second.text("refresh_token"))
	w.clock.Move(5 * time.Minute) // the code has expired, the answer has not
	requireTokens(t, w.redeem("shop", code, ":Idempotency-Key", testKey))
	requireError(t, w.redeem("shop", code, ":Idempotency-Key", testKey+"2"), http.StatusBadRequest, "invalid_grant")
	w.requireEnded("shop", second)
}

// TestStolenCodes: a code is of no use to anybody but the client that asked for it, for its redirect URI and with its
// verifier (mix-up, code injection, PKCE downgrade), and a failed attempt does not harm its owner.
func TestStolenCodes(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	code := v.codeFor("alice", "shop")
	for name, pairs := range map[string][]string{
		"another verifier":     {"code_verifier", strings.Repeat("x", 43)},
		"no verifier":          {"code_verifier", ""},
		"another redirect URI": {"redirect_uri", "https://shop.example.com/callback"},
		"the challenge itself": {"code_verifier", regexp.MustCompile(`code_challenge=([^&]*)`).
			FindStringSubmatch(w.request("shop"))[1]},
	} {
		a := w.redeem("shop", code, pairs...)
		requireError(t, a, http.StatusBadRequest, "invalid_grant")
		require.NotContains(t, a.body, "expired", name)
	}
	requireError(t, w.redeem("spa", code), http.StatusBadRequest, "invalid_grant")
	requireError(t, w.redeem("partner", code), http.StatusBadRequest, "invalid_grant")
	requireError(t, w.redeem("shop", code+"A"), http.StatusBadRequest, "invalid_grant")
	requireTokens(t, w.redeem("shop", code))
}

func TestExpiredCodes(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	v.signIn("alice", "shop")
	for _, age := range []time.Duration{authorize.CodeLifetime, 3 * time.Minute} {
		code := v.code(v.follow(v.open(v.request("shop"))), "shop")
		w.clock.Move(age)
		requireError(t, w.redeem("shop", code), http.StatusBadRequest, "invalid_grant")
	}
}

// TestACodeDiesWithItsBrowserSession: signing out between the code and its use.
func TestACodeDiesWithItsBrowserSession(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	code := v.codeFor("alice", "shop")
	v.submit(v.open("/sign-out"))
	requireError(t, w.redeem("shop", code), http.StatusBadRequest, "invalid_grant")
	v.requireSignedOut()
}

// TestSessionFixation: a cookie from before the sign-in is of no use after it.
func TestSessionFixation(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v, attacker := w.visitor(), w.visitor()
	form := v.follow(v.open(v.request("shop")))
	origin, err := url.Parse(w.issuer)
	require.NoError(t, err)
	before := v.client.Jar.Cookies(origin)
	require.Len(t, before, 1)
	attacker.client.Jar.SetCookies(origin, before)
	v.code(v.enter(form, "alice"), "shop")
	require.NotEqual(t, before[0].Value, v.client.Jar.Cookies(origin)[0].Value)
	attacker.requireSignedOut()

	// A second sign-in replaces the secret of the first.
	old := v.client.Jar.Cookies(origin)
	v.codeFor("alice", "shop", "prompt", "login")
	attacker.client.Jar.SetCookies(origin, old)
	attacker.requireSignedOut()
}

// TestForeignForms: no other site can sign a user in (login CSRF), consent, choose or sign out for them.
func TestForeignForms(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	signIn := v.follow(v.open(v.request("partner")))
	consent := v.enter(signIn, "alice")
	require.Contains(t, consent.body, `id="consent-allow"`)
	chooser := strings.Replace(consent.at, "/consent", "/choose-account", 1)
	for _, target := range []string{signIn.at, consent.at, chooser, "/sign-out"} {
		for name, header := range map[string]http.Header{
			"cross-site":           {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
			"same-site":            {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://evil.shop.example"}},
			"an old browser":       {"Sec-Fetch-Site": nil, "Origin": {"https://evil.example"}},
			"an opaque origin":     {"Sec-Fetch-Site": nil, "Origin": {"null"}},
			"older than headers":   {"Sec-Fetch-Site": nil, "Origin": nil, "Referer": {"https://evil.example/"}},
			"no referrer":          {"Sec-Fetch-Site": nil, "Origin": nil},
			"a similar referrer":   {"Sec-Fetch-Site": nil, "Origin": nil, "Referer": {w.issuer + ".evil.example/"}},
			"hidden behind a port": {"Sec-Fetch-Site": nil, "Origin": {"http://127.0.0.1:1"}},
			"another scheme":       {"Sec-Fetch-Site": nil, "Origin": {strings.Replace(w.issuer, "http", "https", 1)}},
		} {
			values := url.Values{"username": {"alice"}, "password": {testPassword}, "decision": {"allow"}}
			p := v.do(http.MethodPost, target, values, header)
			require.Equal(t, http.StatusForbidden, p.status, "%s %s", name, target)
			require.Empty(t, p.next())
		}
	}
	silent := v.open(v.request("partner", "prompt", "none"))
	require.Equal(t, "consent_required", v.answered(silent, "partner").Get("error"))
}

// TestPagesLeadNowhereElse: "to" is the name of a page, never an address (open redirect).
func TestPagesLeadNowhereElse(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	query := strings.TrimPrefix(w.request("shop"), "/authorize?")
	for _, to := range []string{"", "//evil.example", `\\evil.example`, "https://evil.example", "%2F%2Fevil.example",
		"/\tevil.example", "javascript:alert(1)", "authorize/../token", "AUTHORIZE",
		"authorize&to=https://evil.example"} {
		for _, path := range []string{"/sign-in", "/choose-account", "/consent"} {
			p := v.open(path + "?to=" + url.QueryEscape(to) + "&" + query)
			require.Equal(t, http.StatusNotFound, p.status, to)
			require.Empty(t, p.next())
			require.NotRegexp(t, `(href|content|action|src)="[^"?]*evil`, p.body)
		}
	}
	for _, uri := range []string{"//evil.example", `https:\\evil.example`, "https://shop.example.com@evil.example/",
		webCallback + "#", "https://shop.example.com/callback%3Ftenant=1", "javascript:alert(1)"} {
		p := v.open(w.request("shop", "redirect_uri", uri))
		require.Equal(t, http.StatusBadRequest, p.status, uri)
		require.Empty(t, p.next())
		require.NotContains(t, p.body, `href="`+uri)
		require.Contains(t, p.body, "无法返回原来的应用")
	}
}

// TestCookiesCutOrDoubled: a cookie that is not this server's in one piece is none.
func TestCookiesCutOrDoubled(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	v.signIn("alice", "shop")
	origin, err := url.Parse(w.issuer)
	require.NoError(t, err)
	good := v.client.Jar.Cookies(origin)[0]
	stranger := w.visitor()
	silently := func(cookie string) page {
		return stranger.do(http.MethodGet, w.request("shop", "prompt", "none"), nil, http.Header{"Cookie": {cookie}})
	}
	v.code(silently(good.String()), "shop")
	for name, cookie := range map[string]string{
		"cut": good.Name + "=" + good.Value[:len(good.Value)-1], "doubled": good.String() + "; " + good.String(),
		"empty": good.Name + "=", "long": good.Name + "=" + strings.Repeat(good.Value+".", 9),
		"dots": good.Name + "=...",
	} {
		require.Equal(t, "login_required", v.answered(silently(cookie), "shop").Get("error"), name)
	}
}

// TestConsent: a client of somebody else gets a code only after the user has allowed it, which is remembered.
func TestConsent(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	asked := v.signIn("alice", "partner", "scope", "openid profile")
	require.Contains(t, asked.body, "A partner")
	denied := v.submit(asked, "decision", "deny")
	require.Equal(t, "access_denied", v.answered(denied, "partner").Get("error"))
	allowed := v.follow(v.submit(asked, "decision", "allow"))
	requireTokens(t, w.redeem("partner", v.code(allowed, "partner")))
	v.code(v.open(v.request("partner", "prompt", "none")), "partner")
	more := v.open(v.request("partner", "prompt", "none", "scope", "openid profile offline_access"))
	require.Equal(t, "consent_required", v.answered(more, "partner").Get("error"))
	again := v.follow(v.open(v.request("partner", "prompt", "consent")))
	require.Contains(t, again.body, `id="consent-allow"`)
	v.code(v.follow(v.submit(again, "decision", "allow")), "partner")
}

// TestPagesNameTheClient by its id if it has no name.
func TestPagesNameTheClient(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	record, err := w.database.Clients().Find(t.Context(), "partner")
	require.NoError(t, err)
	record.Name = ""
	require.NoError(t, w.database.Clients().Update(t.Context(), record))
	require.Contains(t, w.visitor().signIn("alice", "partner").body, "<bdi>partner</bdi>")
}

// TestConsentOfAnotherUser: the page of one user consents for nobody else, in another browser or in another tab of this
// one.
func TestConsentOfAnotherUser(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v, other := w.visitor(), w.visitor()
	asked := v.signIn("alice", "partner")
	other.signIn("bob", "partner")
	p := other.submit(asked, "decision", "allow")
	require.Equal(t, http.StatusBadRequest, p.status)
	silent := other.open(w.request("partner", "prompt", "none"))
	require.Equal(t, "consent_required", other.answered(silent, "partner").Get("error"))

	v.signIn("bob", "shop", "prompt", "login")
	alice := w.redeem("partner", v.code(v.follow(v.submit(asked, "decision", "allow")), "partner"))
	require.Equal(t, w.user("alice").ID, claimsOf(t, alice.text("id_token"))["sub"])
	consents, err := w.database.Consents().List(t.Context(), w.user("bob").ID)
	require.NoError(t, err)
	require.Empty(t, consents)
}

// TestSeveralAccounts: where two users are signed in, a page asks for one of them, unless a hint names one.
func TestSeveralAccounts(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	v.signIn("alice", "shop")
	v.signIn("bob", "shop", "prompt", "login")
	silent := v.open(v.request("shop", "prompt", "none"))
	require.Equal(t, "account_selection_required", v.answered(silent, "shop").Get("error"))
	chooser := v.follow(v.open(v.request("shop")))
	for _, user := range []string{"alice", "bob"} {
		a := w.redeem("shop", v.code(v.follow(v.choose(chooser, user)), "shop"))
		requireTokens(t, a)
		require.Equal(t, w.user(user).ID, claimsOf(t, a.text("id_token"))["sub"])
		hinted := v.open(v.request("shop", "prompt", "none", "id_token_hint", a.text("id_token")))
		b := w.redeem("shop", v.code(hinted, "shop"))
		require.Equal(t, claimsOf(t, a.text("id_token"))["sub"], claimsOf(t, b.text("id_token"))["sub"])
	}
	foreign := v.submit(chooser, "account", identity.NewSessionID())
	require.Equal(t, http.StatusBadRequest, foreign.status, "a session of another browser")
}

// TestPromptLogin: prompt=login and max_age ask for the password again, once.
func TestPromptLogin(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	v.signIn("alice", "shop")
	w.clock.Move(time.Minute)
	again := v.follow(v.open(v.request("shop", "prompt", "login")))
	require.Contains(t, again.body, `name="password"`)
	v.code(v.enter(again, "alice"), "shop")
	w.clock.Move(time.Hour)
	old := v.follow(v.open(v.request("shop", "max_age", "1800")))
	require.Contains(t, old.body, `name="password"`)
	v.code(v.enter(old, "alice"), "shop")
	v.code(v.open(v.request("shop", "max_age", "1800")), "shop")
}

// TestAFailedSignInKeepsWhatWasThere: the page still asks for the user who must sign in again, or for another one if
// somebody has chosen that.
func TestAFailedSignInKeepsWhatWasThere(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	v.signIn("alice", "shop")
	w.clock.Move(time.Minute)
	again := v.follow(v.open(v.request("shop", "prompt", "login")))
	wrong := v.submit(again, "username", "alice", "password", "wrong")
	require.Contains(t, wrong.body, `id="other-account"`)
	other := v.open(again.at + "&another_account=1")
	require.NotContains(t, other.body, `id="other-account"`)
	wrong = v.submit(other, "username", "bob", "password", "wrong")
	require.Contains(t, wrong.body, `value="bob"`)
	chinese := v.open(again.at + "&ui_locales=zh-CN")
	v.code(v.enter(chinese, "alice"), "shop")
}

// TestFormPost answers in a form that the page posts to the client.
func TestFormPost(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	p := v.signIn("alice", "shop", "response_mode", "form_post")
	require.Contains(t, p.body, `action="`+webCallback+`"`)
	found := regexp.MustCompile(`name="code" value="([^"]*)"`).FindStringSubmatch(p.body)
	require.NotNil(t, found)
	requireTokens(t, w.redeem("shop", found[1]))
	require.NotContains(t, p.header.Get("Content-Security-Policy"), "form-action")
}

// TestErrorsOfPartnersAreShown: before anybody has signed in, an error of somebody else's client leads to a page.
// Otherwise anybody with a client could have this server send people to any page (RFC 9700 §4.11.2).
func TestErrorsOfPartnersAreShown(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	p := v.open(v.request("partner", "scope", "admin"))
	require.Empty(t, p.next())
	require.Contains(t, p.body, "partner.example.com")
	own := v.open(v.request("shop", "scope", "admin"))
	require.Equal(t, "invalid_scope", v.answered(own, "shop").Get("error"))
}

// TestClickjacking: no page can be shown in a frame, and none is stored.
func TestClickjacking(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	for _, p := range []page{v.follow(v.open(v.request("partner"))), v.signIn("alice", "partner"), v.open("/sign-out"),
		v.open("/authorize"), v.open("/sign-in")} {
		require.Contains(t, p.header.Get("Content-Security-Policy"), "frame-ancestors 'none'", p.at)
		require.Equal(t, "DENY", p.header.Get("X-Frame-Options"))
		require.Equal(t, "no-store", p.header.Get("Cache-Control"))
	}
}

// TestManyTabs: a hundred tabs wait for one sign-in, and all go on after it.
func TestManyTabs(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	tabs := make([]page, 100)
	for n := range tabs {
		tabs[n] = v.follow(v.open(v.request("shop", "state", strings.Repeat("s", n+1))))
		require.Equal(t, http.StatusOK, tabs[n].status)
	}
	v.code(v.enter(tabs[50], "alice"), "shop")
	for n, tab := range tabs {
		values := v.answered(v.follow(v.open(tab.at)), "shop")
		require.NotEmpty(t, values.Get("code"))
		require.Len(t, values.Get("state"), n+1)
	}
}

// TestSignOut ends what came from the browser, except for what works without the user.
func TestSignOut(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	online, offline := v.tokens("alice", "shop"), v.more("shop", "scope", "openid offline_access")
	question := v.open("/sign-out")
	require.Contains(t, question.body, "alice")
	done := v.submit(question)
	require.Equal(t, http.StatusOK, done.status)
	w.requireEnded("shop", online)
	requireTokens(t, w.refresh("shop", offline))
	v.requireSignedOut()
}
