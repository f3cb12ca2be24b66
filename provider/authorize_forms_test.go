package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLinksDecideNothing: what a form decides cannot be put into a link, which any site can lead a browser to.
func TestLinksDecideNothing(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	v, stranger := w.visitor(), w.visitor()
	asked := v.signIn("alice", "partner")
	signIn := stranger.follow(stranger.open(w.request("shop")))
	d := w.device("tv")
	device := v.approval(d, "alice")
	allow := asked.hidden("decision", "allow")
	for name, link := range map[string]struct {
		visitor visitor
		at      string
		values  url.Values
	}{
		"a password": {stranger, signIn.at, url.Values{"username": {"alice"}, "password": {testPassword}}},
		"a consent":  {v, asked.at, allow},
		"a device":   {v, device.at, device.hidden("decision", "allow")},
		"an account": {v, strings.Replace(asked.at, "/consent", "/choose-account", 1),
			url.Values{"account": allow["session"]}},
		"signing out": {v, "/sign-out?ui_locales=en", url.Values{"decision": {"allow"}}},
	} {
		target := link.at + "&" + link.values.Encode()
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete,
			http.MethodPatch, "TRACE"} {
			p := link.visitor.do(method, target, nil, http.Header{"X-Http-Method-Override": {"POST"}})
			require.NotContains(t, p.header.Get("Set-Cookie"), ".", "%s %s", method, name)
			require.NotRegexp(t, "[?&]code=", p.next())
		}
		if name != "signing out" { // whose form has no fields
			p := link.visitor.do(http.MethodPost, target, url.Values{"x": {"y"}}, nil)
			require.NotRegexp(t, "[?&]code=", p.next(), "a form whose fields are in the address")
		}
	}
	d.requirePoll("authorization_pending")
	v.requireSignedIn()
	stranger.requireSignedOut()
	w.requireNoConsent("alice")
}

// requireNoConsent requires that a user has allowed no client anything.
func (w *web) requireNoConsent(user string) {
	w.t.Helper()
	consents, err := w.database.Consents().List(w.t.Context(), w.user(user).ID)
	require.NoError(w.t, err)
	require.Empty(w.t, consents)
}

// TestFormsCannotChangeTheRequest: a form says what the user decides, and nothing about the request (C31 of the
// attacks).
func TestFormsCannotChangeTheRequest(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	more := []string{"scope", "openid profile offline_access", "client_id", "shop", "redirect_uri",
		"https://evil.example/", "state", "another", "response_mode", "form_post", "to", "device", "seen", "x",
		"code_challenge", strings.Repeat("A", 43), "prompt", "none", "hinted_user", w.user("bob").ID}
	asked := v.follow(v.submit(v.follow(v.open(w.request("partner"))), append(more, "username", "alice", "password",
		testPassword)...))
	values := v.answered(v.follow(v.submit(asked, append(more, "decision", "allow")...)), "partner")
	require.Equal(t, "the state", values.Get("state"))
	a := w.redeem("partner", values.Get("code"))
	requireTokens(t, a)
	require.Equal(t, w.user("alice").ID, claimsOf(t, a.text("id_token"))["sub"])
	require.Equal(t, "partner", claimsOf(t, a.text("id_token"))["aud"])
	consent, err := w.database.Consents().Find(t.Context(), w.user("alice").ID, "partner", "")
	require.NoError(t, err)
	require.Equal(t, []string{"openid"}, consent.Scopes)
}

// TestFormsWithABrokenCookie sign nobody in: of two cookies, one may be an attacker's, who wants the user to act in
// their account (login CSRF).
func TestFormsWithABrokenCookie(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	v, attacker := w.visitor(), w.visitor()
	attacker.signIn("bob", "shop")
	planted := attacker.cookies()[0]
	asked := v.signIn("alice", "partner")
	d := w.device("tv")
	device, own := v.approval(d, "alice"), v.cookies()[0]
	signIn := onPage("sign-in", w.request("shop"))
	browserless := w.visitor()
	for name, cookie := range map[string]string{
		"no": "", "the attacker's first": planted.String() + "; " + own.String(),
		"the attacker's last": own.String() + "; " + planted.String(), "a cut": own.String()[:len(own.String())-1],
		"many in one":  own.Name + "=" + strings.Repeat(own.Value+".", 4) + planted.Value,
		"another name": "__Host-" + own.String(), "quotes around": own.Name + `="` + own.Value[:9] + `"`,
	} {
		for target, values := range map[string]url.Values{
			signIn:    {"username": {"alice"}, "password": {testPassword}},
			asked.at:  asked.hidden("decision", "allow"),
			device.at: device.hidden("decision", "allow"),
			strings.Replace(asked.at, "/consent", "/choose-account", 1): {"account": asked.hidden()["session"]},
		} {
			p := browserless.do(http.MethodPost, target, values, http.Header{"Cookie": {cookie}})
			require.GreaterOrEqual(t, p.status, http.StatusBadRequest, "%s cookie at %s", name, target)
			require.Empty(t, p.header.Get("Set-Cookie"))
			require.Empty(t, p.next())
		}
	}
	d.requirePoll("authorization_pending")
	w.requireNoConsent("alice")
	require.Len(t, w.browsersOf("alice"), 1)
}

// TestTabsAtOnce: a browser without a cookie opens a hundred tabs at the same time, somebody signs in in one of them,
// and all the others go on at the same time.
func TestTabsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	state := func(n int) string { return strings.Repeat("s", n+1) }
	tabs := atOnce(100, func(n int) page {
		prompt := []string{"", "login"}[n%2]
		return v.follow(v.open(w.request("shop", "state", state(n), "prompt", prompt)))
	})
	v.code(v.enter(tabs[50], "alice"), "shop")
	answers := atOnce(100, func(n int) page { return v.follow(v.open(tabs[n].at)) })
	codes := map[string]bool{}
	for n, p := range answers {
		if strings.Contains(p.body, `name="password"`) { // its request wants a sign-in of its own
			require.Equal(t, 1, n%2)
			continue
		}
		values := v.answered(p, "shop")
		require.Equal(t, state(n), values.Get("state"))
		codes[values.Get("code")] = true
	}
	require.GreaterOrEqual(t, len(codes), 50)
	require.Len(t, w.browsersOf("alice"), 1)
}

// TestBackAfterSignOut: pages from before a sign-out, and a copy of the cookie from before it, lead to a new sign-in.
func TestBackAfterSignOut(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	v := w.visitor()
	d, code := w.device("tv"), v.codeFor("alice", "shop")
	sent := v.submit(v.follow(v.open(w.request("partner"))), "decision", "allow")
	asked := v.asking()
	chooser := v.follow(v.open(w.request("shop", "prompt", "select_account")))
	device := v.approval(d, "alice")
	before := v.cookies()
	v.submit(v.open("/sign-out"))

	for name, cookies := range map[string][]*http.Cookie{"as it is": v.cookies(), "as it was": before} {
		v.cookies(cookies...)
		v.requireSignedOut()
		for _, back := range []string{sent.next(), asked.at, chooser.at, device.at, w.request("shop")} {
			p := v.follow(v.open(back))
			require.Contains(t, p.body, `name="password"`, "%s: %s", name, back)
			require.NotContains(t, p.body, "alice")
		}
		for _, again := range []page{v.submit(asked, "decision", "allow"), v.choose(chooser, "alice"),
			v.submit(device, "decision", "allow"), v.submit(device, "decision", "deny")} {
			require.Equal(t, http.StatusBadRequest, again.status, name)
			require.Contains(t, again.body, "页面已过期")
			require.Empty(t, again.next())
		}
		require.Equal(t, http.StatusOK, v.open("/sign-out").status)
		require.NotContains(t, v.open("/sign-out").body, "alice")
	}
	d.requirePoll("authorization_pending")
	requireError(t, w.redeem("shop", code), http.StatusBadRequest, "invalid_grant")
	require.Empty(t, w.browsersOf("alice"))
}
