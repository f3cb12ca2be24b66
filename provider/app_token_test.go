package provider_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const stableToken = "/cgi-bin/stable_token"

// brokerForm requests a token with which a back end can request app tokens.
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
	require.Contains(t, w.log.String(), `"msg":"app token issued"`)
}

// TestParallelBackEndsMakeOneFetch of an app token from WeChat.
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

// TestTheScopeOfAppTokens is granted only to a client itself, if it asks for it by name and for no other scope: its
// token is for this server, and no API may see it.
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

// TestRecordsGiveNoUserTheScope, even if the client's record has it by default, or is public.
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

// TestCallersCannotForceARefresh with any parameter.
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

// TestAppTokenRate: a client that asks too often gets 429, and other clients do not.
func TestAppTokenRate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	long := broker(strings.Repeat("b", 255), testApp)
	require.NoError(t, w.database.Clients().Create(context.Background(), long))
	for _, client := range []string{"broker", long.ID} {
		token := w.brokerToken(client)
		answers := atOnce(80, func(int) answer { return w.appToken(token) })
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

// TestAppTokensInTheAuditLog: one event an hour for each client and app.
func TestAppTokensInTheAuditLog(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	recorded := func() (found []identity.Event) {
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
	events := recorded()
	require.Len(t, events, 1)
	require.Equal(t, "broker", events[0].ClientID)
	require.Equal(t, testApp, events[0].Detail)
	require.Empty(t, events[0].UserID)
	second := w.brokerToken("broker-2")
	requireAppToken(t, w.appToken(second, "appid", testApp), testApp)
	requireAppToken(t, w.appToken(second, "appid", otherApp), otherApp)
	require.Len(t, recorded(), 3)
	w.clock.Move(time.Hour)
	requireAppToken(t, w.appToken(w.brokerToken("broker")), testApp)
	require.Len(t, recorded(), 4)
	w.volatile.broken.Store(true)
	for range 10 {
		requireAppToken(t, w.appToken(w.brokerToken("broker")), testApp)
	}
	require.Len(t, recorded(), 4, "without the store it is unknown what was recorded; the log of the server has it")
}

// TestAppTokensWithoutTheVolatileStore still work: WeChat gives every replica the same one.
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
