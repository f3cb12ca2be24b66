package provider_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const stableToken = "/cgi-bin/stable_token"

// brokerForm asks for a token with which a back end can ask for app tokens.
func brokerForm(client string) form {
	return serviceForm().with("client_id", client, "scope", oauth.ScopeWechatAppToken)
}

// brokerToken is an access token with the scope wechat.app_token.
func (w appTokenCalls) brokerToken(client string) string {
	w.t.Helper()
	a := w.token(brokerForm(client))
	requireTokens(w.t, a)
	return a.text("access_token")
}

// appToken asks for an app's token as a back end does; pairs change the form.
func (w appTokenCalls) appToken(token string, pairs ...string) answer {
	body, header := form{":Authorization": "Bearer " + token}.with(pairs...).encode()
	return w.post("/wechat/app_token", body, header)
}

func (w appTokenCalls) appTokenFetches() int { return w.simulator.Requests().Paths[stableToken] }

func requireAppToken(t testing.TB, a answer, app string) string {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	requireJSON(t, a)
	require.Equal(t, []string{"access_token", "appid", "expires_in"}, names(a.members))
	require.Equal(t, []string{"no-store"}, a.header.Values("Cache-Control"))
	require.Equal(t, app, a.members["appid"])
	require.Greater(t, a.members["expires_in"], 0.0)
	require.LessOrEqual(t, a.members["expires_in"], 7200.0)
	return a.text("access_token")
}

// TestBackEndsGetAppTokens that WeChat accepts, without knowing the AppSecret.
func TestBackEndsGetAppTokens(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.brokerToken("broker")
	first := requireAppToken(t, w.appToken(token), testApp)
	require.Equal(t, first, requireAppToken(t, w.appToken(token, "appid", testApp), testApp))
	second := w.brokerToken("broker-2")
	require.Equal(t, first, requireAppToken(t, w.appToken(second, "appid", testApp), testApp), "all share one")
	require.NotEqual(t, first, requireAppToken(t, w.appToken(second, "appid", otherApp), otherApp))
	require.Equal(t, 2, w.appTokenFetches(), "one for each app")

	w.clock.Move(time.Hour)
	a := w.appToken(w.brokerToken("broker"))
	require.Equal(t, first, requireAppToken(t, a, testApp))
	require.InDelta(t, 3600, a.members["expires_in"], 5)
	w.clock.Move(56 * time.Minute)
	require.NotEqual(t, first, requireAppToken(t, w.appToken(w.brokerToken("broker")), testApp),
		"renewed before its end")
	w.requireLogOfNoSecrets(t)
	require.NotContains(t, w.log.String(), first)
	require.Contains(t, w.log.String(), `"msg":"app token given"`)
}

// TestParallelBackEndsMakeOneFetch.
func TestParallelBackEndsMakeOneFetch(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.brokerToken("broker")
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: stableToken, DelayMS: 200}))
	var group sync.WaitGroup
	answers := make([]answer, 30)
	for n := range answers {
		group.Go(func() { answers[n] = w.appToken(token) })
	}
	group.Wait()
	for _, a := range answers {
		requireAppToken(t, a, testApp)
	}
	require.Equal(t, 1, w.appTokenFetches())
}

// TestTheScopeOfAppTokens is given to a client itself, by name, and alone: its token is for this server and
// no other may see it.
func TestTheScopeOfAppTokens(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	claims := claimsOf(t, w.brokerToken("broker"))
	require.Equal(t, oauth.ScopeWechatAppToken, claims["scope"])
	require.Equal(t, w.issuer, claims["aud"])
	require.NotContains(t, claims, "sid")
	usual := w.token(brokerForm("broker").with("scope", "api"))
	require.Equal(t, testAudience, claimsOf(t, usual.text("access_token"))["aud"])
	requireError(t, w.verify(w.brokerToken("broker"), ""), http.StatusForbidden, "insufficient_scope")

	for name, f := range map[string]form{
		"with another scope":   brokerForm("broker").with("scope", oauth.ScopeWechatAppToken+" api"),
		"behind another scope": brokerForm("broker").with("scope", "api "+oauth.ScopeWechatAppToken),
		"not registered":       brokerForm("service"),
		"a user by password": passwordForm("alice", testPassword).with("client_id", "broker", "scope",
			oauth.ScopeWechatAppToken),
		"a user by wechat": w.wechatCode("alice").with("client_id", "broker", "client_secret", testSecret,
			"scope", "api "+oauth.ScopeWechatAppToken),
		"a user by the URN": w.wechatCode("alice").with("client_id", "broker", "client_secret", testSecret, "scope",
			oauth.ScopeWechatAppToken,
			"grant_type", "urn:lingpai:oauth:grant-type:wechat_code"),
		"in capitals": brokerForm("broker").with("scope", "WECHAT.APP_TOKEN"),
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, w.token(f), http.StatusBadRequest, "invalid_scope")
		})
	}
}

// TestRecordsGiveNoUserTheScope, even if a client has it by default, or is public.
func TestRecordsGiveNoUserTheScope(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	ctx := context.Background()
	old := publicClient("old", oauth.GrantWechatCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials)
	old.Scopes = append(old.Scopes, oauth.ScopeWechatAppToken)
	old.DefaultScopes = []string{oauth.ScopeWechatAppToken, "api"}
	require.NoError(t, w.database.Clients().Create(ctx, old))
	signedIn := w.signIn("alice", "client_id", "old")
	require.Equal(t, "api", signedIn.text("scope"))
	requireError(t, w.token(w.wechatCode("alice").with("client_id", "old", "scope", oauth.ScopeWechatAppToken)),
		http.StatusBadRequest, "invalid_scope")
	requireError(t, w.token(brokerForm("old").with("client_secret", "")), http.StatusBadRequest, "unauthorized_client")
	old.ID, old.Confidential, old.SecretHash = "old-service", true, identity.HashSecret(testSecret)
	require.NoError(t, w.database.Clients().Create(ctx, old))
	a := w.token(brokerForm("old-service").with("scope", ""))
	requireTokens(t, a)
	require.Equal(t, "api", a.text("scope"))
	require.Equal(t, testAudience, claimsOf(t, a.text("access_token"))["aud"])
}

// session opens a session with any scope, as the mint does.
func (w records) session(t *testing.T, client, scope string, audience ...string) tokens.Set {
	t.Helper()
	ctx := context.Background()
	user, err := w.database.Users().FindByUsername(ctx, "alice")
	require.NoError(t, err)
	record, err := w.database.Clients().Find(ctx, client)
	require.NoError(t, err)
	record.Audience = append(audience, record.Audience[len(audience):]...)
	set, err := w.mint().Issue(ctx, tokens.Authorization{Client: record, User: user, Scope: scope,
		Method: identity.MethodPassword, AuthTime: w.clock.Now()})
	require.NoError(t, err)
	return set
}

func (w records) mint() *tokens.Issuer {
	return tokens.New(tokens.Config{
		Issuer: w.issuer, Keys: w.keys, Sessions: w.database.Sessions(), Users: w.database.Users(),
		Accounts:  w.database.Accounts(),
		Profiles:  w.database.Profiles(),
		AccessTTL: time.Hour, IdleTTL: w.settings.idle, AbsoluteTTL: w.settings.absolute, SessionLimit: 20,
		Now: w.clock.Now,
	})
}

// TestWhoGetsNoAppToken: whoever is not the client itself, by a token that is for this and for here.
func TestWhoGetsNoAppToken(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	ctx := context.Background()
	issuer := w.mint()
	own := func(id, scope string, audience ...string) string {
		client, err := w.database.Clients().Find(ctx, id)
		require.NoError(t, err)
		client.Audience = audience
		set, err := issuer.IssueToClient(client, scope)
		require.NoError(t, err)
		return set.AccessToken
	}
	const scope = oauth.ScopeWechatAppToken
	public, without := broker("public-broker", testApp), broker("broker-without-grant", testApp)
	public.Confidential, public.SecretHash, without.Grants = false, nil, []string{oauth.GrantWechatCode}
	for _, client := range []identity.Client{public, without} { // from before there were rules against them
		require.NoError(t, w.database.Clients().Create(ctx, client))
	}
	for name, token := range map[string]string{
		"a user": w.signIn("alice").text("access_token"),
		"a user of the client": w.token(passwordForm("alice", testPassword).with("client_id",
			"broker")).text("access_token"),
		"a user with the scope, for us":     w.session(t, "broker", scope, w.issuer).AccessToken,
		"the client without the scope":      w.token(brokerForm("broker").with("scope", "api")).text("access_token"),
		"no scope":                          own("broker", "", w.issuer),
		"a scope that begins alike":         own("broker", scope+"s", w.issuer),
		"a scope that ends alike":           own("broker", "x"+scope, w.issuer),
		"for an API":                        own("broker", scope, testAudience),
		"for us and an API":                 own("broker", scope, w.issuer, testAudience),
		"for an API and us":                 own("broker", scope, testAudience, w.issuer),
		"for nobody":                        own("broker", scope),
		"for an address below ours":         own("broker", scope, w.issuer+"/"),
		"a public client":                   own("public-broker", scope, w.issuer),
		"a client that is not for it":       own("service", scope, w.issuer),
		"a client without the grant by now": own("broker-without-grant", scope, w.issuer),
	} {
		t.Run(name, func(t *testing.T) {
			a := w.appToken(token)
			requireError(t, a, http.StatusForbidden, "insufficient_scope")
			require.Contains(t, a.header.Get("WWW-Authenticate"), `scope="wechat.app_token"`)
			requireNothingOfWechat(t, a)
		})
	}
	posing := claimsOf(t, w.session(t, "broker", scope, w.issuer).AccessToken)
	posing["sub"] = "broker" // no mint of ours makes such a token
	payload, err := json.Marshal(posing)
	require.NoError(t, err)
	withSession, err := w.keys.Sign("at+jwt", payload)
	require.NoError(t, err)
	requireError(t, w.appToken(string(withSession)), http.StatusUnauthorized, "invalid_token")
	ended := w.signIn("alice", "scope", "openid")
	requireRevoked(t, w.revoke(ended.text("access_token")))
	requireError(t, w.appToken(ended.text("access_token")), http.StatusUnauthorized, "invalid_token")
	for name, token := range w.forgeries(t, w.signIn("alice", "scope", "openid")) {
		require.Equal(t, http.StatusUnauthorized, w.appToken(token).status, name)
	}
	require.Zero(t, w.appTokenFetches())
	requireAppToken(t, w.appToken(own("broker", scope, w.issuer)), testApp)

	late := w.brokerToken("broker")
	require.NoError(t, w.database.Clients().Disable(ctx, "broker"))
	requireError(t, w.appToken(late), http.StatusUnauthorized, "invalid_token")
	old := w.brokerToken("broker-2")
	w.clock.Move(time.Hour)
	requireError(t, w.appToken(old), http.StatusUnauthorized, "invalid_token")
}

// TestAppsThatAreNotTheClients.
func TestAppsThatAreNotTheClients(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	one, two, none := w.brokerToken("broker"), w.brokerToken("broker-2"), w.brokerToken("broker-none")
	for _, app := range append(hostileTexts()[:17], otherApp, "wx0000000000000000", testApp+" ",
		strings.ToUpper(testApp), testApp+","+otherApp) {
		a := w.appToken(one, "appid", app)
		requireError(t, a, http.StatusBadRequest, "invalid_request")
		require.NotContains(t, a.body, app)
	}
	requireError(t, w.appToken(two), http.StatusBadRequest, "invalid_request")
	requireError(t, w.appToken(none), http.StatusBadRequest, "invalid_request")
	requireError(t, w.appToken(none, "appid", testApp), http.StatusBadRequest, "invalid_request")
	require.Zero(t, w.appTokenFetches())
}

// TestAppTokenRequestsThatAreNone: one way to send the token, one place for the parameters.
func TestAppTokenRequestsThatAreNone(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.brokerToken("broker")
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodOptions,
		http.MethodTrace} {
		a := w.ask(method, "/wechat/app_token", nil, bearer(token))
		requireError(t, a, http.StatusMethodNotAllowed, "invalid_request")
		require.Equal(t, http.MethodPost, a.header.Get("Allow"))
	}
	require.Equal(t, http.StatusMethodNotAllowed, w.ask(http.MethodHead, "/wechat/app_token", nil,
		bearer(token)).status)
	for name, a := range map[string]answer{
		"token in the query":    w.post("/wechat/app_token?access_token="+token, "", nil),
		"token there too":       w.post("/wechat/app_token?access_token="+token, "", bearer(token)),
		"appid in the query":    w.post("/wechat/app_token?appid="+testApp, "", bearer(token)),
		"token in the form":     w.post("/wechat/app_token", "access_token="+token, nil),
		"token in the form too": w.post("/wechat/app_token", "access_token="+token, bearer(token)),
		"two tokens": w.post("/wechat/app_token", "", http.Header{"Authorization": {"Bearer " + token,
			"Bearer " + token}}),
		"appid twice":            w.post("/wechat/app_token", "appid="+testApp+"&appid="+otherApp, bearer(token)),
		"a control character":    w.post("/wechat/app_token", "appid=%00"+testApp, bearer(token)),
		"a malformed form":       w.post("/wechat/app_token", "appid=%zz", bearer(token)),
		"the app's id in a path": w.post("/wechat/app_token/"+testApp, "", bearer(token)),
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, a, a.status, "invalid_request")
			require.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, a.status)
		})
	}
	requireError(t, w.post("/wechat/app_token", `{"appid":"`+testApp+`"}`,
		http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}),
		http.StatusUnsupportedMediaType, "invalid_request")
	for name, header := range map[string]http.Header{
		"none": {}, "Basic": {"Authorization": {basic("broker", testSecret)}},
		"in a cookie": {"Cookie": {"access_token=" + token}}, "Bearer alone": {"Authorization": {"Bearer "}},
	} {
		a := w.post("/wechat/app_token", "client_id=broker&client_secret="+testSecret, header)
		requireError(t, a, http.StatusUnauthorized, "invalid_token")
		require.Equal(t, `Bearer realm="lingpai"`, a.header.Get("WWW-Authenticate"), name)
	}
	require.Zero(t, w.appTokenFetches())
	require.Empty(t, w.ask(http.MethodOptions, "/wechat/app_token", nil, preflight(testOrigin, http.MethodPost,
		"authorization")).header.Get("Access-Control-Allow-Origin"), "scripts have no business here")
	require.Empty(t, w.appToken(token, ":Origin", testOrigin).header.Get("Access-Control-Allow-Origin"))
	require.NotContains(t, w.log.String(), token)
}

// TestCallersCannotForceARefresh, whatever they call it.
func TestCallersCannotForceARefresh(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.brokerToken("broker")
	first := requireAppToken(t, w.appToken(token), testApp)
	for _, name := range []string{"force_refresh", "force", "refresh", "forceRefresh", "grant_type"} {
		require.Equal(t, first, requireAppToken(t, w.appToken(token, name, "true", ":Cache-Control", "no-cache"),
			testApp))
	}
	require.Equal(t, 1, w.appTokenFetches())
}

// TestWechatGivesNoAppToken: none of it is the client's fault, and nothing of it is told.
func TestWechatGivesNoAppToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  wechattest.Fault
		status int
		name   string
		retry  int
	}{
		"wrong AppSecret":      {wechattest.Fault{Errcode: 40125}, http.StatusInternalServerError, "server_error", 0},
		"wrong AppSecret, old": {wechattest.Fault{Errcode: 40001}, http.StatusInternalServerError, "server_error", 0},
		"allow-list":           {wechattest.Fault{Errcode: 40164}, http.StatusInternalServerError, "server_error", 0},
		"quota": {wechattest.Fault{Errcode: 45009}, http.StatusServiceUnavailable,
			"temporarily_unavailable", 600},
		"rate": {wechattest.Fault{Errcode: 45011}, http.StatusServiceUnavailable,
			"temporarily_unavailable", 60},
		"busy": {wechattest.Fault{Errcode: -1}, http.StatusServiceUnavailable,
			"temporarily_unavailable", 5},
		"a code's number": {wechattest.Fault{Errcode: 40029}, http.StatusServiceUnavailable,
			"temporarily_unavailable", 5},
		"slow": {wechattest.Fault{DelayMS: 60_000}, http.StatusServiceUnavailable,
			"temporarily_unavailable", 5},
		"HTML": {wechattest.Fault{Body: "html"}, http.StatusServiceUnavailable,
			"temporarily_unavailable", 5},
		"dropped": {wechattest.Fault{Drop: true}, http.StatusServiceUnavailable,
			"temporarily_unavailable", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, func(s *settings) { s.wechatTimeout = 2 * time.Second })
			token := w.brokerToken("broker")
			c.fault.Path, c.fault.Errmsg = stableToken, secretOfWechat
			require.NoError(t, w.simulator.Fail(c.fault))
			begun := time.Now()
			a := w.appToken(token)
			requireError(t, a, c.status, c.name)
			require.Less(t, time.Since(begun), 30*time.Second)
			requireNothingOfWechat(t, a)
			require.NotContains(t, a.members, "wechat_errcode")
			if c.retry > 0 {
				require.Equal(t, strconv.Itoa(c.retry), a.header.Get("Retry-After"))
			}
			require.Equal(t, 1, w.appTokenFetches())
			requireAppToken(t, w.appToken(token), testApp)
			w.requireLogOfNoSecrets(t)
			require.Equal(t, []string{"wechat.app_token " + testApp}, w.eventKinds(t), "of what was given")
		})
	}
}

// TestAppTokensFromElsewhere: the address that WeChat does not allow stands in the log, for the operator.
func TestAppTokensFromElsewhere(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	require.NoError(t, w.simulator.AllowOnly(testApp, netip.MustParseAddr("203.0.113.7")))
	requireError(t, w.appToken(w.brokerToken("broker")), http.StatusInternalServerError, "server_error")
	require.Contains(t, w.log.String(), `"our_address":"127.0.0.1"`)
}

// TestAppTokenRate: a client that asks all the time is told to wait, and nobody else is.
func TestAppTokenRate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	long := broker(strings.Repeat("b", 255), testApp)
	require.NoError(t, w.database.Clients().Create(context.Background(), long))
	for _, client := range []string{"broker", long.ID} {
		token := w.brokerToken(client)
		answers := make([]answer, 80)
		var group sync.WaitGroup
		for n := range answers {
			group.Go(func() { answers[n] = w.appToken(token) })
		}
		group.Wait()
		given := 0
		for _, a := range answers {
			if a.status == http.StatusOK {
				given++
				continue
			}
			requireError(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
			require.Equal(t, "1", a.header.Get("Retry-After"))
		}
		require.LessOrEqual(t, given, 65) // one more every second
		require.GreaterOrEqual(t, given, 60)
	}
	other := w.brokerToken("broker-2")
	for _, app := range []string{testApp, otherApp} {
		requireAppToken(t, w.appToken(other, "appid", app), app)
	}
	w.clock.Move(time.Minute)
	requireAppToken(t, w.appToken(w.brokerToken("broker")), testApp)
}

// TestAppTokensInTheAuditLog: who got which, once an hour, however often.
func TestAppTokensInTheAuditLog(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	told := func() (found []identity.Event) {
		events, err := w.database.Events().List(context.Background(), identity.EventsOf{}, 1000)
		require.NoError(t, err)
		for _, event := range events {
			if event.Kind == identity.EventAppTokenGiven {
				found = append(found, event)
			}
		}
		return found
	}
	for range 10 {
		requireAppToken(t, w.appToken(w.brokerToken("broker")), testApp)
	}
	events := told()
	require.Len(t, events, 1)
	require.Equal(t, "broker", events[0].ClientID)
	require.Equal(t, testApp, events[0].Detail)
	require.Empty(t, events[0].UserID)
	second := w.brokerToken("broker-2")
	requireAppToken(t, w.appToken(second, "appid", testApp), testApp)
	requireAppToken(t, w.appToken(second, "appid", otherApp), otherApp)
	require.Len(t, told(), 3)
	w.clock.Move(time.Hour)
	requireAppToken(t, w.appToken(w.brokerToken("broker")), testApp)
	require.Len(t, told(), 4)
	w.volatile.broken.Store(true)
	for range 10 {
		requireAppToken(t, w.appToken(w.brokerToken("broker")), testApp)
	}
	require.Len(t, told(), 4, "without the store it is not known what was told, and the log of the server tells it")
}

// TestAppTokensWithoutTheVolatileStore are given all the same: WeChat gives every replica the same one.
func TestAppTokensWithoutTheVolatileStore(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.volatile.broken.Store(true)
	token := w.brokerToken("broker")
	first := requireAppToken(t, w.appToken(token), testApp)
	require.Equal(t, first, requireAppToken(t, w.appToken(token), testApp))
	require.Equal(t, 1, w.appTokenFetches())
	w.volatile.broken.Store(false)
	require.Equal(t, first, requireAppToken(t, w.appToken(token), testApp))
}

// TestAppTokensAreSealed in the store that all replicas share.
func TestAppTokensAreSealed(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := requireAppToken(t, w.appToken(w.brokerToken("broker")), testApp)
	sealed, err := w.volatile.Get(context.Background(), "wechat/app_token/"+testApp)
	require.NoError(t, err)
	require.NotContains(t, string(sealed), token[:16])
	require.NotContains(t, string(sealed), "expires")
	_, err = w.ring.Open("wechat app token", otherApp, sealed)
	require.Error(t, err)
}
