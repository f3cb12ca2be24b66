package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

// decoded returns a segment of a compact JWS.
func decoded(t testing.TB, token string, segment int) map[string]any {
	t.Helper()
	segments := strings.Split(token, ".")
	require.Len(t, segments, 3)
	text, err := base64.RawURLEncoding.DecodeString(segments[segment])
	require.NoError(t, err)
	var members map[string]any
	require.NoError(t, json.Unmarshal(text, &members))
	return members
}

func headerOf(t testing.TB, token string) map[string]any { t.Helper(); return decoded(t, token, 0) }
func claimsOf(t testing.TB, token string) map[string]any { t.Helper(); return decoded(t, token, 1) }

func names(members map[string]any) []string {
	var found []string
	for name := range members {
		found = append(found, name)
	}
	slices.Sort(found)
	return found
}

// TestTokenAnswersHaveExactlyTheseMembers, for every grant.
func TestTokenAnswersHaveExactlyTheseMembers(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	usual := []string{"access_token", "expires_in", "refresh_token", "scope", "token_type"}
	withID := []string{"access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"}
	withoutRefresh := []string{"access_token", "expires_in", "scope", "token_type"}
	refresh := func(pairs ...string) form {
		return refreshForm(w.signIn("alice", "scope", "openid api").text("refresh_token")).with(pairs...)
	}
	for name, c := range map[string]struct {
		form  form
		want  []string
		scope string
	}{
		"wechat_code": {w.wechatCode("alice"), usual, "api"},
		"wechat_code by its URN": {w.wechatCode("alice").with("grant_type",
			"urn:lingpai:oauth:grant-type:wechat_code"), usual, "api"},
		"wechat_code with openid": {w.wechatCode("alice").with("scope", "openid"), withID, "openid"},
		"wechat_code at codes-only": {w.wechatCode("alice").with("client_id", "codes-only"), withoutRefresh,
			"api"},
		"password": {passwordForm("alice", testPassword), usual, "api"},
		"password with openid": {passwordForm("alice", testPassword).with("scope", "openid profile"),
			withID, "openid profile"},
		"refresh_token":                    {refresh(), usual, "openid api"},
		"refresh_token that asks for less": {refresh("scope", "api"), usual, "api"},
		"refresh_token that asks for ID":   {refresh("scope", "api openid"), withID, "api openid"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.token(c.form)
			requireTokens(t, a)
			require.Equal(t, c.want, names(a.members))
			require.Equal(t, c.scope, a.members["scope"])
			require.InDelta(t, 3600, a.members["expires_in"], 1)
			claims := claimsOf(t, a.text("access_token"))
			require.Equal(t, c.scope, claims["scope"])
			require.InDelta(t, float64(w.clock.Now().Add(time.Hour).Unix()), claims["exp"], 5)
		})
	}
}

// TestScopeRules (RFC 6749 §3.3).
func TestScopeRules(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for scope, want := range map[string]string{
		"":              "api", // the default, not all
		"api":           "api",
		"api.write api": "api.write api",
		"api api api":   "api",
		"  api   api ":  "api",
		// accepted from any client that may refresh, though not registered
		"openid offline_access": "openid offline_access",
		"profile":               "profile",
	} {
		a := w.token(w.wechatCode("alice").with("scope", scope))
		requireTokens(t, a)
		require.Equal(t, want, a.members["scope"], "asked for %q", scope)
	}
	for _, scope := range []string{"admin", "api admin", "API", " ", `"api"`, `a\b`,
		"äpi", "api,api.write", "*", strings.Repeat("a", 1025), strings.Repeat("api ", 300) + "api"} {
		requireError(t, w.token(w.wechatCode("alice").with("scope", scope)), http.StatusBadRequest, "invalid_scope")
	}
	body, _ := w.wechatCode("alice").encode()
	for _, scope := range []string{"api%09api.write", "api%0a", "%00", "%ff"} {
		requireError(t, w.post("/token", body+"&scope="+scope, nil), http.StatusBadRequest, "invalid_scope")
	}
	a := w.token(w.wechatCode("alice").with("client_id", "codes-only", "scope", "api offline_access"))
	requireTokens(t, a)
	require.Equal(t, "api", a.members["scope"], "a client that cannot refresh is not granted offline_access")
}

// TestAccessTokenClaims (RFC 9068 §2).
func TestAccessTokenClaims(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.signIn("alice", "scope", "openid profile api")
	require.Equal(t, []string{"alg", "kid", "typ"}, names(headerOf(t, a.text("access_token"))))
	require.Equal(t, "RS256", headerOf(t, a.text("access_token"))["alg"])
	require.Equal(t, "at+jwt", headerOf(t, a.text("access_token"))["typ"])
	claims := claimsOf(t, a.text("access_token"))
	require.Equal(t, []string{"amr", "aud", "auth_time", "client_id", "exp", "iat", "iss", "jti", "scope", "sid",
		"sub"}, names(claims), "nothing about the person")
	require.Equal(t, w.issuer, claims["iss"])
	require.Equal(t, testAudience, claims["aud"], "the API, not the client")
	require.Equal(t, "mini", claims["client_id"])
	require.Equal(t, []any{"wechat"}, claims["amr"])
	require.Regexp(t, `^u_[A-Za-z0-9_-]{22}$`, claims["sub"])
	other := claimsOf(t, w.signIn("alice").text("access_token"))
	require.Equal(t, claims["sub"], other["sub"])
	require.NotEqual(t, claims["jti"], other["jti"], "two tokens of the same second differ")
	require.NotEqual(t, claims["sid"], other["sid"])
	backend := claimsOf(t, w.token(w.wechatCode("alice").with("client_id", "backend", "client_secret", testSecret,
		"appid", testApp)).text("access_token"))
	require.Equal(t, claims["sub"], backend["sub"], "a person is the same user at all clients of an app")
}

// TestWechatClaimsOnlyForClientsThatAskedForThem at registration, and never a session key for anybody.
func TestWechatClaimsOnlyForClientsThatAskedForThem(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	require.NoError(t, w.simulator.Bind(testApp, testOpenPlatform))
	a := w.signIn("alice", "client_id", "web", "scope", "openid api")
	want := map[string]any{"appid": testApp, "openid": wechattest.OpenID(testApp, "alice"),
		"unionid": wechattest.UnionID(testOpenPlatform, "alice")}
	require.Equal(t, want, claimsOf(t, a.text("access_token"))["wechat"])
	require.NotContains(t, claimsOf(t, a.text("id_token")), "wechat")
	refreshed := w.token(refreshForm(a.text("refresh_token")).with("client_id", "web"))
	requireTokens(t, refreshed)
	require.Equal(t, want, claimsOf(t, refreshed.text("access_token"))["wechat"])
	require.NotContains(t, claimsOf(t, w.signIn("alice").text("access_token")), "wechat")
}

// TestIDTokenClaims (OpenID Connect Core §2, §3.1.3.6).
func TestIDTokenClaims(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	first := w.signIn("new-user", "scope", "openid")
	claims := claimsOf(t, first.text("id_token"))
	require.Equal(t, []string{"amr", "at_hash", "aud", "auth_time", "azp", "exp", "iat", "is_new_user", "iss", "sid",
		"sub"}, names(claims))
	require.Equal(t, "RS256", headerOf(t, first.text("id_token"))["alg"])
	require.Equal(t, "JWT", headerOf(t, first.text("id_token"))["typ"])
	require.Equal(t, "mini", claims["aud"])
	require.Equal(t, "mini", claims["azp"])
	require.Equal(t, claimsOf(t, first.text("access_token"))["sub"], claims["sub"])
	require.Equal(t, claimsOf(t, first.text("access_token"))["sid"], claims["sid"])
	require.Equal(t, true, claims["is_new_user"])
	require.InDelta(t, float64(w.clock.Now().Unix()), claims["auth_time"], 5)
	sum := sha256.Sum256([]byte(first.text("access_token")))
	require.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:16]), claims["at_hash"])
	require.NotContains(t, claimsOf(t, w.signIn("new-user", "scope", "openid").text("id_token")), "is_new_user")

	byPassword := w.token(passwordForm("ALICE", testPassword).with("scope", "openid profile"))
	claims = claimsOf(t, byPassword.text("id_token"))
	require.Equal(t, "alice", claims["preferred_username"])
	require.Equal(t, []any{"pwd"}, claims["amr"])
	require.NotContains(t, claims, "is_new_user", "only the sign-in that created the user has it")
}

// TestRefreshedIDToken has the subject, audience and auth_time of the first (OpenID Connect Core §12.2).
func TestRefreshedIDToken(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	first := w.signIn("new-user", "scope", "openid api")
	w.clock.Move(time.Minute)
	without := w.token(refreshForm(first.text("refresh_token")))
	require.NotContains(t, without.members, "id_token", "only if the scope asks for it")
	again := w.token(refreshForm(without.text("refresh_token")).with("scope", "openid"))
	requireTokens(t, again)
	before, after := claimsOf(t, first.text("id_token")), claimsOf(t, again.text("id_token"))
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "amr", "sid"} {
		require.Equal(t, before[name], after[name], name)
	}
	require.Greater(t, after["iat"], before["iat"])
	require.NotContains(t, after, "is_new_user")
	plain := w.signIn("alice").text("refresh_token")
	requireError(t, w.token(refreshForm(plain).with("scope", "openid")), http.StatusBadRequest, "invalid_scope")
}

// TestRepeatedSignInGetsTheFirstAnswer with the same Idempotency-Key, and opens no second session.
func TestRepeatedSignInGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	f := w.wechatCode("new-user").with(":Idempotency-Key", testKey, "scope", "openid")
	first, again := w.token(f), w.token(f)
	requireTokens(t, first)
	requireTokens(t, again)
	require.Equal(t, first.text("refresh_token"), again.text("refresh_token"))
	require.Equal(t, claimsOf(t, first.text("id_token"))["is_new_user"],
		claimsOf(t, again.text("id_token"))["is_new_user"])
	require.Equal(t, 1, w.simulator.Requests().Codes[f["code"]])
	for name, pairs := range map[string][]string{
		"no key":       {":Idempotency-Key", ""},
		"another key":  {":Idempotency-Key", testKey + "2"},
		"other scope":  {"scope", "api"},
		"other client": {"client_id", "mini-2"},
	} {
		requireError(t, w.token(f.with(pairs...)), http.StatusBadRequest, "invalid_grant")
		require.NotContains(t, w.log.String(), testKey, name)
	}
	for _, key := range []string{"short", strings.Repeat("k", 129), "with space in the middle of it",
		strings.Repeat("ü", 30)} {
		requireError(t, w.token(f.with(":Idempotency-Key", key)), http.StatusBadRequest, "invalid_request")
	}
	body, header := f.encode()
	header["Idempotency-Key"] = []string{testKey, testKey}
	requireError(t, w.post("/token", body, header), http.StatusBadRequest, "invalid_request")
}
