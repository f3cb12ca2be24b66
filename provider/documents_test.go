package provider_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

func documentPaths() []string {
	return []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
		"/.well-known/jwks.json"}
}

func TestDocumentsMayBeCachedAndAskedAgain(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, path := range documentPaths() {
		a := w.get(path, nil)
		require.Equal(t, http.StatusOK, a.status)
		requireJSON(t, a)
		require.Equal(t, "public, max-age=300", a.header.Get("Cache-Control"))
		etag := a.header.Get("Etag")
		require.Regexp(t, `^"[A-Za-z0-9_-]+"$`, etag)
		for _, match := range []string{etag, "W/" + etag, `"other", ` + etag, `"other" , W/` + etag, "*"} {
			again := w.get(path, http.Header{"If-None-Match": {match}})
			require.Equal(t, http.StatusNotModified, again.status, "%s: If-None-Match: %s", path, match)
			require.Empty(t, again.body)
			require.Equal(t, etag, again.header.Get("Etag"))
			require.Equal(t, "public, max-age=300", again.header.Get("Cache-Control"))
		}
		for _, other := range []string{`"other"`, strings.Trim(etag, `"`), ""} {
			require.Equal(t, http.StatusOK, w.get(path, http.Header{"If-None-Match": {other}}).status, other)
		}
		head := w.ask(http.MethodHead, path, nil, nil)
		require.Equal(t, http.StatusOK, head.status)
		require.Equal(t, fmt.Sprint(len(a.body)), head.header.Get("Content-Length"))
		refused := w.post(path, "x=y", nil)
		requireError(t, refused, http.StatusMethodNotAllowed, "invalid_request")
		require.Equal(t, "GET, HEAD", refused.header.Get("Allow"))
	}
}

// TestMetadataListsWhatIsSupported (RFC 8414 §2, OpenID Connect Discovery §3): everything that it lists works, and
// nothing else does.
func TestMetadataListsWhatIsSupported(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	a := w.get("/.well-known/openid-configuration", nil)
	require.Equal(t, a.body, w.get("/.well-known/oauth-authorization-server", nil).body, "both documents are the same")
	require.Equal(t, w.issuer, a.members["issuer"])
	for name, value := range a.members {
		if list, ok := value.([]any); ok {
			require.NotEmpty(t, list, "%s: members of no elements are left out", name)
		}
		if strings.HasSuffix(name, "_endpoint") || strings.HasSuffix(name, "_uri") {
			path, ours := strings.CutPrefix(value.(string), w.issuer)
			require.True(t, ours, "%s is below the issuer", name)
			require.NotEqual(t, http.StatusNotFound, w.get(path, nil).status, name)
		}
	}
	for _, path := range []string{"/register", "/logout", "/debug/pprof/", "/debug/vars", "/metrics",
		"/.git/config", "/", "/token/", "/TOKEN", "/userinfo/", "/revoke/", "/introspect/", "/.well-known/", "/admin"} {
		requireError(t, w.get(path, nil), http.StatusNotFound, "not_found")
	}

	refresh := w.token(passwordForm("alice", testPassword).with("scope", "openid profile offline_access")).text(
		"refresh_token")
	d := w.device("tv")
	w.visitor().approve(d, "alice")
	work := map[string]form{
		oauth.GrantDeviceCode: d.form(),
		"wechat_code":         w.wechatCode("alice"),
		"urn:lingpai:oauth:grant-type:wechat_code": w.wechatCode("alice").with("grant_type",
			"urn:lingpai:oauth:grant-type:wechat_code"),
		"password":           passwordForm("alice", testPassword),
		"refresh_token":      refreshForm(refresh).with("client_id", "backend", "client_secret", testSecret),
		"client_credentials": serviceForm(),
		"qq_code":            w.qqForm("alice"), oauth.GrantTokenExchange: w.ownExchange(),
	}
	require.Len(t, a.members["grant_types_supported"], len(work)+1, "and authorization_code, with which requireClaims "+
		"gets a token")
	for _, name := range a.members["grant_types_supported"].([]any) {
		if name != oauth.GrantAuthorizationCode {
			requireTokens(t, w.token(work[name.(string)]))
		}
	}
	methods := map[string][]string{
		"none":                {},
		"client_secret_post":  {"client_id", "odd", "client_secret", oddSecret},
		"client_secret_basic": {"client_id", "", ":Authorization", basic("odd", oddSecret)},
	}
	for _, name := range otherMethods(t, a.members, "token") {
		requireTokens(t, w.token(w.wechatCode("alice").with(methods[name]...)))
		delete(methods, name)
	}
	require.Empty(t, methods)
	requireAuthMethods(t, w.env, a.members)
	requireError(t, w.token(w.wechatCode("alice").with("client_id", "", "client_assertion", "x",
		"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")),
		http.StatusUnauthorized, "invalid_client")
	for _, scope := range a.members["scopes_supported"].([]any) {
		f := w.wechatCode("alice").with("scope", "openid "+scope.(string))
		switch scope {
		case oauth.ScopeWechatAppToken:
			f = brokerForm("broker")
		case oauth.ScopeAccount:
			f = passwordForm("alice", testPassword).with("scope", "account")
		case oauth.ScopeSignInApprove, oauth.ScopeSignInHandOff:
			w.update("mini", toApprove)
		}
		requireTokens(t, w.token(f))
	}
	requireClaims(t, w.web, a.members)
}

// requireClaims requires ID tokens to have the claims that the metadata names, and no others.
func requireClaims(t *testing.T, w *web, metadata map[string]any) {
	t.Helper()
	found := map[string]bool{}
	first := w.token(w.wechatCode("new-user").with("scope", "openid")).text("id_token")
	alice := w.token(passwordForm("alice", testPassword))
	w.knowAll(claimsOf(t, alice.text("access_token"))["sub"].(string))
	named := w.token(passwordForm("alice", testPassword).with("scope", "openid profile email phone address")).
		text("id_token")
	browser := w.visitor()
	requested := w.redeem("shop", browser.code(browser.signIn("alice", "shop"), "shop")).text("id_token")
	for _, token := range []string{first, named, requested} {
		require.Contains(t, metadata["id_token_signing_alg_values_supported"], headerOf(t, token)["alg"])
		for claim := range claimsOf(t, token) {
			found[claim] = true
		}
	}
	require.Len(t, metadata["claims_supported"], len(found))
	for _, claim := range metadata["claims_supported"].([]any) {
		require.True(t, found[claim.(string)], "no token has %s", claim)
	}
}

// requireAuthMethods tries every way of authentication at the endpoints that take a token.
// otherMethods returns the methods of client authentication of an endpoint but private_key_jwt, for which
// TestPrivateKeyJWT is.
func otherMethods(t *testing.T, metadata map[string]any, endpoint string) (methods []string) {
	t.Helper()
	for _, name := range metadata[endpoint+"_endpoint_auth_methods_supported"].([]any) {
		methods = append(methods, name.(string))
	}
	require.Contains(t, methods, "private_key_jwt")
	require.ElementsMatch(t, []any{"RS256", "PS256", "ES256", "EdDSA"},
		metadata[endpoint+"_endpoint_auth_signing_alg_values_supported"])
	return slices.DeleteFunc(methods, func(name string) bool { return name == "private_key_jwt" })
}

func requireAuthMethods(t *testing.T, w *env, metadata map[string]any) {
	t.Helper()
	token := w.userToken().text("access_token")
	methods := map[string][]string{
		"none":                {"client_id", "mini", "client_secret", ""},
		"client_secret_post":  {"client_id", "odd", "client_secret", oddSecret},
		"client_secret_basic": {"client_id", "", "client_secret", "", ":Authorization", basic("odd", oddSecret)},
	}
	require.Len(t, otherMethods(t, metadata, "revocation"), len(methods))
	for _, name := range otherMethods(t, metadata, "revocation") {
		requireRevoked(t, w.revoke("x", methods[name]...))
	}
	require.Len(t, otherMethods(t, metadata, "introspection"), len(methods)-1)
	for _, name := range otherMethods(t, metadata, "introspection") {
		requireInactive(t, w.introspect(token, methods[name]...), name)
	}
	requireError(t, w.introspect(token, methods["none"]...), http.StatusUnauthorized, "invalid_client")
}

// TestKeySetIsPublicOnly (RFC 7517, RFC 7638): nothing private, and nothing that a verifier might reject.
func TestKeySetIsPublicOnly(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	set := w.get("/.well-known/jwks.json", nil).members
	require.Equal(t, []string{"keys"}, names(set))
	kids := map[string]bool{}
	for _, each := range set["keys"].([]any) {
		key := each.(map[string]any)
		require.Equal(t, []string{"alg", "e", "kid", "kty", "n", "use"}, names(key))
		require.Equal(t, "RSA", key["kty"])
		require.Equal(t, "sig", key["use"])
		require.Equal(t, "RS256", key["alg"])
		require.Equal(t, "AQAB", key["e"])
		modulus, err := base64.RawURLEncoding.Strict().DecodeString(key["n"].(string))
		require.NoError(t, err)
		require.NotZero(t, modulus[0], "no leading zero")
		require.GreaterOrEqual(t, new(big.Int).SetBytes(modulus).BitLen(), 2048)
		sum := sha256.Sum256(fmt.Appendf(nil, `{"e":%q,"kty":"RSA","n":%q}`, key["e"], key["n"]))
		require.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:]), key["kid"], "the thumbprint")
		require.False(t, kids[key["kid"].(string)])
		kids[key["kid"].(string)] = true
	}
	require.True(t, kids[headerOf(t, w.signIn("alice").text("access_token"))["kid"].(string)],
		"the key that signs is published")
}

// TestIssuerWithPath: everything is below it, except for the document that RFC 8414 §3.1 puts between host and path.
// Health and readiness are at the root too.
func TestIssuerWithPath(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) { s.path = "/login/cn" })
	host := strings.TrimSuffix(w.issuer, w.settings.path)
	a := w.get("/.well-known/openid-configuration", nil)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, w.issuer, a.members["issuer"])
	request, err := http.NewRequest(http.MethodGet, host+"/.well-known/oauth-authorization-server"+w.settings.path, nil)
	require.NoError(t, err)
	require.Equal(t, a.body, w.send(request).body)
	token := w.signIn("alice", "scope", "openid").text("access_token")
	require.Equal(t, w.issuer, claimsOf(t, token)["iss"])
	require.Equal(t, http.StatusOK, w.userinfo(token).status)
	require.Equal(t, http.StatusNoContent, w.verify(token, "").status)
	requireInactive(t, w.introspect(token), "for another API")
	requireRevoked(t, w.revoke(token))
	requireError(t, w.verify(token, ""), http.StatusUnauthorized, "invalid_token")
	for _, path := range []string{"/token", "/userinfo", "/revoke", "/introspect", "/verify",
		"/.well-known/openid-configuration", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"} {
		request, err := http.NewRequest(http.MethodGet, host+path, nil)
		require.NoError(t, err)
		requireError(t, w.send(request), http.StatusNotFound, "not_found")
	}
	for _, path := range []string{"/healthz", "/readyz"} { // probes ask the server itself
		request, err := http.NewRequest(http.MethodGet, host+path, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, w.send(request).status, path)
		require.Equal(t, http.StatusOK, w.get(path, nil).status, path)
	}
}

// knowAll stores a value for every claim of a user.
func (w records) knowAll(subject string) {
	w.t.Helper()
	ctx := context.Background()
	require.NoError(w.t, w.database.Profiles().Choose(ctx, subject, identity.Profile{
		Name: "Alice", Nickname: "Al", Picture: "https://example.com/a.png", Gender: "female", Locale: "zh-CN",
		Email: "alice@example.com", Address: "1 Long Street, Springfield",
	}))
	require.NoError(w.t, w.database.Profiles().SetPhone(ctx, subject, identity.Phone{Number: "+8613812345678",
		SeenAt: w.clock.Now(), Verified: true}))
}
