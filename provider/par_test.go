package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// push pushes an authorization request of a client, and returns the path of /authorize with its request_uri.
func (w *web) push(client string, pairs ...string) string {
	w.t.Helper()
	a := w.pushed(client, pairs...)
	require.Equal(w.t, http.StatusCreated, a.status, a.body)
	require.Equal(w.t, "no-store", a.header.Get("Cache-Control"))
	require.EqualValues(w.t, 600, a.members["expires_in"])
	return "/authorize?" + url.Values{"client_id": {client}, "request_uri": {a.text("request_uri")}}.Encode()
}

// pushed is the answer to a pushed request. A value of "" leaves a parameter out.
func (w *web) pushed(client string, pairs ...string) answer {
	values, err := url.ParseQuery(strings.TrimPrefix(w.request(client), "/authorize?"))
	require.NoError(w.t, err)
	if client != "spa" {
		values.Set("client_secret", testSecret)
	}
	for n := 0; n < len(pairs); n += 2 {
		values.Set(pairs[n], pairs[n+1])
	}
	return w.post("/par", values.Encode(), nil)
}

// TestPushedRequests are shown and answered like others, in any language, and may be long (RFC 9126).
func TestPushedRequests(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	for _, client := range []string{"shop", "spa"} {
		v := w.visitor()
		target := w.push(client, "state", strings.Repeat("s", 1024), "nonce", strings.Repeat("n", 255), "login_hint",
			"alice", "ui_locales", "en", "scope", "openid profile")
		form := v.follow(v.open(target))
		require.Contains(t, form.body, `value="alice"`)
		require.Contains(t, form.body, `<html lang="en"`)
		require.NotContains(t, form.at, "nnnn", "only the reference goes through the browser")
		inChinese := strings.Replace(form.at, "ui_locales=en", "ui_locales=zh-CN", 1)
		require.Contains(t, v.open(inChinese).body, `<html lang="zh-CN"`)
		values := v.answered(v.enter(form, "alice"), client)
		require.Equal(t, strings.Repeat("s", 1024), values.Get("state"))
		tokens := w.redeem(client, values.Get("code"))
		requireTokens(t, tokens)
		require.Equal(t, strings.Repeat("n", 255), claimsOf(t, tokens.text("id_token"))["nonce"])
	}
}

// TestAPushedRequestIsAnsweredOnce: of several uses, also in parallel, one gets a code.
func TestAPushedRequestIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	v.signIn("alice", "shop")
	target := w.push("shop")
	pages := atOnce(8, func(int) page { return v.open(target) })
	codes := 0
	for _, p := range pages {
		if strings.Contains(p.next(), "code=") {
			codes++
			continue
		}
		require.Equal(t, http.StatusBadRequest, p.status)
		require.Contains(t, p.body, "页面已过期")
	}
	require.Equal(t, 1, codes)
}

// TestPagesDoNotUsePushedRequestsUp: somebody who has signed in in another tab meanwhile may reload a page, or mistype
// the password of another account, and the request is still there.
func TestPagesDoNotUsePushedRequestsUp(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	form := v.follow(v.open(w.push("shop")))
	v.signIn("alice", "shop")
	reloaded := v.open(form.at)
	require.Equal(t, http.StatusSeeOther, reloaded.status)
	p := v.submit(v.open(form.at+"&another_account=1"), "username", "bob", "password", "wrong password")
	require.Equal(t, http.StatusBadRequest, p.status)
	v.code(v.follow(reloaded), "shop")
	require.Contains(t, v.open(reloaded.next()).body, "页面已过期", "the code has used it up")
}

// TestPushedRequestsOfOthers: a reference is of use to its client only, for ten minutes, and says nothing otherwise.
func TestPushedRequestsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	v.signIn("alice", "shop")
	target := w.push("shop")
	requirePage := func(target string) {
		t.Helper()
		p := v.open(target)
		require.Equal(t, http.StatusBadRequest, p.status)
		require.Empty(t, p.next(), "nobody is told: the redirect URI is not proved")
		require.Contains(t, p.body, "页面已过期")
	}
	requirePage(strings.Replace(target, "client_id=shop", "client_id=spa", 1))
	requirePage(strings.Replace(target, "client_id=shop", "client_id=nobody", 1))
	requirePage(target + "x")
	require.Equal(t, http.StatusBadRequest, v.open(target+"&client_id=shop").status)
	require.Equal(t, http.StatusBadRequest, v.open(target+"&request_uri=x").status)
	p := v.open(target + "&redirect_uri=https%3A%2F%2Fevil.example&state=other&scope=profile")
	require.Equal(t, "the state", v.answered(p, "shop").Get("state"), "parameters beside the reference do not count")

	target = w.push("shop")
	w.clock.Move(10*time.Minute + time.Second)
	requirePage(target)
	target = w.push("shop")
	w.volatile.broken.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, v.open(target).status)
	requireError(t, w.pushed("shop"), http.StatusServiceUnavailable, "temporarily_unavailable")
	w.volatile.broken.Store(false)
	w.update("shop", func(c *identity.Client) { c.RedirectURIs = []string{thirdCallback} })
	require.Empty(t, v.open(target).next(), "the client has changed since")
}

// TestBadPushedRequests are refused when they are pushed, without a page.
func TestBadPushedRequests(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	for name, test := range map[string]struct {
		status int
		code   string
		pairs  []string
	}{
		"no secret":        {http.StatusUnauthorized, "invalid_client", []string{"client_secret", "wrong"}},
		"another client":   {http.StatusUnauthorized, "invalid_client", []string{"client_id", "nobody"}},
		"a reference":      {http.StatusBadRequest, "invalid_request", []string{"request_uri", "urn:x"}},
		"a request object": {http.StatusBadRequest, "request_not_supported", []string{"request", "x"}},
		"another address": {http.StatusBadRequest, "invalid_request",
			[]string{"redirect_uri", "https://evil.example"}},
		"no challenge": {http.StatusBadRequest, "invalid_request", []string{"code_challenge", ""}},
		"another type": {http.StatusBadRequest, "unsupported_response_type",
			[]string{"response_type", "token"}},
		"a scope": {http.StatusBadRequest, "invalid_scope", []string{"scope", "openid everything"}},
		"a resource": {http.StatusBadRequest, "invalid_target",
			[]string{"resource", "https://api.example.com"}},
		"a long state":        {http.StatusBadRequest, "invalid_request", []string{"state", strings.Repeat("s", 1025)}},
		"a control character": {http.StatusBadRequest, "invalid_request", []string{"nonce", "\n"}},
	} {
		requireError(t, w.pushed("shop", test.pairs...), test.status, test.code)
		t.Log(name)
	}
	require.Equal(t, http.StatusMethodNotAllowed, w.get("/par", nil).status)
	require.NotContains(t, w.volatile.called(), "Put", "nothing is kept")
}

// TestClientsThatMustPush: a request in the URL could have been changed on its way through the browser.
func TestClientsThatMustPush(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	w.update("shop", func(c *identity.Client) { c.RequirePAR = true })
	v := w.visitor()
	p := v.open(w.request("shop"))
	require.Equal(t, "invalid_request", v.answered(p, "shop").Get("error"))
	v.code(v.enter(v.follow(v.open(w.push("shop"))), "alice"), "shop")
}

// TestFloodsOfPushedRequests: nobody can fill the store in the name of a public client, and others are not hit.
func TestFloodsOfPushedRequests(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	requireLimited(t, 300, func() answer { return w.pushed("spa") })
	w.push("shop")
	w.clock.Move(time.Minute)
	w.push("spa")
}

// TestStepsOfOtherPushedRequests: what a browser has done for one pushed request counts for no other, not even for one
// with the same content, and one that asks silently gets only errors until somebody is signed in.
func TestStepsOfOtherPushedRequests(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	silent := w.push("shop", "prompt", "none", "response_mode", "form_post")
	for range 2 {
		p := v.open(silent)
		require.Equal(t, http.StatusOK, p.status)
		require.Contains(t, p.body, `value="login_required"`, "an error does not use the request up")
	}
	v.signIn("alice", "shop")
	require.Contains(t, v.open(silent).body, `name="code"`)
	require.Equal(t, http.StatusBadRequest, v.open(silent).status)

	first, second := w.push("shop", "prompt", "login"), w.push("shop", "prompt", "login")
	done := v.submit(v.follow(v.open(first)), "username", "alice", "password", testPassword).next()
	seen, err := url.Parse(done)
	require.NoError(t, err)
	p := v.open(second + "&" + url.Values{"seen": {seen.Query().Get("seen")}}.Encode())
	require.Contains(t, p.next(), "/sign-in?", "they have not signed in for this one")
	require.Contains(t, v.open(second+"&prompt=none").next(), "/sign-in?")
	v.code(v.open(done), "shop")

	consent := v.follow(v.open(w.push("partner")))
	v.code(v.follow(v.submit(consent, "decision", "allow")), "partner")
	require.Empty(t, v.follow(v.submit(consent, "decision", "allow")).next(), "the request is used up")
}

// TestReferencesToPushedRequests in other spellings are those of nothing.
func TestReferencesToPushedRequests(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	v.signIn("alice", "shop")
	parsed, err := url.Parse(w.push("shop"))
	require.NoError(t, err)
	uri := parsed.Query().Get("request_uri")
	for _, other := range []string{strings.ToLower(uri), strings.ToUpper(uri), uri + "\x00", uri + " ", " " + uri,
		uri + "#x", uri + "?x", strings.Replace(uri, "urn:", "urn:urn:", 1), uri[:len(uri)-1], uri + uri,
		"urn:ietf:params:oauth:request_uri:", "urn:ietf:params:oauth:request_uri:" + strings.Repeat("x", 8<<10)} {
		p := v.open("/authorize?" + url.Values{"client_id": {"shop"}, "request_uri": {other}}.Encode())
		require.Equal(t, http.StatusBadRequest, p.status, "%q", other)
		require.Empty(t, p.next())
	}
	v.code(v.open("/authorize?"+parsed.RawQuery), "shop")
}

// TestPushedRequestsThatWereLost: after the store was flushed, a reference is one to nothing, and nobody is signed in
// by it or sent anywhere.
func TestPushedRequestsThatWereLost(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	first := w.push("shop")
	form := v.follow(v.open(first))
	require.Contains(t, form.body, `name="password"`)
	w.flush(first)
	for _, p := range []page{v.open(first), v.open(form.at), v.submit(form, "username", "alice", "password",
		testPassword)} {
		require.Equal(t, http.StatusBadRequest, p.status)
		require.Empty(t, p.next())
		require.Contains(t, p.body, "页面已过期")
	}
	require.Empty(t, w.browsersOf("alice"))

	consent := v.enter(v.follow(v.open(w.push("partner"))), "alice")
	w.flush(consent.at)
	require.Empty(t, v.submit(consent, "decision", "deny").next())
	require.Empty(t, v.submit(consent, "decision", "allow").next())
	w.requireNoConsent("alice")
}

// flush takes the pushed request that an address refers to out of the store.
func (w *web) flush(address string) {
	w.t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(w.t, err)
	id := strings.TrimPrefix(parsed.Query().Get("request_uri"), "urn:ietf:params:oauth:request_uri:")
	_, err = w.volatile.Take(w.t.Context(), identity.VolatileKey("pushed request", id))
	require.NoError(w.t, err)
}

// TestChangesAfterAPush: what a client may do counts when its request is used, also if it was pushed before.
func TestChangesAfterAPush(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(c *identity.Client)
		want   string // the error that the client learns; "": none
	}{
		"disabled":                 {nil, ""},
		"another address":          {func(c *identity.Client) { c.RedirectURIs = []string{thirdCallback} }, ""},
		"the grant taken away":     {func(c *identity.Client) { c.Grants = []string{oauth.GrantRefreshToken} }, ""},
		"a scope taken away":       {func(c *identity.Client) { c.Scopes = []string{"openid"} }, "invalid_scope"},
		"no longer the operator's": {func(c *identity.Client) { c.FirstParty = false }, "consent_required"},
	} {
		w := newWeb(t)
		v := w.visitor()
		v.signIn("alice", "shop")
		target := w.push("shop", "scope", "openid profile", "prompt", "none")
		record, err := w.database.Clients().Find(t.Context(), "shop")
		require.NoError(t, err)
		if test.change == nil {
			w.disable("shop")
		} else {
			if test.change(&record); !record.Allows(oauth.GrantAuthorizationCode) {
				record.RedirectURIs, record.PostLogoutRedirectURIs = nil, nil
			}
			require.NoError(t, w.database.Clients().Update(t.Context(), record))
		}
		p := v.open(target)
		if test.want == "" {
			require.GreaterOrEqual(t, p.status, http.StatusBadRequest, name)
			require.Empty(t, p.next(), name)
			continue
		}
		require.Equal(t, test.want, v.answered(p, "shop").Get("error"), name)
	}
}
