package provider_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// session opens a session with any scope, without the checks of the token endpoint.
func (w records) session(t *testing.T, client, scope string, audience ...string) tokens.Set {
	t.Helper()
	ctx := context.Background()
	user, err := w.database.Users().FindByUsername(ctx, "alice")
	require.NoError(t, err)
	record, err := w.database.Clients().Find(ctx, client)
	require.NoError(t, err)
	target := tokens.Target{Audience: append(audience, record.Audience[len(audience):]...), Scope: scope}
	set, err := w.mint().Issue(ctx, tokens.Authorization{Client: record, User: user, Scope: scope, Target: target,
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

// TestWhoGetsNoAppToken: every token other than a client's own, with the scope and with the issuer as audience.
func TestWhoGetsNoAppToken(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	ctx := context.Background()
	issuer := w.mint()
	own := func(id, scope string, audience ...string) string {
		client, err := w.database.Clients().Find(ctx, id)
		require.NoError(t, err)
		client.Audience = audience
		set, err := issuer.IssueToClient(client, tokens.Target{Audience: client.Audience, Scope: scope})
		require.NoError(t, err)
		return set.AccessToken
	}
	const scope = oauth.ScopeWechatAppToken
	public, without := broker("public-broker", testApp), broker("broker-without-grant", testApp)
	public.Confidential, public.SecretHash, without.Grants = false, nil, []string{oauth.GrantWechatCode}
	for _, client := range []identity.Client{public, without} { // registered before the rules
		require.NoError(t, w.database.Clients().Create(ctx, client))
	}
	for name, token := range map[string]string{
		"a user": w.signIn("alice").text("access_token"),
		"a user of the client": w.token(passwordForm("alice", testPassword).with("client_id",
			"broker")).text("access_token"),
		"a user with the scope, for us":   w.session(t, "broker", scope, w.issuer).AccessToken,
		"the client without the scope":    w.token(brokerForm("broker").with("scope", "api")).text("access_token"),
		"no scope":                        own("broker", "", w.issuer),
		"a scope that begins alike":       own("broker", scope+"s", w.issuer),
		"a scope that ends alike":         own("broker", "x"+scope, w.issuer),
		"for an API":                      own("broker", scope, testAudience),
		"for us and an API":               own("broker", scope, w.issuer, testAudience),
		"for an API and us":               own("broker", scope, testAudience, w.issuer),
		"for nobody":                      own("broker", scope),
		"for an address below the issuer": own("broker", scope, w.issuer+"/"),
		"a public client":                 own("public-broker", scope, w.issuer),
		"a client without the scope":      own("service", scope, w.issuer),
		"a client that lost the grant":    own("broker-without-grant", scope, w.issuer),
	} {
		t.Run(name, func(t *testing.T) {
			a := w.appToken(token)
			requireError(t, a, http.StatusForbidden, "insufficient_scope")
			require.Contains(t, a.header.Get("WWW-Authenticate"), `scope="wechat.app_token"`)
			requireNothingOfWechat(t, a)
		})
	}
	posing := claimsOf(t, w.session(t, "broker", scope, w.issuer).AccessToken)
	posing["sub"] = "broker" // the server issues no such token
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

// TestAppsThatAreNotTheClients are rejected like unknown ones.
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

// TestInvalidAppTokenRequests: the token must be in the header, and the parameters in the form.
func TestInvalidAppTokenRequests(t *testing.T) {
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
		"appid twice":         w.post("/wechat/app_token", "appid="+testApp+"&appid="+otherApp, bearer(token)),
		"a control character": w.post("/wechat/app_token", "appid=%00"+testApp, bearer(token)),
		"a malformed form":    w.post("/wechat/app_token", "appid=%zz", bearer(token)),
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, a, http.StatusBadRequest, "invalid_request")
		})
	}
	requireError(t, w.post("/wechat/app_token/"+testApp, "", bearer(token)), http.StatusNotFound, "not_found")
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
		"authorization")).header.Get("Access-Control-Allow-Origin"), "scripts may not call this")
	require.Empty(t, w.appToken(token, ":Origin", testOrigin).header.Get("Access-Control-Allow-Origin"))
	require.NotContains(t, w.log.String(), token)
}

// TestWechatGivesNoAppToken: the answer neither blames the client nor repeats what WeChat answered.
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
		"an error code of codes": {wechattest.Fault{Errcode: 40029}, http.StatusServiceUnavailable,
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
			w.requireLogOfNoSecrets(t)
			if name == "quota" { // WeChat is not asked again before Retry-After
				requireError(t, w.appToken(token), c.status, c.name)
				require.Equal(t, 1, w.appTokenFetches())
				return
			}
			requireAppToken(t, w.appToken(token), testApp)
			require.Equal(t, []string{"wechat.app_token " + testApp}, w.eventKinds(t), "of what was given")
		})
	}
}

// TestAppTokensFromElsewhere: the address that WeChat does not allow is in the log, for the operator.
func TestAppTokensFromElsewhere(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	require.NoError(t, w.simulator.AllowOnly(testApp, netip.MustParseAddr("203.0.113.7")))
	requireError(t, w.appToken(w.brokerToken("broker")), http.StatusInternalServerError, "server_error")
	require.Contains(t, w.log.String(), `"our_address":"127.0.0.1"`)
}
