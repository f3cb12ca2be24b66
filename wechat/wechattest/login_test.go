package wechattest_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestLogin(t *testing.T) {
	w := start(t)

	t.Run("a success has WeChat's form", func(t *testing.T) {
		answered := w.logIn(w.Code(appID, "ada"))
		require.Equal(t, http.StatusOK, answered.status)
		require.Equal(t, "text/plain", answered.contentType)
		require.NotContains(t, answered.members, "errcode")
		require.Regexp(t, `^o[A-Za-z0-9_-]{27}$`, answered.textOf("openid"))
		require.Regexp(t, `^o[A-Za-z0-9_-]{27}$`, answered.textOf("unionid"))
		require.Regexp(t, `^[A-Za-z0-9+/]{22}==$`, answered.textOf("session_key"))
		require.Equal(t, wechattest.OpenID(appID, "ada"), answered.textOf("openid"))
	})
	t.Run("codes have WeChat's forms", func(t *testing.T) {
		require.Regexp(t, `^[A-Za-z0-9]{32}$`, w.Code(appID, "ada"))
		require.Regexp(t, `^[0-9a-f]{64}$`, w.PhoneCode(appID, "ada"))
	})
	t.Run("ids are per app or platform, and do not change", func(t *testing.T) {
		require.NotEqual(t, wechattest.OpenID(appID, "ada"), wechattest.OpenID(otherApp, "ada"))
		require.NotEqual(t, wechattest.OpenID(appID, "ada"), wechattest.OpenID(appID, "bob"))
		require.Equal(t, wechattest.UnionID("p", "ada"), wechattest.UnionID("p", "ada"))
		require.NotEqual(t, wechattest.UnionID("p", "ada"), wechattest.UnionID("q", "ada"))
	})
	t.Run("a code works once, for five minutes, at its app", func(t *testing.T) {
		used := w.Code(appID, "ada")
		require.Zero(t, w.logIn(used).errcode())
		require.Equal(t, 40163, w.logIn(used).errcode())
		expired, fresh := w.Code(appID, "ada"), ""
		w.Advance(5*time.Minute - time.Second)
		fresh = w.Code(appID, "ada")
		w.Advance(time.Second)
		require.Equal(t, 40029, w.logIn(expired).errcode())
		require.Zero(t, w.logIn(fresh).errcode())
		require.Equal(t, 40029, w.logIn(used).errcode())
		for _, foreign := range []string{w.Code(otherApp, "ada"), w.PhoneCode(appID, "ada"), "forged"} {
			require.Equal(t, 40029, w.logIn(foreign).errcode())
		}
	})
	t.Run("the errcode of a used and expired code can be chosen", func(t *testing.T) {
		used := w.Code(appID, "ada")
		require.Zero(t, w.logIn(used).errcode())
		w.SetVariant(wechattest.Variant{UsedThenExpired: 40163})
		defer w.SetVariant(wechattest.Variant{})
		w.Advance(6 * time.Minute)
		require.Equal(t, 40163, w.logIn(used).errcode())
	})
	t.Run("there is a unionid while the app is bound", func(t *testing.T) {
		require.NoError(t, w.Bind(appID, ""))
		require.NotContains(t, w.logIn(w.Code(appID, "ada")).members, "unionid")
		require.NoError(t, w.Bind(appID, "another"))
		require.Equal(t, wechattest.UnionID("another", "ada"), w.logIn(w.Code(appID, "ada")).textOf("unionid"))
	})
}

func TestRejectedLogins(t *testing.T) {
	w := start(t)

	t.Run("parameters are checked in order", func(t *testing.T) {
		good := map[string]string{
			"appid": appID, "secret": secret, "js_code": "x", "grant_type": "authorization_code",
		}
		for _, test := range []struct {
			errcode int
			changes map[string]string
		}{
			{41002, map[string]string{"appid": "", "secret": "", "js_code": ""}},
			{41004, map[string]string{"secret": "", "js_code": "", "grant_type": ""}},
			{41008, map[string]string{"js_code": "", "grant_type": ""}},
			{40013, map[string]string{"appid": "wx9999999999999999", "grant_type": ""}},
			{40125, map[string]string{"secret": "simulator-x", "grant_type": ""}},
			{40002, map[string]string{"grant_type": "password"}},
			{40029, nil},
		} {
			query := url.Values{}
			for name, value := range good {
				query.Set(name, value)
			}
			for name, value := range test.changes {
				query.Set(name, value)
			}
			require.Equal(t, test.errcode, w.ask(http.MethodGet, "/sns/jscode2session", query, "", "").errcode())
		}
	})
	t.Run("a POST is rejected", func(t *testing.T) {
		require.Equal(t, 41002, w.post("/sns/jscode2session", "{}", "appid", appID).errcode())
	})
	t.Run("a high-risk user is blocked at every app", func(t *testing.T) {
		require.NoError(t, w.SetUser(wechattest.User{User: "mallory", HighRisk: true}))
		require.Equal(t, 40226, w.logIn(w.Code(appID, "mallory")).errcode())
	})
	t.Run("a caller that is not on the allow-list gets its address", func(t *testing.T) {
		require.NoError(t, w.AllowOnly(appID, netip.MustParseAddr("203.0.113.7")))
		answered := w.logIn("x")
		require.Equal(t, 40164, answered.errcode())
		require.Contains(t, answered.textOf("errmsg"),
			"invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist, rid: ")
		require.NoError(t, w.AllowOnly(appID, netip.MustParseAddr("::ffff:127.0.0.1")))
		require.Equal(t, 40029, w.logIn("x").errcode())
		require.NoError(t, w.AllowOnly(appID))
	})
}

func TestLoginsOfAUserAreLimitedPerMinute(t *testing.T) {
	w := start(t, wechattest.Options{MinuteLimit: 2})
	for range 2 {
		require.Zero(t, w.logIn(w.Code(appID, "ada")).errcode())
	}
	code := w.Code(appID, "ada")
	require.Equal(t, 45011, w.logIn(code).errcode())
	require.Zero(t, w.logIn(w.Code(appID, "bob")).errcode())
	w.Advance(time.Minute)
	require.Zero(t, w.logIn(code).errcode(), "a throttled call must not consume the code")
}

func TestEachVariantIsWritten(t *testing.T) {
	w := start(t)
	write := func(variant wechattest.Variant) (success, failure reply) {
		w.SetVariant(variant)
		return w.logIn(w.Code(appID, "ada")), w.logIn("forged")
	}

	success, failure := write(wechattest.Variant{})
	require.NotContains(t, success.text, "errcode")
	require.Regexp(t, `"errmsg":"invalid code, rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}"`, failure.text)
	_, second := write(wechattest.Variant{})
	require.NotEqual(t, failure.textOf("errmsg"), second.textOf("errmsg"), "every failure has an id of its own")

	success, _ = write(wechattest.Variant{Errcode: "zero"})
	require.Contains(t, success.text, `"errcode":0,"errmsg":"ok"`)
	success, failure = write(wechattest.Variant{Errcode: "quoted"})
	require.Contains(t, success.text, `"errcode":"0"`)
	require.Contains(t, failure.text, `"errcode":"40029"`)

	_, failure = write(wechattest.Variant{RID: "space"})
	require.Regexp(t, `invalid code rid: [0-9a-f-]{26}"`, failure.text)
	_, failure = write(wechattest.Variant{RID: "hints"})
	require.Regexp(t, `invalid code, hints: \[ req_id: [0-9a-f]{24} \]"`, failure.text)
	_, failure = write(wechattest.Variant{RID: "hint"})
	require.Regexp(t, `invalid code hint: \[[0-9a-f]{24}\]"`, failure.text)

	success, _ = write(wechattest.Variant{ExtraFields: true, EmptyOpenID: true})
	require.Contains(t, success.members, "is_new_field")
	require.Contains(t, success.text, `"openid":"",`)

	w.SetVariant(wechattest.Variant{EscapedSlashes: true})
	w.Fault(wechattest.Fault{Errcode: 40013, Errmsg: "see https://example.com"})
	require.Contains(t, w.logIn("x").text, `see https:\/\/example.com`)
}

func TestASeedMakesAnswersReproducible(t *testing.T) {
	history := func(seed uint64) string {
		w := start(t, wechattest.Options{Seed: seed, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
		return strings.Join([]string{w.Code(appID, "ada"), w.sessionKey("ada"), w.logIn("x").text}, " ")
	}
	require.Equal(t, history(7), history(7))
	require.NotEqual(t, history(7), history(8))
	require.NotEqual(t, history(0), history(0))
	require.True(t, regexp.MustCompile(`rid: 6b49d200-`).MatchString(history(7)), "the id begins with the time")
}
