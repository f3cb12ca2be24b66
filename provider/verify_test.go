package provider_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const forTestAudience = "/verify?audience=https://api.example.com"

// verify calls /verify as a gateway of testAudience does; more is the rest of the query.
func (w tokenCalls) verify(token, more string) answer {
	return w.get(forTestAudience+more, bearer(token))
}

// TestVerifyIdentifiesTheCaller in headers that a gateway can pass on, and only for GET and HEAD.
func TestVerifyIdentifiesTheCaller(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	user := w.signIn("alice", "scope", "openid api").text("access_token")
	sub, _ := claimsOf(t, user)["sub"].(string)
	own, silent := w.token(serviceForm()).text("access_token"),
		w.token(serviceForm().with("scope", "offline_access")).text("access_token")
	sid, _ := claimsOf(t, user)["sid"].(string)
	require.NotEmpty(t, sid)
	for name, c := range map[string]struct{ token, query, subject, client, session, scope string }{
		"a user":                   {user, "", sub, "mini", sid, "openid api"},
		"a user, scope needed":     {user, "&scope=api", sub, "mini", sid, "openid api"},
		"a user, scopes needed":    {user, "&scope=api%20openid", sub, "mini", sid, "openid api"},
		"a client for itself":      {own, "&scope=api", "service", "service", "", "api"},
		"a client without a scope": {silent, "", "service", "service", "", ""},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			header := bearer(c.token)
			header.Set("X-Auth-Subject", "u_admin")
			header.Set("X-Auth-Scope", "admin")
			header.Set("X-Auth-Session", "made-up")
			a := w.ask(method, forTestAudience+c.query, nil, header)
			require.Equal(t, http.StatusNoContent, a.status, "%s: %s", name, a.body)
			require.Empty(t, a.body)
			require.Equal(t, []string{"Cache-Control", "Date", "X-Auth-Client", "X-Auth-Scope", "X-Auth-Session",
				"X-Auth-Subject", "X-Content-Type-Options",
				"X-Request-Id"}, headerNames(a))
			require.Equal(t, "no-store", a.header.Get("Cache-Control"))
			require.Equal(t, []string{c.subject}, a.header.Values("X-Auth-Subject"))
			require.Equal(t, []string{c.client}, a.header.Values("X-Auth-Client"))
			require.Equal(t, []string{c.session}, a.header.Values("X-Auth-Session"),
				"it distinguishes users from clients, and is set even if empty")
			require.Equal(t, []string{c.scope}, a.header.Values("X-Auth-Scope"), "likewise")
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions,
		http.MethodTrace} {
		a := w.ask(method, forTestAudience, nil, bearer(user))
		requireError(t, a, http.StatusMethodNotAllowed, "invalid_request")
		require.Equal(t, "GET, HEAD", a.header.Get("Allow"))
	}
}

// TestVerifyAsksNoSessionOfAClientsOwnToken, since there is none.
func TestVerifyAsksNoSessionOfAClientsOwnToken(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	require.Equal(t, http.StatusNoContent, w.verify(w.token(serviceForm()).text("access_token"), "").status)
	require.Empty(t, w.touched.String())
}

// TestVerifyRefusesTokens that are missing (without calling anything invalid, RFC 6750 §3.1), forged, or of
// another kind.
func TestVerifyRefusesTokens(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.signIn("alice", "scope", "openid")
	good := a.text("access_token")
	for name, header := range map[string]http.Header{
		"none":         {},
		"empty":        {"Authorization": {""}},
		"Bearer alone": {"Authorization": {"Bearer "}},
		"Basic":        {"Authorization": {basic("backend", testSecret)}},
		"in a cookie":  {"Cookie": {"access_token=" + good}},
		"other headers": {"X-Access-Token": {good}, "Proxy-Authorization": {"Bearer " + good},
			"X-Forwarded-Uri": {"/?access_token=" + good}},
	} {
		for _, query := range []string{"", "&scope=openid"} {
			a := w.get(forTestAudience+query, header)
			requireError(t, a, http.StatusUnauthorized, "invalid_token")
			require.Equal(t, `Bearer realm="lingpai"`, a.header.Get("WWW-Authenticate"), name)
		}
	}
	want := w.verify("x", "")
	for name, token := range w.forgeries(t, a) {
		got := w.verify(token, "")
		requireError(t, got, http.StatusUnauthorized, "invalid_token")
		require.Equal(t, withoutRequestID(want), withoutRequestID(got), name)
		require.Contains(t, got.header.Get("WWW-Authenticate"), `Bearer realm="lingpai", error="invalid_token"`)
		require.Empty(t, got.header.Get("X-Auth-Subject"))
	}
	twice := w.get(forTestAudience, http.Header{"Authorization": {"Bearer " + good, "Bearer " + good}})
	requireError(t, twice, http.StatusBadRequest, "invalid_request")
	require.Equal(t, http.StatusUnauthorized, w.ask(http.MethodHead, forTestAudience, nil, nil).status)
}

// TestVerifySeesTheEnd of a token, its session, user and client, before any other reason for rejection.
func TestVerifySeesTheEnd(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	ctx := context.Background()
	for name, end := range map[string]func(a answer){
		"revoked": func(a answer) { requireRevoked(t, w.revoke(a.text("refresh_token"))) },
		"user disabled": func(a answer) {
			require.NoError(t, w.database.Users().Disable(ctx, claimsOf(t, a.text("access_token"))["sub"].(string)))
		},
		"expired": func(answer) { w.clock.Move(time.Hour + time.Second) },
	} {
		a := w.signIn(name)
		require.Equal(t, http.StatusNoContent, w.verify(a.text("access_token"), "").status)
		end(a)
		requireError(t, w.verify(a.text("access_token"), ""), http.StatusUnauthorized, "invalid_token")
		requireError(t, w.verify(a.text("access_token"), "&scope=admin"), http.StatusUnauthorized, "invalid_token")
	}
	own := w.token(serviceForm()).text("access_token")
	require.NoError(t, w.database.Clients().Disable(ctx, "service"))
	requireError(t, w.verify(own, ""), http.StatusUnauthorized, "invalid_token")
}

// TestVerifyChecksAudienceAndScope: a token for another API, or with too little scope, is answered with 403, which is
// no reason to refresh.
func TestVerifyChecksAudienceAndScope(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.signIn("alice", "scope", "openid api").text("access_token")
	for _, audience := range []string{"https://other.example.com", "https://api.example.com/",
		"https://API.example.com", "mini", "orders-api", "*", w.issuer} {
		a := w.get("/verify?audience="+url.QueryEscape(audience), bearer(token))
		requireError(t, a, http.StatusForbidden, "insufficient_scope")
		require.NotContains(t, a.header.Get("WWW-Authenticate"), "scope=")
		require.Empty(t, a.header.Get("X-Auth-Subject"))
	}
	for _, scope := range []string{"api.write", "api api.write", "ap", "API", "openid api root"} {
		a := w.verify(token, "&scope="+url.QueryEscape(scope))
		requireError(t, a, http.StatusForbidden, "insufficient_scope")
		require.Contains(t, a.header.Get("WWW-Authenticate"), `error="insufficient_scope"`)
		require.Contains(t, a.header.Get("WWW-Authenticate"), `scope="`+scope+`"`)
	}
	service := w.token(serviceForm()).text("access_token")
	require.Equal(t, http.StatusNoContent, w.get("/verify?audience=orders-api", bearer(service)).status,
		"one of several")
}

// TestVerifyRejectsInvalidQueries of gateways, with a valid token and without: a misspelt requirement must not be
// ignored.
func TestVerifyRejectsInvalidQueries(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.signIn("alice", "scope", "openid api").text("access_token")
	for _, query := range []string{
		"", "?", "?scope=api", "?audience=", "?audience",
		"?audience=https://api.example.com&audience=https://api.example.com",
		"?audience=https://api.example.com&audience=", "?audience=https://api.example.com&scope=",
		"?audience=https://api.example.com&scope=api&scope=openid",
		"?audience=https://api.example.com&scopes=api", "?audience=https://api.example.com&Scope=api",
		"?aud=https://api.example.com",
		"?audience=https://api.example.com&access_token=" + token, "?audience=https://api.example.com%00",
		"?audience=https://api.example.com%ff",
		"?audience=%zz", "?audience=https://api.example.com;scope=api",
	} {
		for _, header := range []http.Header{bearer(token), {}, bearer("x")} {
			requireError(t, w.get("/verify"+query, header), http.StatusBadRequest, "invalid_request")
		}
	}
	for _, scope := range []string{"%20", "a%0ab", "%ff", "%22api%22", "%5c", "%c3%a4"} {
		requireError(t, w.verify(token, "&scope="+scope), http.StatusBadRequest, "invalid_scope")
	}
	require.NotContains(t, w.log.String(), token)
}
