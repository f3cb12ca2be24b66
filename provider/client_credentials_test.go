package provider_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

// serviceForm requests a token for a confidential client itself.
func serviceForm() form {
	return form{"grant_type": oauth.GrantClientCredentials, "client_id": "service", "client_secret": testSecret}
}

// TestClientsActForThemselves (RFC 6749 §4.4, RFC 9068 §2.2): an access token, and nothing about a user or a session.
func TestClientsActForThemselves(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.token(serviceForm().with("scope", "api.write"))
	requireTokens(t, a)
	require.Equal(t, []string{"access_token", "expires_in", "scope", "token_type"}, names(a.members))
	require.InDelta(t, 600, a.members["expires_in"], 1, "the lifetime in the client's record")
	require.Equal(t, "at+jwt", headerOf(t, a.text("access_token"))["typ"])
	claims := claimsOf(t, a.text("access_token"))
	require.Equal(t, []string{"aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"}, names(claims))
	require.Equal(t, "service", claims["sub"])
	require.Equal(t, "service", claims["client_id"])
	require.Equal(t, []any{testAudience, "orders-api"}, claims["aud"])
	require.InDelta(t, 600, claims["exp"].(float64)-claims["iat"].(float64), 0)
	other := w.token(serviceForm().with("client_id", "", "client_secret", "", ":Authorization",
		basic("service", testSecret)))
	requireTokens(t, other)
	require.NotEqual(t, claims["jti"], claimsOf(t, other.text("access_token"))["jti"])
	require.Empty(t, w.touched.String())
	require.Empty(t, w.eventKinds(t))
}

// TestClientsOwnScope has no scopes about a user. Asking for one is an error; one among the defaults is left out, and
// the answer has the scope that was granted.
func TestClientsOwnScope(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for scope, want := range map[string]any{
		"":                   "api", // openid is a default of this client too
		"api api.write api":  "api api.write",
		"offline_access api": "api",
		"offline_access":     nil,
	} {
		a := w.token(serviceForm().with("scope", scope))
		requireTokens(t, a)
		require.Equal(t, want, a.members["scope"], "asked for %q", scope)
		require.Equal(t, want, claimsOf(t, a.text("access_token"))["scope"])
	}
	for _, scope := range []string{"openid", "profile", "api openid", "openid profile api", "admin",
		"api  admin", `"`, "äpi"} {
		requireError(t, w.token(serviceForm().with("scope", scope)), http.StatusBadRequest, "invalid_scope")
	}
}

// TestClientsThatMayNotActForThemselves: a public client does not authenticate, so anybody could claim to be it (RFC
// 6749 §4.4.2).
func TestClientsThatMayNotActForThemselves(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for name, c := range map[string]struct {
		pairs  []string
		status int
		want   string
	}{
		"public, though its record says so": {[]string{"client_id", "public-service", "client_secret", ""},
			http.StatusBadRequest, "unauthorized_client"},
		"public, with a secret": {[]string{"client_id", "public-service"}, http.StatusUnauthorized,
			"invalid_client"},
		"public": {[]string{"client_id", "mini", "client_secret", ""},
			http.StatusBadRequest, "unauthorized_client"},
		"confidential without the grant": {[]string{"client_id", "backend"}, http.StatusBadRequest,
			"unauthorized_client"},
		"without its secret": {[]string{"client_secret", ""}, http.StatusUnauthorized, "invalid_client"},
		"with a wrong secret": {[]string{"client_secret", "wrong"}, http.StatusUnauthorized,
			"invalid_client"},
		"Basic without secret": {[]string{"client_secret", "", ":Authorization", basic("service", "")},
			http.StatusUnauthorized, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, w.token(serviceForm().with(c.pairs...)), c.status, c.want)
		})
	}
	require.NoError(t, w.database.Clients().Disable(context.Background(), "service"))
	requireError(t, w.token(serviceForm()), http.StatusUnauthorized, "invalid_client")
}

// TestClientsOwnTokensBelongToNoUser: userinfo rejects them.
func TestClientsOwnTokensBelongToNoUser(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.token(serviceForm()).text("access_token")
	requireError(t, w.userinfo(token), http.StatusUnauthorized, "invalid_token")
	requireError(t, w.token(refreshForm(token).with("client_id", "service", "client_secret", testSecret)),
		http.StatusBadRequest, "invalid_grant")
}
