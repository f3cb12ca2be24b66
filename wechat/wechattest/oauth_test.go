package wechattest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	account = "wxaaaaaaaaaaaaaaaa" // an official account
	website = "wxbbbbbbbbbbbbbbbb"
	mobile  = "wxcccccccccccccccc"
)

func startOAuth(t *testing.T) *env {
	t.Helper()
	w := start(t)
	w.App(wechattest.App{AppID: account, Secret: secret, Kind: wechattest.KindOfficialAccount,
		OpenPlatform: "platform"})
	w.App(wechattest.App{AppID: website, Secret: secret, Kind: wechattest.KindWebsite})
	w.App(wechattest.App{AppID: mobile, Secret: secret, Kind: wechattest.KindMobileApp})
	return w
}

func (w *env) exchange(app, code string) reply {
	w.t.Helper()
	return w.get("/sns/oauth2/access_token", "appid", app, "secret", secret, "code", code, "grant_type",
		"authorization_code")
}

func (w *env) profile(token, openID string) reply {
	w.t.Helper()
	return w.get("/sns/userinfo", "access_token", token, "openid", openID, "lang", "zh_CN")
}

func TestAnOAuthCodeIdentifiesAUser(t *testing.T) {
	w := startOAuth(t)

	t.Run("a success has WeChat's form", func(t *testing.T) {
		answered := w.exchange(account, w.OAuthCode(wechattest.OAuthCode{AppID: account, User: "ada",
			Scope: "snsapi_userinfo"}))
		require.Equal(t, http.StatusOK, answered.status)
		require.Equal(t, "text/plain", answered.contentType)
		require.NotContains(t, answered.members, "errcode")
		require.NotContains(t, answered.members, "is_snapshotuser")
		require.EqualValues(t, 7200, answered.members["expires_in"])
		require.Len(t, answered.textOf("access_token"), 136)
		require.Len(t, answered.textOf("refresh_token"), 136)
		require.NotEqual(t, answered.textOf("access_token"), answered.textOf("refresh_token"))
		require.Equal(t, "snsapi_userinfo", answered.textOf("scope"))
		require.Equal(t, wechattest.OpenID(account, "ada"), answered.textOf("openid"))
		require.Equal(t, wechattest.UnionID("platform", "ada"), answered.textOf("unionid"))
	})
	t.Run("an app without Open Platform account has no unionid", func(t *testing.T) {
		answered := w.exchange(website, w.OAuthCode(wechattest.OAuthCode{AppID: website, User: "ada",
			Scope: "snsapi_login"}))
		require.NotEmpty(t, answered.textOf("openid"))
		require.NotContains(t, answered.members, "unionid")
	})
	t.Run("a virtual visitor is marked", func(t *testing.T) {
		answered := w.exchange(account, w.OAuthCode(wechattest.OAuthCode{AppID: account, User: "ada", Snapshot: true}))
		require.EqualValues(t, 1, answered.members["is_snapshotuser"])
		require.Equal(t, "snsapi_base", answered.textOf("scope"))
	})
	t.Run("a code works once, until it expires, at its app", func(t *testing.T) {
		for app, life := range map[string]time.Duration{account: 5 * time.Minute, website: 10 * time.Minute,
			mobile: 10 * time.Minute} {
			expired := w.OAuthCode(wechattest.OAuthCode{AppID: app, User: "ada"})
			w.Advance(time.Second)
			fresh := w.OAuthCode(wechattest.OAuthCode{AppID: app, User: "ada"})
			w.Advance(life - time.Second)
			require.Equal(t, 40029, w.exchange(app, expired).errcode())
			require.Zero(t, w.exchange(app, fresh).errcode())
			require.Equal(t, 40163, w.exchange(app, fresh).errcode())
			require.Equal(t, 2, w.Requests().Codes[fresh])
		}
		require.Equal(t, 40029, w.exchange(website, w.OAuthCode(wechattest.OAuthCode{AppID: account,
			User: "ada"})).errcode())
		require.Equal(t, 40029, w.exchange(account, "forged").errcode())
	})
	t.Run("parameters are checked", func(t *testing.T) {
		ask := func(pairs ...string) int { return w.get("/sns/oauth2/access_token", pairs...).errcode() }
		require.Equal(t, 41002, ask())
		require.Equal(t, 41004, ask("appid", account))
		require.Equal(t, 41008, ask("appid", account, "secret", secret))
		require.Equal(t, 40013, ask("appid", "wx9999999999999999", "secret", secret, "code", "x"))
		require.Equal(t, 40125, ask("appid", account, "secret", "simulator-x", "code", "x"))
		require.Equal(t, 40002, ask("appid", account, "secret", secret, "code", "x"))
		require.Equal(t, 41002, w.post("/sns/oauth2/access_token", "{}", "appid", account).errcode())
	})
	t.Run("a high-risk user is blocked", func(t *testing.T) {
		require.NoError(t, w.SetUser(wechattest.User{User: "mallory", HighRisk: true}))
		require.Equal(t, 40226, w.exchange(account, w.OAuthCode(wechattest.OAuthCode{AppID: account,
			User: "mallory"})).errcode())
	})
}

// TestCodesAndAppsOfOtherKindsAreRejected.
func TestCodesAndAppsOfOtherKindsAreRejected(t *testing.T) {
	w := startOAuth(t)
	login, phone := w.Code(appID, "ada"), w.PhoneCode(appID, "ada")
	oauth := w.OAuthCode(wechattest.OAuthCode{AppID: account, User: "ada"})
	token := w.stableToken(false).textOf("access_token")

	for _, app := range []string{account, website, mobile} {
		for _, code := range []string{login, phone} {
			require.Equal(t, 40029, w.exchange(app, code).errcode())
		}
		require.Equal(t, 40029, w.get("/sns/jscode2session", "appid", app, "secret", secret, "js_code", oauth,
			"grant_type", "authorization_code").errcode())
		_, err := w.MintCode(app, "ada")
		require.Error(t, err)
		_, err = w.MintPhoneCode(app, "ada")
		require.Error(t, err)
	}
	require.Equal(t, 40029, w.logIn(oauth).errcode())
	require.Equal(t, 40029, w.post("/wxa/business/getuserphonenumber", `{"code":"`+oauth+`"}`, "access_token",
		token).errcode())
	for _, code := range []string{login, phone, oauth} {
		require.Equal(t, 40029, w.exchange(appID, code).errcode())
	}
	_, err := w.MintOAuthCode(wechattest.OAuthCode{AppID: appID, User: "ada"})
	require.Error(t, err)

	require.Zero(t, w.exchange(account, oauth).errcode(), "no rejection consumed the code")
	require.Zero(t, w.logIn(login).errcode())

	// Codes become useless when the kind of their app changes.
	login = w.Code(appID, "ada")
	w.App(wechattest.App{AppID: appID, Secret: secret, Kind: wechattest.KindWebsite})
	require.Equal(t, 40029, w.logIn(login).errcode())
	w.App(wechattest.App{AppID: appID, Secret: secret, Kind: "mini-program"})
	require.Zero(t, w.logIn(login).errcode())
}

func TestTheProfileNeedsTheUsersConsent(t *testing.T) {
	w := startOAuth(t)
	sign := func(app, user, scope string) (token, openID string) {
		answered := w.exchange(app, w.OAuthCode(wechattest.OAuthCode{AppID: app, User: user, Scope: scope}))
		return answered.textOf("access_token"), answered.textOf("openid")
	}

	t.Run("by default it is derived from the name", func(t *testing.T) {
		answered := w.profile(sign(account, "ada", "snsapi_userinfo"))
		require.Equal(t, "text/plain", answered.contentType)
		require.Equal(t, wechattest.OpenID(account, "ada"), answered.textOf("openid"))
		require.Equal(t, wechattest.UnionID("platform", "ada"), answered.textOf("unionid"))
		require.Equal(t, "ada", answered.textOf("nickname"))
		require.True(t, strings.HasPrefix(answered.textOf("headimgurl"), "http://thirdwx.qlogo.cn/"))
		require.EqualValues(t, 0, answered.members["sex"])
		require.Empty(t, answered.members["privilege"])
	})
	t.Run("it is the user's", func(t *testing.T) {
		require.NoError(t, w.SetUser(wechattest.User{User: "bob", Nickname: "鲍勃",
			HeadImgURL: "https://example.com/bob", Sex: 1}))
		answered := w.profile(sign(website, "bob", "snsapi_base,snsapi_login"))
		require.Equal(t, []any{"鲍勃", "https://example.com/bob", 1.0, nil},
			[]any{answered.members["nickname"], answered.members["headimgurl"], answered.members["sex"],
				answered.members["unionid"]})
	})
	t.Run("without the scope it is rejected, and also for virtual visitors", func(t *testing.T) {
		require.Equal(t, 48001, w.profile(sign(account, "ada", "snsapi_base")).errcode())
		virtual := w.exchange(account, w.OAuthCode(wechattest.OAuthCode{AppID: account, User: "ada",
			Scope: "snsapi_userinfo", Snapshot: true}))
		require.Equal(t, 48001, w.profile(virtual.textOf("access_token"), virtual.textOf("openid")).errcode())
	})
	t.Run("tokens are the user's, valid for two hours, and for one openid", func(t *testing.T) {
		token, openID := sign(account, "ada", "snsapi_userinfo")
		require.Equal(t, 40003, w.profile(token, wechattest.OpenID(account, "bob")).errcode())
		require.Equal(t, 40003, w.profile(token, wechattest.OpenID(website, "ada")).errcode())
		require.Equal(t, 40001, w.profile("made-up", openID).errcode())
		require.Equal(t, 40001, w.profile(w.stableToken(false).textOf("access_token"), openID).errcode(),
			"an app's token is not a user's")
		require.Equal(t, 40014, w.post("/wxa/business/getuserphonenumber", `{"code":"x"}`, "access_token",
			token).errcode(), "and the reverse")
		require.Equal(t, 41001, w.profile("", openID).errcode())
		require.Equal(t, 41009, w.profile(token, "").errcode())
		require.Equal(t, 43001, w.post("/sns/userinfo", "{}").errcode())
		w.Advance(2 * time.Hour)
		require.Equal(t, 42001, w.profile(token, openID).errcode())
	})
}

func TestOAuthCodesCanBeMintedOverHTTP(t *testing.T) {
	w := startOAuth(t)
	mint := func(body string) reply { return w.post("/_sim/oauth_codes", body) }
	require.Equal(t, http.StatusOK, w.post("/_sim/apps",
		`{"appid":"wxdddddddddddddddd","secret":"simulator-x","kind":"website"}`).status)
	require.Equal(t, http.StatusOK, w.post("/_sim/users",
		`{"user":"ada","nickname":"Ada","headimgurl":"http://example.com/a","sex":2}`).status)
	code := mint(`{"appid":"` + account + `","user":"ada","scope":"snsapi_userinfo","snapshot":false}`).textOf("code")
	require.Regexp(t, `^[A-Za-z0-9]{32}$`, code)
	answered := w.exchange(account, code)
	answered = w.profile(answered.textOf("access_token"), answered.textOf("openid"))
	require.Equal(t, "Ada", answered.textOf("nickname"))
	require.EqualValues(t, 2, answered.members["sex"])

	require.Equal(t, http.StatusBadRequest,
		w.post("/_sim/apps", `{"appid":"wxdddddddddddddddd","secret":"simulator-x","kind":"Website"}`).status)
	for _, wrong := range []string{
		`{}`, `{"appid":"` + account + `"}`, `{"appid":"` + appID + `","user":"ada"}`,
		`{"appid":"wx9999999999999999","user":"ada"}`,
		`{"appid":"` + account + `","user":"ada","scope":"openid"}`, `{"appid":"` + account +
			`","user":"ada","scope":"snsapi_base,"}`,
		`{"appid":"` + account + `","user":"ada","snapshot":1}`,
	} {
		require.Equal(t, http.StatusBadRequest, mint(wrong).status, wrong)
	}
}
