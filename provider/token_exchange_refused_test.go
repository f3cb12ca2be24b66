package provider_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestSubjectTokensThatAreRefused (RFC 8693 §2.2.2): whatever is wrong with them, and each before a session is looked
// up, but for the last.
func TestSubjectTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	user, other := w.user(), w.user("client_id", "backend", "scope", "openid api")
	good := user.text("access_token")
	own := w.token(serviceForm().with("client_id", "shop-web", "scope", "api")).text("access_token")
	tokens := w.forgeries(t, user)
	delete(tokens, "tab in front") // not a parameter
	for name, token := range map[string]string{
		"a client's own":      own,
		"an ID token":         user.text("id_token"),
		"of another API":      other.text("access_token"),
		"for the issuer":      w.user("resource", w.issuer, "scope", "openid account").text("access_token"),
		"and for the issuer":  w.resigned(good, map[string]any{"aud": []string{ordersResource, w.issuer}}),
		"of another issuer":   w.resigned(good, map[string]any{"iss": "https://other.example.com"}),
		"without an audience": w.resigned(good, map[string]any{"aud": []string{}}),
		"expired":             w.resigned(good, map[string]any{"exp": w.clock.Now().Unix()}),
		"a retired token":     user.text("refresh_token"),
	} {
		tokens[name] = token
	}
	w.touched.Reset()
	for name, token := range tokens {
		a := w.exchange(token)
		requireError(t, a, http.StatusBadRequest, "invalid_request")
		require.NotContains(t, a.body, token, name)
	}
	require.Empty(t, w.touched.String())
	for name, change := range map[string]map[string]any{
		"an unknown session":         {"sid": "s_unknown"},
		"another user's":             {"sub": "u_other"},
		"another client's":           {"client_id": "backend"},
		"an actor unlike the client": {"act": map[string]any{"sub": "stock"}},
		"an actor without the grant": {"client_id": "without-grant", "act": map[string]any{"sub": "without-grant"}},
		"an unknown actor before": {"client_id": "stock", "act": map[string]any{"sub": "stock", "act": map[string]any{
			"sub": "unknown"}}},
	} {
		resigned := w.resigned(good, change)
		requireError(t, w.exchange(resigned), http.StatusBadRequest, "invalid_request")
		requireInactive(t, w.introspect(resigned, "client_id", "orders"), name)
	}
	requireTokens(t, w.exchange(good))
}

// TestExchangeRequestsThatAreRefused leave nothing behind: the good request still works.
func TestExchangeRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	subject := w.user().text("access_token")
	page := w.token(passwordForm("alice", testPassword).with("client_id", "page", "client_secret", "", "scope", "api")).
		text("access_token")
	for _, test := range []struct {
		want  string
		pairs []string
	}{
		{"invalid_request", []string{"subject_token", ""}},
		{"invalid_request", []string{"subject_token_type", ""}},
		{"invalid_request", []string{"subject_token_type", "access_token"}},
		{"invalid_request", []string{"subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}},
		{"invalid_request", []string{"subject_token_type", "urn:ietf:params:oauth:token-type:id_token"}},
		{"invalid_request", []string{"subject_token_type", "urn:ietf:params:oauth:token-type:saml2"}},
		{"invalid_request", []string{"requested_token_type", oauth.TokenTypeJWT}},
		{"invalid_request", []string{"requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}},
		{"invalid_request", []string{"requested_token_type", "urn:ietf:params:oauth:token-type:id_token"}},
		{"invalid_request", []string{"requested_token_type", "urn:example:unheard-of"}},
		{"invalid_request", []string{"actor_token", subject, "actor_token_type", oauth.TokenTypeAccessToken}},
		{"invalid_request", []string{"actor_token", subject}},
		{"invalid_request", []string{"actor_token_type", oauth.TokenTypeAccessToken}},
		{"unauthorized_client", []string{"client_id", "without-grant"}},
		{"unauthorized_client", []string{"client_id", "page", "client_secret", "", "subject_token", page,
			"resource", ordersResource}},
	} {
		requireError(t, w.exchange(subject, test.pairs...), http.StatusBadRequest, test.want)
	}
	requireError(t, w.exchange(subject, "client_secret", "wrong"), http.StatusUnauthorized, "invalid_client")
	requireError(t, w.exchange(subject, "client_secret", ""), http.StatusUnauthorized, "invalid_client")
	for parameter, name := range map[string]string{"resource": "invalid_target", "audience": "invalid_request",
		"subject_token": "invalid_request", "scope": "invalid_request", "requested_token_type": "invalid_request"} {
		body, header := w.exchangeForm(subject).with("audience", stockResource, "scope", "api",
			"requested_token_type", oauth.TokenTypeAccessToken).encode()
		requireError(t, w.post("/token", body+"&"+parameter+"=api", header), http.StatusBadRequest, name)
	}
	w.update("page", func(c *identity.Client) { c.FirstParty = false })
	requireError(t, w.exchange(page, "client_id", "page", "client_secret", "", "resource", ordersResource),
		http.StatusBadRequest, "unauthorized_client")
	requireTokens(t, w.exchange(subject))
}

// TestWhatEndsAnExchangedToken: whatever would end the subject token, and distrust of any client on the way.
func TestWhatEndsAnExchangedToken(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w exchanges, user answer) error{
		"the client revokes": func(w exchanges, user answer) error {
			requireRevoked(w.t, w.revoke(user.text("refresh_token"), "client_id", "shop-web", "client_secret",
				testSecret))
			return nil
		},
		"the session is ended": func(w exchanges, user answer) error {
			sid, _ := claimsOf(w.t, user.text("access_token"))["sid"].(string)
			_, err := w.database.Sessions().End(context.Background(), sid, identity.EndedByOperator)
			return err
		},
		"the user is disabled": func(w exchanges, user answer) error {
			sub, _ := claimsOf(w.t, user.text("access_token"))["sub"].(string)
			return w.database.Users().Disable(context.Background(), sub)
		},
		"the password is changed": func(w exchanges, user answer) error {
			sub, _ := claimsOf(w.t, user.text("access_token"))["sub"].(string)
			return w.database.Users().SetPassword(context.Background(), sub, "")
		},
		"the session goes idle": func(w exchanges, _ answer) error {
			w.clock.Move(11 * time.Minute)
			return nil
		},
		"the user's client is disabled": disableClient("shop-web"),
		"the first actor is disabled":   disableClient("orders"),
		"the second actor is disabled":  disableClient("stock"),
		"the first actor loses the grant": func(w exchanges, _ answer) error {
			w.update("orders", func(c *identity.Client) { c.Grants = []string{oauth.GrantClientCredentials} })
			return nil
		},
	} {
		w := newExchanges(t)
		w.update("shop-web", func(c *identity.Client) { c.IdleTTL = 10 * time.Minute })
		user := w.user()
		first := w.exchanged(user.text("access_token"))
		second := w.exchanged(first, byStock...)
		byLedger := []string{"client_id", "orders-api"}
		w.update("orders-api", func(c *identity.Client) { c.IsAudience = []string{ledgerAudience} })
		require.Equal(t, true, w.introspect(second, byLedger...).members["active"], name)
		require.NoError(t, end(w, user), name)
		requireInactive(t, w.introspect(second, byLedger...), name)
		requireError(t, w.get("/verify?audience="+ledgerAudience, bearer(second)), http.StatusUnauthorized,
			"invalid_token")
		if a := w.exchange(first, byStock...); name == "the second actor is disabled" {
			requireError(t, a, http.StatusUnauthorized, "invalid_client")
		} else {
			requireError(t, a, http.StatusBadRequest, "invalid_request")
		}
	}
}

func disableClient(id string) func(w exchanges, user answer) error {
	return func(w exchanges, _ answer) error { return w.database.Clients().Disable(context.Background(), id) }
}

// TestExchangedTokensElsewhere: they work at the API that they are for, and nowhere at this server.
func TestExchangedTokensElsewhere(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	subject := w.user()
	token := w.exchanged(subject.text("access_token"))
	claims := claimsOf(t, token)
	for _, client := range []string{"stock", "orders"} {
		a := w.introspect(token, "client_id", client)
		require.Equal(t, true, a.members["active"], client)
		require.Equal(t, claims["act"], a.members["act"])
		require.Equal(t, "orders", a.members["client_id"])
		require.Equal(t, claims["sid"], a.members["sid"])
	}
	requireInactive(t, w.introspect(token, "client_id", "shop-web"), "neither its client nor its audience")
	verified := w.get("/verify?scope=api&audience="+stockResource, bearer(token))
	require.Equal(t, http.StatusNoContent, verified.status)
	require.Equal(t, "orders", verified.header.Get("X-Auth-Client"))
	require.Equal(t, claims["sub"], verified.header.Get("X-Auth-Subject"))
	requireError(t, w.get("/verify?audience="+ordersResource, bearer(token)), http.StatusForbidden,
		"insufficient_scope")

	w.signIn("ada")
	share := w.encrypted("share", wechattest.Plaintext{User: "ada", Kind: "share"})
	everything := w.resigned(token, map[string]any{"aud": w.issuer, "scope": allScopes + " signin.approve"})
	for _, token := range []string{token, everything} {
		requireError(t, w.userinfo(token), http.StatusForbidden, "insufficient_scope")
		for call, body := range w.everyAccountCall() {
			requireError(t, w.account(call, token, body), http.StatusForbidden, "insufficient_scope")
		}
		for path, f := range map[string]form{decryptPath: share, verifyPath: w.signed("ada"), checkPath: {},
			resetPath: {}, "/wechat/phone": {"code": w.phoneCode("ada")}, "/wechat/app_token": {"appid": testApp},
			"/scan/approve": {"scan": "x"}} {
			requireError(t, w.data(path, token, f), http.StatusForbidden, "insufficient_scope")
		}
	}
}

// TestNoActorRevokesASession: an API must not be able to sign a user out elsewhere.
func TestNoActorRevokesASession(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	user := w.user()
	token := w.exchanged(user.text("access_token"))
	w.touched.Reset()
	for client, name := range map[string]string{"orders": "unsupported_token_type", "stock": "invalid_grant",
		"shop-web": "invalid_grant"} {
		requireError(t, w.revoke(token, "client_id", client, "client_secret", testSecret), http.StatusBadRequest, name)
	}
	own := w.exchanged(user.text("access_token"), "client_id", "shop-web", "resource", ordersResource)
	requireError(t, w.revoke(own, "client_id", "shop-web", "client_secret", testSecret), http.StatusBadRequest,
		"unsupported_token_type")
	w.clock.Move(2 * time.Hour)
	requireRevoked(t, w.revoke(token, "client_id", "orders", "client_secret", testSecret))
	require.NotContains(t, w.touched.String(), "end ")
	requireTokens(t, w.token(refreshForm(user.text("refresh_token")).with("client_id", "shop-web", "client_secret",
		testSecret)))
}

// TestAnExchangeWhileTheStoreIsDown: nothing about the request is wrong, so it may be repeated.
func TestAnExchangeWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	w := newExchanges(t)
	subject := w.user().text("access_token")
	require.NoError(t, w.database.Close())
	requireError(t, w.exchange(subject), http.StatusServiceUnavailable, "temporarily_unavailable")
}
