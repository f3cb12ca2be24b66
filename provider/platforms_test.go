package provider_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat/qq"
	"github.com/lingpai/lingpai/wechat/qq/qqtest"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	accountApp = "wx00000000000000aa" // an official account
	websiteApp = "wx00000000000000bb"
	mobileApp  = "wx00000000000000cc"
	qqApp      = "1109123456"
)

// startQQ starts QQ's simulator.
func (w *installation) startQQ() string {
	w.t.Helper()
	w.qq = qqtest.New(qqtest.Options{Now: w.clock.Now})
	server := httptest.NewServer(w.qq)
	w.t.Cleanup(server.Close)
	return server.URL
}

// addApp registers an app at the server and at its simulator, and two clients of it: one public, one confidential.
func (w records) addApp(id, kind string) {
	w.t.Helper()
	ctx := context.Background()
	app := identity.App{Platform: identity.PlatformWechat, ID: id, Kind: kind,
		Secret: identity.Secret("simulator-" + id), OpenPlatform: testOpenPlatform}
	if qq.ValidAppID(id) {
		app.Platform = identity.PlatformQQ
		require.NoError(w.t, w.qq.AddApp(qqtest.App{AppID: id, Secret: "simulator-" + id}))
	} else {
		require.NoError(w.t, w.simulator.AddApp(wechattest.App{AppID: id, Secret: "simulator-" + id, Kind: kind,
			OpenPlatform: testOpenPlatform}))
	}
	require.NoError(w.t, w.database.Apps().Add(ctx, app))
	names := []string{oauth.GrantWechatCode, oauth.GrantQQCode, oauth.GrantRefreshToken}
	for _, client := range []identity.Client{publicClient("public-"+id, names...),
		confidentialClient("backend-"+id, names...)} {
		client.Apps = []string{id}
		require.NoError(w.t, w.database.Clients().Create(ctx, client))
	}
}

func (w wechatUsers) oauthCode(code wechattest.OAuthCode) string {
	w.t.Helper()
	text, err := w.simulator.MintOAuthCode(code)
	require.NoError(w.t, err)
	return text
}

// backendCode is a sign-in at a confidential client of an app.
func backendCode(app, code string) form {
	return form{"grant_type": oauth.GrantWechatCode, "client_id": "backend-" + app, "client_secret": testSecret,
		"code": code}
}

func publicCode(app, code string) form {
	return form{"grant_type": oauth.GrantWechatCode, "client_id": "public-" + app, "code": code}
}

// TestEveryKindOfApp uses the same grant, and a person is the same user in all apps of an Open Platform account.
func TestEveryKindOfApp(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	require.NoError(t, w.simulator.Bind(testApp, testOpenPlatform))
	subject := claimsOf(t, w.signIn("ada").text("access_token"))["sub"]
	for app, kind := range map[string]string{
		accountApp: identity.KindOfficialAccount, websiteApp: identity.KindWebsite, mobileApp: identity.KindMobileApp,
	} {
		w.addApp(app, kind)
		scope := "" // that of the kind of app
		if app == accountApp {
			scope = "snsapi_userinfo"
		}
		a := w.token(backendCode(app, w.oauthCode(wechattest.OAuthCode{AppID: app, User: "ada", Scope: scope})))
		requireTokens(t, a)
		claims := claimsOf(t, a.text("access_token"))
		require.Equal(t, subject, claims["sub"], kind)
		require.Equal(t, []any{"wechat"}, claims["amr"])
	}
}

// TestBrowserCodesOfPublicClients are rejected before WeChat sees them: anyone who reads a browser's address could
// exchange them.
func TestBrowserCodesOfPublicClients(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for app, kind := range map[string]string{accountApp: identity.KindOfficialAccount,
		websiteApp: identity.KindWebsite} {
		w.addApp(app, kind)
		code := w.oauthCode(wechattest.OAuthCode{AppID: app, User: "ada"})
		requireError(t, w.token(publicCode(app, code)), http.StatusBadRequest, "unauthorized_client")
		requireTokens(t, w.token(backendCode(app, code)))
	}
	w.addApp(mobileApp, identity.KindMobileApp) // its codes come from an SDK
	requireTokens(t, w.token(publicCode(mobileApp, w.oauthCode(wechattest.OAuthCode{AppID: mobileApp, User: "ada"}))))
}

// TestHintsFitTheKindOfApp: only mini-programs have wx.login.
func TestHintsFitTheKindOfApp(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for app, c := range map[string]struct{ kind, hint string }{
		accountApp: {identity.KindOfficialAccount, "Send the browser to the authorization page of WeChat again."},
		websiteApp: {identity.KindWebsite, "Send the browser to the authorization page of WeChat again."},
		mobileApp:  {identity.KindMobileApp, "Ask the SDK of WeChat for a new code."},
	} {
		w.addApp(app, c.kind)
		for _, fault := range []wechattest.Fault{{Errcode: 40029}, {Errcode: 59999}, {Drop: true}} {
			require.NoError(t, w.simulator.Fail(fault))
			a := w.token(backendCode(app, w.oauthCode(wechattest.OAuthCode{AppID: app, User: "ada"})))
			require.Contains(t, a.text("error_description"), c.hint)
			require.NotContains(t, a.body, "wx.login")
		}
	}
}

// TestAnAppThatIsNotRegisteredIsNamed, although a client has it.
func TestAnAppThatIsNotRegisteredIsNamed(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	client := confidentialClient("backend-"+accountApp, oauth.GrantWechatCode)
	client.Apps = []string{accountApp}
	require.NoError(t, w.database.Clients().Create(t.Context(), client))
	a := w.token(backendCode(accountApp, "code"))
	requireError(t, a, http.StatusInternalServerError, "server_error")
	require.Contains(t, a.text("error_description"), "is not registered here. The operator must add it with: lingpai "+
		"apps add "+accountApp)
}

// TestVirtualVisitorsCannotSignIn: a page in snapshot mode must not create an account.
func TestVirtualVisitorsCannotSignIn(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addApp(accountApp, identity.KindOfficialAccount)
	before := w.users()
	code := w.oauthCode(wechattest.OAuthCode{AppID: accountApp, User: "ada", Scope: "snsapi_userinfo", Snapshot: true})
	a := w.token(backendCode(accountApp, code))
	requireError(t, a, http.StatusBadRequest, "invalid_grant")
	require.Equal(t, true, a.members["wechat_snapshot"])
	require.Equal(t, before, w.users())
}

func (w records) users() int {
	w.t.Helper()
	users, err := w.database.Users().List(context.Background(), "", 1000)
	require.NoError(w.t, err)
	return len(users)
}

// TestProfilesAreFetchedOnlyIfTheScopeAllows it, both the OAuth scope and WeChat's.
func TestProfilesAreFetchedOnlyIfTheScopeAllows(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addApp(accountApp, identity.KindOfficialAccount)
	require.NoError(t, w.simulator.SetUser(wechattest.User{User: "ada", Nickname: "Ada", Sex: 2,
		HeadImgURL: "http://thirdwx.qlogo.cn/ada"}))
	fetched := func() int { return w.simulator.Requests().Paths["/sns/userinfo"] }
	for _, c := range []struct {
		theirs, ours string
		fetches      int
	}{{"snsapi_base", "openid profile", 0}, {"snsapi_userinfo", "openid", 0}, {"snsapi_userinfo", "openid profile",
		1}} {
		before := fetched()
		code := w.oauthCode(wechattest.OAuthCode{AppID: accountApp, User: "ada", Scope: c.theirs})
		a := w.token(backendCode(accountApp, code).with("scope", c.ours))
		requireTokens(t, a)
		require.Equal(t, c.fetches, fetched()-before, c)
		if c.fetches == 1 {
			require.Equal(t, "kept", a.members["profile_status"])
			info := w.userinfoOf(a).members
			require.Equal(t, "Ada", info["nickname"])
			require.Equal(t, "female", info["gender"])
			require.Equal(t, "https://thirdwx.qlogo.cn/ada", info["picture"])
		}
	}
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: "/sns/userinfo", Body: "html"}))
	a := w.token(backendCode(accountApp, w.oauthCode(wechattest.OAuthCode{AppID: accountApp, User: "ada",
		Scope: "snsapi_userinfo"})).with("scope", "openid profile"))
	requireTokens(t, a)
	require.Equal(t, "unavailable", a.members["profile_status"], "the sign-in still succeeds")
}

// TestCodesOfOneKindAreNotAcceptedAsAnother: a code of wx.login is not accepted for a website, nor the reverse.
func TestCodesOfOneKindAreNotAcceptedAsAnother(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addApp(websiteApp, identity.KindWebsite)
	requireError(t, w.token(backendCode(websiteApp, w.code("ada"))), http.StatusBadRequest, "invalid_grant")
	code := w.oauthCode(wechattest.OAuthCode{AppID: websiteApp, User: "ada"})
	requireError(t, w.token(w.wechatCode("ada").with("code", code)), http.StatusBadRequest, "invalid_grant")
}

// qqForm adds a QQ mini-program and returns a sign-in at it.
func (w *env) qqForm(user string) form {
	w.t.Helper()
	w.addApp(qqApp, identity.KindMiniProgram)
	return w.qqCode(user)
}

func (w wechatUsers) qqCode(user string) form {
	w.t.Helper()
	code, err := w.qq.MintCode(qqApp, user)
	require.NoError(w.t, err)
	return form{"grant_type": oauth.GrantQQCode, "client_id": "public-" + qqApp, "code": code}
}

// TestAQQMiniProgram works like WeChat's: with idempotency keys, refreshes, and users of its own.
func TestAQQMiniProgram(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addApp(qqApp, identity.KindMiniProgram)
	sign := func(user string, pairs ...string) answer { return w.token(w.qqCode(user).with(pairs...)) }
	first := sign("ada")
	requireTokens(t, first)
	claims := claimsOf(t, first.text("access_token"))
	require.Equal(t, []any{"qq"}, claims["amr"])
	require.Equal(t, claims["sub"], claimsOf(t, sign("ada").text("access_token"))["sub"])
	require.NotEqual(t, claims["sub"], claimsOf(t, w.signIn("ada").text("access_token"))["sub"],
		"QQ's ada is not WeChat's")
	requireTokens(t, w.token(refreshForm(first.text("refresh_token")).with("client_id", "public-"+qqApp)))

	keyed := w.qqCode("bob").with(":Idempotency-Key", testKey)
	once, again := w.token(keyed), w.token(keyed)
	requireTokens(t, once)
	require.Equal(t, once.text("refresh_token"), again.text("refresh_token"))
	requireError(t, w.token(keyed.with(":Idempotency-Key", "")), http.StatusBadRequest, "invalid_grant")

	requireError(t, sign("ada", "grant_type", oauth.GrantWechatCode), http.StatusBadRequest, "invalid_request")
	require.NoError(t, w.qq.Fail(qqtest.Fault{Errcode: -1}))
	requireError(t, sign("ada"), http.StatusServiceUnavailable, "temporarily_unavailable")
}

// TestParallelFirstLoginsThroughTwoAppsMakeOneUser: looking a user up and creating it must be atomic.
func TestParallelFirstLoginsThroughTwoAppsMakeOneUser(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, app := range []string{testApp, otherApp} {
		require.NoError(t, w.simulator.Bind(app, testOpenPlatform))
	}
	const crowd = 16
	before, subjects := w.users(), make([]any, crowd)
	var people sync.WaitGroup
	for n := range crowd {
		app := []string{testApp, otherApp}[n%2]
		request := form{"grant_type": oauth.GrantWechatCode, "client_id": "backend", "client_secret": testSecret,
			"appid": app, "code": w.codeOf(app, "ada")}
		people.Go(func() {
			if a := w.token(request); a.status == http.StatusOK {
				subjects[n] = claimsOf(t, a.text("access_token"))["sub"]
			}
		})
	}
	people.Wait()
	for _, subject := range subjects {
		require.Equal(t, subjects[0], subject)
		require.NotNil(t, subject)
	}
	require.Equal(t, before+1, w.users())
}

// TestADeletionIsNotCanceledByAProgram that signs in automatically; only restore_account keeps the account.
func TestADeletionIsNotCanceledByAProgram(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	first := w.signIn("ada")
	subject := claimsOf(t, first.text("access_token"))["sub"].(string)
	_, err := w.database.Deletions().RequestDeletion(context.Background(), subject, 14*24*time.Hour)
	require.NoError(t, err)
	requireError(t, w.token(refreshForm(first.text("refresh_token"))), http.StatusBadRequest, "invalid_grant")
	requireError(t, w.token(w.wechatCode("ada")), http.StatusBadRequest, "invalid_grant")
	// not a first-party client
	requireError(t, w.token(w.wechatCode("ada").with("restore_account", "true")), http.StatusBadRequest,
		"invalid_grant")
	ours := form{"grant_type": oauth.GrantWechatCode, "client_id": "backend", "client_secret": testSecret,
		"appid": testApp, "code": w.code("ada")}
	back := w.token(ours.with("restore_account", "true"))
	requireTokens(t, back)
	require.Equal(t, subject, claimsOf(t, back.text("access_token"))["sub"])
	requireTokens(t, w.token(w.wechatCode("ada")))

	_, err = w.database.Deletions().ScheduleDeletion(context.Background(), subject, time.Hour)
	require.NoError(t, err)
	ours["code"] = w.code("ada")
	// its user may not undo that
	requireError(t, w.token(ours.with("restore_account", "true")), http.StatusBadRequest, "invalid_grant")
	require.NoError(t, w.database.Deletions().CancelDeletion(context.Background(), subject))
	_, err = w.database.Deletions().RequestDeletion(context.Background(), subject, time.Hour)
	require.NoError(t, err)
	w.clock.Move(2 * time.Hour)
	_, err = w.database.Deletions().PurgeDeleted(context.Background(), 10)
	require.NoError(t, err)
	again := w.token(w.wechatCode("ada"))
	requireTokens(t, again)
	require.NotEqual(t, subject, claimsOf(t, again.text("access_token"))["sub"], "a sub is never reused")
}

// TestASlowPlatformLeavesTimeForTheSession: optional data must not make a sign-in fail.
func TestASlowPlatformLeavesTimeForTheSession(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) { s.wechatTimeout = 20 * time.Second })
	shop := w.shop(-1)
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: "/wxa/business/getuserphonenumber", DelayMS: 20_000}))
	a := w.token(shop.with("code", w.code("ada"), "phone_code", w.phoneCode("ada")))
	requireTokens(t, a)
	require.Equal(t, "unavailable", a.members["phone_status"])
}
