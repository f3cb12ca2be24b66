package provider_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// everyAccountCall returns every call that needs a token, with a valid proof where one is needed.
func (w accountCalls) everyAccountCall() map[string]form {
	calls := map[string]form{"GET /profile": nil, "PUT /profile": {"name": "Eve"}, "GET /sessions": nil,
		"DELETE /sessions": nil, "DELETE /sessions/x": nil}
	for call, body := range w.guarded() {
		calls[call] = body.with("current_password", testPassword)
	}
	return calls
}

// resigned returns a token with some claims changed, signed by the server's own key.
func (w records) resigned(token string, change map[string]any) string {
	w.t.Helper()
	claims := claimsOf(w.t, token)
	maps.Copy(claims, change)
	payload, err := json.Marshal(claims)
	require.NoError(w.t, err)
	signed, err := w.keys.Sign("at+jwt", payload)
	require.NoError(w.t, err)
	return string(signed)
}

// TestTokensThatDoNotReachAnAccount: valid tokens for another purpose are rejected by every call.
func TestTokensThatDoNotReachAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.both("ada")
	guest := func(c *identity.Client) { c.FirstParty = false }
	w.addOwn("guest", guest) // registered before the rules, or once first-party
	guestForm := form{"grant_type": oauth.GrantWechatCode, "client_id": "guest", "appid": testApp}
	requireError(t, w.token(guestForm.with("code", w.code("ada"), "scope", "account")), http.StatusBadRequest,
		"invalid_scope")
	token := a.text("access_token")
	before := w.stateOf(a)
	for name, bearer := range map[string]string{
		"no scope account": w.token(ownPassword("ada", testPassword).with("scope",
			"openid profile")).text("access_token"),
		"refreshed for less": w.token(ownRefresh(w.token(ownPassword("ada", testPassword))).with("scope",
			"openid")).text("access_token"),
		"no scope":                  w.resigned(token, map[string]any{"scope": ""}),
		"a scope that begins alike": w.resigned(token, map[string]any{"scope": "openid accounts"}),
		"a scope that ends alike":   w.resigned(token, map[string]any{"scope": "openid my.account"}),
		"for an API":                w.resigned(token, map[string]any{"aud": testAudience}),
		"for nobody":                w.resigned(token, map[string]any{"aud": []string{}}),
		"without audience":          w.resigned(token, map[string]any{"aud": nil}),
		"for an address below the issuer": w.resigned(token, map[string]any{"aud": []string{testAudience,
			w.issuer + "/"}}),
		"a third-party client":               w.session(t, "guest", "openid account").AccessToken,
		"a default audience, not the issuer": w.token(guestForm.with("code", w.code("ada"))).text("access_token"),
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEmpty(t, bearer)
			for call, body := range w.everyAccountCall() {
				refused := w.account(call, bearer, body)
				requireError(t, refused, http.StatusForbidden, "insufficient_scope")
				require.Contains(t, refused.header.Get("WWW-Authenticate"), `error="insufficient_scope"`)
				require.Contains(t, refused.header.Get("WWW-Authenticate"), `scope="account"`)
			}
			w.requireNotLogged(t, bearer, testPassword)
		})
	}
	after := w.stateOf(a)
	before.Sessions, after.Sessions = nil, nil // those of the tokens above
	require.Equal(t, before, after)
	w.requireAlive(t, a)
	require.Contains(t, claimsOf(t, token)["aud"], w.issuer, "the audience of valid tokens")
}

// TestInvalidAccessTokensOfAnAccount sends other tokens, and access tokens that are no longer valid.
func TestInvalidAccessTokensOfAnAccount(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newAccountEnv(t)
	a, other := w.both("ada"), w.at(testApp, "eve")
	w.addOwn("closed", nil)
	closed := w.token(ownPassword("ada", testPassword).with("client_id", "closed"))
	requireTokens(t, closed)
	require.NoError(t, w.database.Clients().Disable(ctx, "closed"))
	ended, disabled, gone := w.at(testApp, "ada"), w.at(testApp, "mallory"), w.at(testApp, "trent")
	requireRevoked(t, w.revoke(ended.text("refresh_token"), "client_id", "own"))
	require.NoError(t, w.database.Users().Disable(ctx, w.subOf(disabled.text("access_token"))))
	_, err := w.database.Deletions().RequestDeletion(ctx, w.subOf(gone.text("access_token")), time.Hour)
	require.NoError(t, err)
	service := w.token(serviceForm())
	requireTokens(t, service)
	bad := w.forgeries(t, a)
	maps.Copy(bad, map[string]string{
		"an ID token": a.text("id_token"), "a refresh token": a.text("refresh_token"), "a code": w.code("ada"),
		"of an ended session":  ended.text("access_token"),
		"of a disabled client": closed.text("access_token"), "of a disabled user": disabled.text("access_token"),
		"of a user who requested deletion": gone.text("access_token"),
		"a client's own":                   service.text("access_token"), "expired": w.resigned(a.text("access_token"),
			map[string]any{"exp": w.clock.Now().Unix() - 1}),
		"another user's session": w.resigned(a.text("access_token"),
			map[string]any{"sid": claimsOf(t, other.text("access_token"))["sid"]}),
		"another user": w.resigned(a.text("access_token"),
			map[string]any{"sub": w.subOf(other.text("access_token"))}),
		"another client": w.resigned(a.text("access_token"), map[string]any{"client_id": "mini"}),
	})
	before := w.stateOf(a)
	for name, token := range bad {
		t.Run(name, func(t *testing.T) {
			for call, body := range w.everyAccountCall() {
				refused := w.account(call, token, body)
				requireError(t, refused, http.StatusUnauthorized, "invalid_token")
				require.Contains(t, refused.header.Get("WWW-Authenticate"), `error="invalid_token"`)
			}
		})
	}
	require.Equal(t, before, w.stateOf(a))
	w.requireNotLogged(t, a.text("id_token"), a.text("refresh_token"), ended.text("access_token"))
}

// TestClientsHaveNoAccountOfTheirOwn: client_credentials cannot ask for the scope, and does not get it by default.
func TestClientsHaveNoAccountOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOwn("own-backend", func(c *identity.Client) {
		c.Confidential, c.SecretHash, c.Grants = true, identity.HashSecret(testSecret),
			[]string{oauth.GrantClientCredentials}
		c.Audience = []string{w.issuer}
	})
	f := serviceForm().with("client_id", "own-backend")
	requireError(t, w.token(f.with("scope", "account")), http.StatusBadRequest, "invalid_scope")
	requireError(t, w.token(f.with("scope", "account offline_access")), http.StatusBadRequest, "invalid_scope")
	a := w.token(f)
	require.NotContains(t, a.text("scope"), "account")
	requireError(t, w.account("GET /profile", a.text("access_token"), nil), http.StatusUnauthorized, "invalid_token")
}

// TestAccountTokensInTheWrongPlace: only the header is accepted.
func TestAccountTokensInTheWrongPlace(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.both("ada")
	token := a.text("access_token")
	before := w.stateOf(a)
	for call, body := range w.everyAccountCall() {
		for _, query := range []string{"?access_token=" + token, "?x"} {
			requireError(t, w.account(call+query, "", body), http.StatusBadRequest, "invalid_request")
			requireError(t, w.account(call+query, token, body), http.StatusBadRequest, "invalid_request")
		}
		for _, header := range []http.Header{
			{}, {"Cookie": {"access_token=" + token}}, {"Authorization": {"Bearer"}},
			{"Authorization": {"Bearer "}}, {"Authorization": {token}},
			{"Authorization": {basic("own", "")}}, {"X-Access-Token": {token}},
		} {
			refused := w.accountText(call, "", header)
			requireError(t, refused, http.StatusUnauthorized, "invalid_token")
			require.Equal(t, `Bearer realm="lingpai"`, refused.header.Get("WWW-Authenticate"))
		}
		requireError(t, w.accountText(call, "", http.Header{"Authorization": {"Bearer " + token,
			"Bearer " + token}}), http.StatusBadRequest, "invalid_request")
	}
	requireError(t, w.account("POST /export", "", form{"access_token": token, "current_password": testPassword}),
		http.StatusUnauthorized, "invalid_token")
	requireError(t, w.account("POST /users?password=x", "", form{"client_id": "own", "username": "eve",
		"password": newPassword}), http.StatusBadRequest, "invalid_request")
	require.Equal(t, before, w.stateOf(a))
	w.requireNotLogged(t, token, testPassword)
}

// TestAnAccountRevealsNoMoreThanTheScope: a token with only the scope account neither reads nor changes data with a
// scope of its own.
func TestAnAccountRevealsNoMoreThanTheScope(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	full := w.both("ada")
	w.knowAll(w.subOf(full.text("access_token")))
	narrow := w.token(ownPassword("ada", testPassword).with("scope", "account")).text("access_token")
	me := w.account("GET /profile", narrow, nil)
	requireAccount(t, me)
	require.NotContains(t, me.body, "alice@example.com")
	require.NotContains(t, me.body, "13812345678")
	requireError(t, w.account("PUT /profile", narrow, form{"email": "eve@example.com"}), http.StatusBadRequest,
		"invalid_request")
	me = w.account("PUT /profile", narrow, form{"nickname": "A"})
	requireAccount(t, me)
	require.NotContains(t, me.body, "alice@example.com")
	me = w.account("GET /profile", full.text("access_token"), nil)
	require.Equal(t, map[string]any{"nickname": "A", "email": "alice@example.com"}, me.members["profile"])
	require.Equal(t, "+8613812345678", me.members["phone"].(map[string]any)["number"])
}
