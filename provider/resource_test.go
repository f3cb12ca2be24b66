package provider_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	ordersResource = "https://orders.example.com"
	stockResource  = "https://stock.example.com/v1"
	allScopes      = "openid profile phone account wechat.data api roles"
)

// resourceForms has a first-party client with two APIs, and returns a request for each grant by which a client gets
// its first token.
func (w *env) resourceForms(t *testing.T) map[string]func() form {
	t.Helper()
	client := confidentialClient("shop-web", oauth.GrantWechatCode, oauth.GrantPassword, oauth.GrantRefreshToken,
		oauth.GrantClientCredentials)
	client.Audience, client.Origins = []string{ordersResource, stockResource}, []string{testOrigin}
	require.NoError(t, w.database.Clients().Create(t.Context(), client))
	own := form{"client_id": "shop-web", "client_secret": testSecret, "scope": allScopes}
	return map[string]func() form{
		oauth.GrantPassword: func() form {
			return own.with("grant_type", oauth.GrantPassword, "username", "alice", "password", testPassword)
		},
		oauth.GrantWechatCode: func() form {
			return own.with("grant_type", oauth.GrantWechatCode, "code", w.code("ada"))
		},
		oauth.GrantRefreshToken: func() form {
			first := w.token(own.with("grant_type", oauth.GrantWechatCode, "code", w.code("ada")))
			requireTokens(t, first)
			return own.with("grant_type", oauth.GrantRefreshToken, "refresh_token", first.text("refresh_token"))
		},
		oauth.GrantClientCredentials: func() form {
			return own.with("grant_type", oauth.GrantClientCredentials, "scope", "api")
		},
	}
}

// TestOneTokenOneAudience tries grants × resource × scope.
func TestOneTokenOneAudience(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	forms := w.resourceForms(t)
	delete(forms, oauth.GrantClientCredentials)
	discovery := w.get("/.well-known/openid-configuration", nil)
	require.Equal(t, true, discovery.members["resource_indicators_supported"])
	for name, test := range map[string]struct {
		pairs    []string
		audience any
		scope    string
	}{
		"nothing named":      {nil, []any{ordersResource, stockResource}, "openid profile api roles"},
		"the issuer":         {[]string{"resource", w.issuer}, w.issuer, "openid phone account wechat.data"},
		"an API":             {[]string{"resource", stockResource}, stockResource, "api roles"},
		"an API, less scope": {[]string{"resource", ordersResource, "scope", "openid api"}, ordersResource, "api"},
		"account alone":      {[]string{"scope", "account"}, w.issuer, "account"},
		"account and phone":  {[]string{"scope", "account phone"}, w.issuer, "account phone"},
		"account and an API": {[]string{"scope", "account api"}, []any{ordersResource, stockResource}, "api"},
		"the issuer, a part": {[]string{"resource", w.issuer, "scope", "account api"}, w.issuer, "account"},
	} {
		for grant, newForm := range forms {
			f := newForm().with(test.pairs...)
			a := w.token(f)
			requireTokens(t, a)
			claims := claimsOf(t, a.text("access_token"))
			require.Equal(t, test.audience, claims["aud"], "%s, %s", grant, name)
			require.Equal(t, test.scope, claims["scope"], "%s, %s", grant, name)
			require.Equal(t, test.scope, a.text("scope"), "%s, %s: the answer says the token's", grant, name)
			require.Equal(t, strings.Contains(f["scope"], "openid"), a.text("id_token") != "", "%s, %s", grant, name)
		}
	}
}

// TestATokenWithoutScopeSaysSo: without the member, the scope would be what was requested (RFC 6749 §5.1).
func TestATokenWithoutScopeSaysSo(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	signIn := w.resourceForms(t)[oauth.GrantPassword]().with("scope", "openid", "resource", stockResource)
	a := w.token(signIn)
	requireTokens(t, a)
	require.NotEmpty(t, a.text("id_token"))
	require.Equal(t, "", a.members["scope"])
	require.NotContains(t, claimsOf(t, a.text("access_token")), "scope")
}

// TestResourcesOfClientCredentials: there is no user and no session, and the rule is the same.
func TestResourcesOfClientCredentials(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	own := w.resourceForms(t)[oauth.GrantClientCredentials]()
	for resource, audience := range map[string]any{"": []any{ordersResource, stockResource},
		stockResource: stockResource} {
		a := w.token(own.with("resource", resource))
		requireTokens(t, a)
		require.Equal(t, audience, claimsOf(t, a.text("access_token"))["aud"])
	}
	a := w.token(own.with("scope", oauth.ScopeWechatData))
	require.Equal(t, w.issuer, claimsOf(t, a.text("access_token"))["aud"])
	requireError(t, w.token(own.with("resource", w.issuer)), http.StatusBadRequest, "invalid_scope")
	requireError(t, w.token(own.with("resource", "https://other.example.com")), http.StatusBadRequest, "invalid_target")
}

// TestBadResources: they are refused before a code is used up or a refresh token moves on.
func TestBadResources(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, newForm := range w.resourceForms(t) {
		f := newForm()
		for _, resource := range []string{"/orders", "orders", ordersResource + "#x", ordersResource + "#",
			"https://other.example.com", ordersResource + "/", strings.ToUpper(ordersResource), w.issuer + "/",
			ordersResource + " " + stockResource, "https://orders.example.com/" + strings.Repeat("a", 4096)} {
			refused := w.token(f.with("resource", resource))
			requireError(t, refused, http.StatusBadRequest, "invalid_target")
			require.NotContains(t, refused.body, "aaaa")
		}
		body, header := f.with("resource", ordersResource).encode()
		repeated := w.post("/token", body+"&resource="+ordersResource, header)
		requireError(t, repeated, http.StatusBadRequest, "invalid_target")
		requireTokens(t, w.token(f))
	}
}

// TestARefreshKeepsToItsSignIn: what a sign-in named is all that its session may have.
func TestARefreshKeepsToItsSignIn(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	signIn := w.resourceForms(t)[oauth.GrantPassword]().with("resource", stockResource)
	first := w.token(signIn)
	requireTokens(t, first)
	refresh := form{"grant_type": oauth.GrantRefreshToken, "client_id": "shop-web", "client_secret": testSecret,
		"refresh_token": first.text("refresh_token")}
	for _, pairs := range [][]string{{"resource", ordersResource}, {"resource", w.issuer}, {"scope", "account"}} {
		requireError(t, w.token(refresh.with(pairs...)), http.StatusBadRequest, "invalid_target")
	}
	for _, resource := range []string{"", stockResource} {
		a := w.token(refresh.with("resource", resource))
		requireTokens(t, a)
		require.Equal(t, stockResource, claimsOf(t, a.text("access_token"))["aud"])
		require.Equal(t, "api roles", a.text("scope"))
		refresh["refresh_token"] = a.text("refresh_token")
	}
	introspected := w.introspect(refresh["refresh_token"], "client_id", "shop-web")
	require.Equal(t, allScopes, introspected.text("scope"), "of a refresh token, the session's")
}

// TestARepeatMayNameAnotherResource: the key names the refresh token, so two requests for two audiences with one key
// get one successor.
func TestARepeatMayNameAnotherResource(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	refresh := w.resourceForms(t)[oauth.GrantRefreshToken]().with("scope", "", ":Idempotency-Key", testKey)
	answers := make(chan answer)
	resources := []string{"", w.issuer, ordersResource, stockResource}
	for _, resource := range resources {
		go func() { answers <- w.token(refresh.with("resource", resource)) }()
	}
	successors, audiences := map[string]bool{}, map[string]bool{}
	for range resources {
		a := <-answers
		requireTokens(t, a)
		successors[a.text("refresh_token")] = true
		audience, _ := claimsOf(t, a.text("access_token"))["aud"].(string)
		audiences[audience] = true
	}
	require.Len(t, successors, 1)
	require.Len(t, audiences, len(resources))
}

// TestARepeatedSignInNamesTheSameResource: another one would be another request.
func TestARepeatedSignInNamesTheSameResource(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	signIn := w.resourceForms(t)[oauth.GrantWechatCode]().with("resource", stockResource, ":Idempotency-Key", testKey)
	first := w.token(signIn)
	requireTokens(t, first)
	for _, resource := range []string{"", ordersResource} {
		requireError(t, w.token(signIn.with("resource", resource)), http.StatusBadRequest, "invalid_grant")
	}
	again := w.token(signIn)
	requireTokens(t, again)
	require.Equal(t, first.text("refresh_token"), again.text("refresh_token"))
	require.Equal(t, stockResource, claimsOf(t, again.text("access_token"))["aud"])
}

// TestAnAPICannotUseATokenHere plays an API that was shown a token with all scopes of its user.
func TestAnAPICannotUseATokenHere(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	signIn := w.resourceForms(t)[oauth.GrantWechatCode]
	w.signIn("ada")
	share := w.encrypted("share", wechattest.Plaintext{User: "ada", Kind: "share"})
	for _, resource := range []string{"", ordersResource} {
		a := w.token(signIn().with("resource", resource))
		requireTokens(t, a)
		token := a.text("access_token")
		for call, body := range w.everyAccountCall() {
			requireError(t, w.account(call, token, body), http.StatusForbidden, "insufficient_scope")
		}
		for path, f := range map[string]form{decryptPath: share, verifyPath: w.signed("ada"), checkPath: {},
			resetPath: {}, "/wechat/phone": {"code": w.phoneCode("ada")}, "/wechat/app_token": {"appid": testApp}} {
			refused := w.data(path, token, f)
			requireError(t, refused, http.StatusForbidden, "insufficient_scope")
			require.Contains(t, refused.text("error_description"), "resource", path)
		}
		require.Equal(t, resource == "", w.userinfo(token).status == http.StatusOK, "OpenID Connect Core §5.3")
	}
	old := w.session(t, "shop-web", "api phone", ordersResource).AccessToken // of a server of an earlier version
	requireError(t, w.data("/wechat/phone", old, form{"code": "x"}), http.StatusForbidden, "insufficient_scope")
	a := w.token(signIn().with("resource", w.issuer))
	requireTokens(t, a)
	requireData(t, w.data(checkPath, a.text("access_token"), form{}))
	requireAccount(t, w.account("GET /profile", a.text("access_token"), nil))
	require.Equal(t, http.StatusOK, w.userinfo(a.text("access_token")).status)
	requireError(t, w.verify(a.text("access_token"), "&scope=account"), http.StatusForbidden, "insufficient_scope")
}

// TestIntrospectionByAnAPIKnownByItsURL: the API's record lists the audiences that it is.
func TestIntrospectionByAnAPIKnownByItsURL(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	api := confidentialClient("stock", oauth.GrantClientCredentials)
	api.IsAudience = []string{stockResource, w.issuer}
	require.NoError(t, w.database.Clients().Create(t.Context(), api))
	signIn := w.resourceForms(t)[oauth.GrantPassword]
	for resource, active := range map[string]bool{"": true, stockResource: true, ordersResource: false,
		w.issuer: false} {
		a := w.token(signIn().with("resource", resource))
		requireTokens(t, a)
		introspected := w.introspect(a.text("access_token"), "client_id", "stock")
		require.Equal(t, active, introspected.members["active"], resource)
		if active {
			require.Equal(t, a.text("scope"), introspected.text("scope"))
		}
		requireInactive(t, w.introspect(a.text("refresh_token"), "client_id", "stock"), resource)
	}
}

// TestLegacyAudienceOfAnOldProgram: until the date one token is for the APIs and the server, and then no longer.
func TestLegacyAudienceOfAnOldProgram(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	signIn := w.resourceForms(t)[oauth.GrantWechatCode]
	until := w.clock.Now().Add(time.Hour)
	require.NoError(t, w.database.Clients().SetLegacyAudience(t.Context(), "shop-web", until))
	a := w.token(signIn())
	requireTokens(t, a)
	require.Equal(t, []any{ordersResource, stockResource, w.issuer}, claimsOf(t, a.text("access_token"))["aud"])
	require.Equal(t, allScopes, a.text("scope"))
	requireAccount(t, w.account("GET /profile", a.text("access_token"), nil))
	old := w.session(t, "shop-web", "api phone", ordersResource).AccessToken // of a server of an earlier version
	requireError(t, w.data("/wechat/phone", old, form{"code": "x"}), http.StatusBadRequest, "login_required")
	own := w.token(signIn().with("resource", w.issuer))
	require.Equal(t, w.issuer, claimsOf(t, own.text("access_token"))["aud"])
	requireData(t, w.data(checkPath, a.text("access_token"), form{}))

	w.clock.Move(time.Hour)
	refreshed := w.token(form{"grant_type": oauth.GrantRefreshToken, "client_id": "shop-web",
		"client_secret": testSecret, "refresh_token": a.text("refresh_token")})
	requireTokens(t, refreshed)
	require.Equal(t, []any{ordersResource, stockResource}, claimsOf(t, refreshed.text("access_token"))["aud"])
}

// TestAClientWithoutAPIs: a site that only signs people in gets tokens for the server, with everything.
func TestAClientWithoutAPIs(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	client := confidentialClient("site", oauth.GrantPassword, oauth.GrantRefreshToken)
	client.Audience = nil
	require.NoError(t, w.database.Clients().Create(t.Context(), client))
	a := w.token(passwordForm("alice", testPassword).with("client_id", "site", "scope", "openid profile account"))
	requireTokens(t, a)
	require.Equal(t, w.issuer, claimsOf(t, a.text("access_token"))["aud"])
	require.Equal(t, "openid profile account", a.text("scope"))
	require.Equal(t, "alice", w.userinfo(a.text("access_token")).text("preferred_username"))
	requireAccount(t, w.account("GET /profile", a.text("access_token"), nil))
}

// TestSessionsFromBefore have no resources, and may have all that their client may have.
func TestSessionsFromBefore(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	require.NoError(t, w.database.Clients().Create(t.Context(), func() identity.Client {
		client := publicClient("guest", oauth.GrantWechatCode, oauth.GrantRefreshToken)
		client.Audience = []string{ordersResource}
		return client
	}()))
	signIn := w.wechatCode("ada").with("client_id", "guest")
	for scope, status := range map[string]int{"openid phone": http.StatusOK, "openid api": http.StatusBadRequest} {
		a := w.token(signIn.with("code", w.code("ada"), "scope", scope))
		requireTokens(t, a)
		issuers := w.token(refreshForm(a.text("refresh_token")).with("client_id", "guest", "resource", w.issuer))
		require.Equal(t, status, issuers.status, "a third party's, with %s: %s", scope, issuers.body)
	}
}

// TestAddressesByTheAccountAPI: a token for the server has neither scope, so what the sign-in was granted counts.
func TestAddressesByTheAccountAPI(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	signIn := w.resourceForms(t)[oauth.GrantPassword]
	for _, member := range []string{"email", "address"} {
		for scope, status := range map[string]int{"openid account " + member: http.StatusOK,
			"openid account": http.StatusBadRequest} {
			a := w.token(signIn().with("scope", scope, "resource", w.issuer))
			requireTokens(t, a)
			require.Equal(t, "openid account", a.text("scope"))
			changed := w.account("PUT /profile", a.text("access_token"), form{member: "alice@example.com"})
			require.Equal(t, status, changed.status, changed.body)
		}
	}
}

// TestANarrowedTokenAtTheAccountAPI: what a refresh leaves out is not shown, even if the session has it.
func TestANarrowedTokenAtTheAccountAPI(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	refresh := w.resourceForms(t)[oauth.GrantRefreshToken]()
	for scope, shown := range map[string]bool{"account phone": true, "account": false} {
		a := w.token(refresh.with("scope", scope))
		requireTokens(t, a)
		refresh["refresh_token"] = a.text("refresh_token")
		subject, _ := claimsOf(t, a.text("access_token"))["sub"].(string)
		require.NoError(t, w.database.Profiles().SetPhone(t.Context(), subject,
			identity.Phone{Number: "+8613812345678", Verified: true}))
		profile := w.account("GET /profile", a.text("access_token"), nil)
		requireAccount(t, profile)
		_, has := profile.members["phone"]
		require.Equal(t, shown, has, scope)
	}
}
