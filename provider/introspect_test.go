package provider_test

import (
	"context"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// introspect introspects a token as the API orders-api; pairs change the form.
func (w tokenCalls) introspect(token string, pairs ...string) answer {
	body, header := form{"client_id": "orders-api", "client_secret": testSecret, "token": token}.with(pairs...).encode()
	return w.post("/introspect", body, header)
}

// as returns the pairs by which introspect authenticates as another client.
func as(client string) []string { return []string{"client_id", client} }

// inactive is the complete answer for a token that is not active for the caller (RFC 7662 §2.2).
const inactive = `{"active":false}` + "\n"

func requireInactive(t testing.TB, a answer, name string) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, "%s: %s", name, a.body)
	require.Equal(t, inactive, a.body, name)
	requireJSON(t, a)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, []string{"Cache-Control", "Content-Length", "Content-Type", "Date", "X-Request-Id"},
		headerNames(a), name)
}

// userToken signs in alice at a client whose access tokens are for orders-api, among others.
func (w tokenCalls) userToken(pairs ...string) answer {
	w.t.Helper()
	a := w.token(passwordForm("alice", testPassword).with("client_id", "service", "scope", "openid api").with(pairs...))
	requireTokens(w.t, a)
	return a
}

// TestIntrospectionOfAccessTokens returns the token's claims to its client and to the API that it is for.
func TestIntrospectionOfAccessTokens(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for name, token := range map[string]string{
		"a user's":       w.userToken().text("access_token"),
		"by WeChat":      w.signIn("alice", "client_id", "mini-orders").text("access_token"),
		"a client's own": w.token(serviceForm()).text("access_token"),
	} {
		want := maps.Clone(claimsOf(t, token))
		want["active"], want["token_type"] = true, "Bearer"
		for _, pairs := range [][]string{
			nil,
			{"token_type_hint", "refresh_token"},
			{"token_type_hint", "unheard_of"},
			{":Accept", "application/token-introspection+jwt"},
			{"client_id", "", "client_secret", "", ":Authorization", basic("orders-api", testSecret)},
		} {
			a := w.introspect(token, pairs...)
			require.Equal(t, http.StatusOK, a.status, a.body)
			requireJSON(t, a)
			require.Equal(t, "no-store", a.header.Get("Cache-Control"))
			require.Equal(t, want, a.members, name)
		}
	}
	own := w.userToken().text("access_token")
	require.Equal(t, true, w.introspect(own, as("service")...).members["active"], "its own client")
	only := w.token(passwordForm("alice", testPassword)).text("access_token")
	require.Equal(t, true, w.introspect(only, as("backend")...).members["active"],
		"its own client, which is not in aud")
	requireInactive(t, w.introspect(only), "an API that is not in aud")
}

// TestIntrospectionOfRefreshTokens is for their client only, and differs from that of access tokens: an API that is
// sent a refresh token must not take it for an access token.
func TestIntrospectionOfRefreshTokens(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.userToken()
	claims := claimsOf(t, a.text("access_token"))
	got := w.introspect(a.text("refresh_token"), as("service")...)
	require.Equal(t, http.StatusOK, got.status)
	require.InDelta(t, float64(w.clock.Now().Add(7*24*time.Hour).Unix()), got.members["exp"], 5)
	delete(got.members, "exp")
	require.Equal(t, map[string]any{
		"active": true, "client_id": "service", "scope": "openid api", "sub": claims["sub"], "sid": claims["sid"],
		"auth_time": claims["auth_time"],
		"amr":       []any{"pwd"},
	}, got.members)
	requireInactive(t, w.introspect(a.text("refresh_token")), "the API")
	requireInactive(t, w.introspect(a.text("refresh_token"), as("backend")...), "another client")
}

// TestIntrospectionOfRetiredRefreshTokens only reads: they are active within the grace period and inactive later, and
// introspection is not treated as theft.
func TestIntrospectionOfRetiredRefreshTokens(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	refresh := func(token string, pairs ...string) form {
		return refreshForm(token).with("client_id", "service", "client_secret", testSecret).with(pairs...)
	}
	first := w.userToken()
	second := w.token(refresh(first.text("refresh_token")))
	require.Equal(t, true, w.introspect(first.text("refresh_token"), as("service")...).members["active"],
		"a refresh would return its successor again")
	w.clock.Move(31 * time.Second)
	for range 3 {
		requireInactive(t, w.introspect(first.text("refresh_token"), as("service")...), "retired")
		require.Equal(t, true, w.introspect(second.text("refresh_token"), as("service")...).members["active"])
	}
	require.Empty(t, w.eventKinds(t))
	require.NotContains(t, w.touched.String(), "end ")
	third := w.token(refresh(second.text("refresh_token"), ":Idempotency-Key", testKey))
	requireTokens(t, third)
	require.Equal(t, true, w.introspect(second.text("refresh_token"), as("service")...).members["active"],
		"a repeat within the window needs no key at a client that is not strict")
	w.clock.Move(31 * time.Second)
	requireInactive(t, w.introspect(second.text("refresh_token"), as("service")...),
		"retired by a key that is not sent")
	require.Empty(t, w.eventKinds(t), "this is not a rejected refresh")
	requireTokens(t, w.token(refresh(second.text("refresh_token"), ":Idempotency-Key", testKey)))
	requireTokens(t, w.token(refresh(third.text("refresh_token"))))
}

// TestIntrospectionOfForgedTokens, and of all other texts that are no access token for the caller: always the same
// answer.
func TestIntrospectionOfForgedTokens(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.signIn("alice", "client_id", "mini-orders", "scope", "openid")
	require.Equal(t, true, w.introspect(a.text("access_token")).members["active"])
	w.touched.Reset()
	for name, token := range w.forgeries(t, a) {
		switch name {
		case "tab in front":
			requireError(t, w.introspect(token), http.StatusBadRequest, "invalid_request")
		case "refresh token": // looked up, since its MAC is good
		default:
			requireInactive(t, w.introspect(token), name)
		}
	}
	require.Empty(t, w.touched.String(), "forged tokens are rejected without access to a store")
	requireInactive(t, w.introspect(a.text("refresh_token")), "refresh token")
	elsewhere := newEnv(t)
	requireInactive(t, w.introspect(elsewhere.signIn("alice", "client_id", "mini-orders").text("access_token")),
		"another issuer's, by the same key")
}

// TestIntrospectionSeesTheEnd of a token, its session, its user and its client immediately.
func TestIntrospectionSeesTheEnd(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, end := range map[string]func(w *env, a answer){
		"revoked by refresh token": func(w *env, a answer) {
			requireRevoked(w.t, w.revoke(a.text("refresh_token"), "client_id", "service", "client_secret", testSecret))
		},
		"revoked by access token": func(w *env, a answer) {
			requireRevoked(w.t, w.revoke(a.text("access_token"), "client_id", "service", "client_secret", testSecret))
		},
		"user disabled": func(w *env, a answer) {
			require.NoError(w.t, w.database.Users().Disable(ctx, claimsOf(w.t, a.text("access_token"))["sub"].(string)))
		},
		"password changed": func(w *env, a answer) {
			require.NoError(w.t, w.database.Users().SetPassword(ctx,
				claimsOf(w.t, a.text("access_token"))["sub"].(string), ""))
		},
		"expired": func(w *env, _ answer) { w.clock.Move(8 * 24 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			a := w.userToken()
			require.Equal(t, true, w.introspect(a.text("access_token")).members["active"])
			end(w, a)
			requireInactive(t, w.introspect(a.text("access_token")), "access token, the API")
			requireInactive(t, w.introspect(a.text("access_token"), as("service")...), "access token, its client")
			requireInactive(t, w.introspect(a.text("refresh_token"), as("service")...), "refresh token")
		})
	}
	w := newEnv(t)
	user, own := w.userToken().text("access_token"), w.token(serviceForm()).text("access_token")
	require.NoError(t, w.database.Clients().Disable(ctx, "service"))
	requireInactive(t, w.introspect(user), "a user's, client disabled")
	requireInactive(t, w.introspect(own), "a client's own, client disabled")
	fresh := w.signIn("alice", "client_id", "mini-orders").text("access_token")
	w.clock.Move(time.Hour + time.Second)
	requireInactive(t, w.introspect(fresh), "access token expired, session active")
}

// TestIntrospectionAuthenticatesClients first, and accepts only confidential ones (RFC 7662 §2.1, §4): otherwise it
// would be an oracle for stolen tokens.
func TestIntrospectionAuthenticatesClients(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.signIn("alice", "client_id", "mini-orders").text("access_token")
	w.touched.Reset()
	for name, pairs := range map[string][]string{
		"nobody":                   {"client_id", "", "client_secret", ""},
		"public, its own token":    {"client_id", "mini-orders", "client_secret", ""},
		"public by Basic":          {"client_id", "", "client_secret", "", ":Authorization", basic("mini-orders", "")},
		"public with a secret":     {"client_id", "mini-orders"},
		"wrong secret":             {"client_secret", "wrong"},
		"no secret":                {"client_secret", ""},
		"unknown":                  {"client_id", "nobody"},
		"disabled":                 {"client_id", "disabled-backend"},
		"the token as credentials": {"client_id", "", "client_secret", "", ":Authorization", "Bearer " + token},
	} {
		for _, asked := range []string{token, "x", ""} {
			a := w.introspect(asked, pairs...)
			requireError(t, a, http.StatusUnauthorized, "invalid_client")
			require.Equal(t, `Basic realm="lingpai"`, a.header.Get("WWW-Authenticate"), name)
		}
	}
	requireError(t, w.introspect(token, ":Authorization", basic("orders-api", testSecret)), http.StatusBadRequest,
		"invalid_request")
	require.Empty(t, w.touched.String())
}
