package wechat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestAProfileBelongsToTheUserWhoSignedIn(t *testing.T) {
	server := simulateOAuth(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})
	require.NoError(t, server.Bind(appID, "platform"))
	require.NoError(t, server.SetUser(wechattest.User{User: "ada", Nickname: "微信 \u202eAda\u0007 👩‍🚀",
		HeadImgURL: "http://thirdwx.qlogo.cn/mmopen/a/132", Sex: 2}))
	for _, variant := range []wechattest.Variant{{}, {Errcode: "zero"}, {Errcode: "quoted"},
		{EscapedSlashes: true, ExtraFields: true}} {
		server.SetVariant(variant)
		login, failed := authorize(t, client, oauthCode(server, "ada", "snsapi_userinfo"))
		require.Nil(t, failed)
		profile, failed := profileOf(t, client, login)
		require.Nil(t, failed)
		require.Equal(t, wechat.Profile{
			Nickname: "微信 Ada 👩\u200d🚀", Picture: "https://thirdwx.qlogo.cn/mmopen/a/132", Gender: "female",
			UnionID: wechattest.UnionID("platform", "ada"),
		}, profile)
	}
	t.Run("without the person's consent WeChat is not asked", func(t *testing.T) {
		login, failed := authorize(t, client, oauthCode(server, "ada", "snsapi_base"))
		require.Nil(t, failed)
		before := server.Requests().Paths[profilePath]
		_, failed = profileOf(t, client, login)
		requireUnavailable(t, failed)
		_, failed = profileOf(t, client, wechat.OAuthLogin{OpenID: login.OpenID})
		requireUnavailable(t, failed)
		require.Equal(t, before, server.Requests().Paths[profilePath])
	})
	t.Run("an expired token is sent once", func(t *testing.T) {
		login, failed := authorize(t, client, oauthCode(server, "ada", "snsapi_userinfo"))
		require.Nil(t, failed)
		server.Advance(2 * time.Hour)
		before := server.Requests().Paths[profilePath]
		_, failed = profileOf(t, client, login)
		requireUnavailable(t, failed)
		require.Equal(t, 42001, failed.Errcode)
		require.Equal(t, before+1, server.Requests().Paths[profilePath])
	})
}

// profileFrom requests a profile, which WeChat answers with a fault, after a login with openid o1 and unionid u1.
func profileFrom(t *testing.T, fault wechattest.Fault) (wechat.Profile, *wechat.Error) {
	t.Helper()
	server := simulateOAuth(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL, Timeout: shortTimeout})
	server.Fault(wechattest.Fault{Text: `{"openid":"o1","unionid":"u1","access_token":"` + userToken +
		`","scope":"snsapi_login"}`})
	login, failed := authorize(t, client, "code")
	require.Nil(t, failed)
	server.Fault(fault)
	started := time.Now()
	profile, failed := profileOf(t, client, login)
	require.Less(t, time.Since(started), 40*shortTimeout)
	require.Equal(t, 1, server.Requests().Paths[profilePath])
	return profile, failed
}

func TestAProfileOfNobodyIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]wechattest.Fault{
		"another's": {Text: `{"openid":"o2"}`}, "no openid": {Text: `{"nickname":"Ada"}`},
		"an empty openid":         {Text: `{"openid":""}`},
		"a number for the openid": {Text: `{"openid":1}`}, "openid twice": {Text: `{"openid":"o1","openid":"o2"}`},
		"in another case":          {Text: `{"OpenID":"o1"}`},
		"another's unionid":        {Text: `{"openid":"o1","unionid":"u2"}`},
		"a unionid with a space":   {Text: `{"openid":"o1","unionid":"u 1"}`},
		"a long unionid":           {Text: `{"openid":"o1","unionid":"` + strings.Repeat("u", 129) + `"}`},
		"a number for the unionid": {Text: `{"openid":"o1","unionid":1}`},
		"an array":                 {Text: `[{"openid":"o1"}]`}, "HTML": {Body: "html"}, "no body": {Body: "empty"},
		"a tail":          {Text: `{"openid":"o1"}{}`},
		"an endless body": {Text: `{"openid":"o1","nickname":"` + strings.Repeat("x", 64<<10) + `"}`},
		"silence":         {DelayMS: 5000}, "status 502": {Status: 502},
		"a redirect": {Redirect: "https://evil.example/"}, "a dropped connection": {Drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			fault.Path = profilePath
			_, failed := profileFrom(t, fault)
			requireUnavailable(t, failed)
		})
	}
}

// TestNoProfileBlamesTheCode, which was already exchanged.
func TestNoProfileBlamesTheCode(t *testing.T) {
	for errcode, class := range map[int]error{
		40001: wechat.ErrUnavailable, 40014: wechat.ErrUnavailable, 42001: wechat.ErrUnavailable,
		40003: wechat.ErrUnavailable, 48001: wechat.ErrUnavailable,
		40029: wechat.ErrUnavailable, 40163: wechat.ErrUnavailable, 42003: wechat.ErrUnavailable,
		41008: wechat.ErrUnavailable, -1: wechat.ErrUnavailable, 99999: wechat.ErrUnavailable,
		45009: wechat.ErrThrottled, 45011: wechat.ErrThrottled, 40226: wechat.ErrUserBlocked,
		40164: wechat.ErrMisconfigured, 50002: wechat.ErrMisconfigured,
	} {
		_, failed := profileFrom(t, wechattest.Fault{Errcode: errcode})
		require.NotNil(t, failed)
		require.Equal(t, class, failed.Class, errcode)
		require.Equal(t, errcode, failed.Errcode)
	}
}

// TestInvalidValuesOfAProfileAreLeftOut, and the rest is returned.
func TestInvalidValuesOfAProfileAreLeftOut(t *testing.T) {
	long := func(bytes int) string { return "https://thirdwx.qlogo.cn/" + strings.Repeat("a", bytes-25) }
	for members, want := range map[string]wechat.Profile{
		``:                          {},
		`"nickname":"Ada"`:          {Nickname: "Ada"},
		`"nickname":"\uD83D\uDE00"`: {Nickname: "😀"},
		`"nickname":" A\u0000d\na\u0085\u2028\u2067\u200f "`: {Nickname: "Ada"},
		`"nickname":"\u0000 \u0007"`:                         {},
		`"nickname":"\uD83D"`:                                {},
		"\"nickname\":\"A\xff\"":                             {},
		`"nickname":null`:                                    {},
		`"nickname":7`:                                       {},
		`"nickname":["Ada"]`:                                 {},
		`"nickname":"` + strings.Repeat("微", 128) + `"`:      {Nickname: strings.Repeat("微", 128)},
		`"nickname":"` + strings.Repeat("微", 129) + `"`:      {},
		`"nickname":"` + strings.Repeat("\\n", 500) + `Ada"`: {Nickname: "Ada"},
		`"nickname":"{\"errcode\":40029}"`:                   {Nickname: `{"errcode":40029}`},
		`"headimgurl":"http:\/\/thirdwx.qlogo.cn\/mmopen\/a\/132"`: {
			Picture: "https://thirdwx.qlogo.cn/mmopen/a/132",
		},
		`"headimgurl":"HTTP://thirdwx.qlogo.cn/a"`: {
			Picture: "https://thirdwx.qlogo.cn/a",
		},
		`"headimgurl":"https://thirdwx.qlogo.cn:8443/a?b=c"`: {
			Picture: "https://thirdwx.qlogo.cn:8443/a?b=c",
		},
		`"headimgurl":"http://thirdwx.qlogo.cn:8080/a"`:                         {},
		`"headimgurl":"` + long(512) + `"`:                                      {Picture: long(512)},
		`"headimgurl":"` + long(513) + `"`:                                      {},
		`"headimgurl":"` + strings.Replace(long(513), "https", "http", 1) + `"`: {}, // 512 bytes, and 513 as https
		`"headimgurl":""`:                         {},
		`"headimgurl":7`:                          {},
		`"headimgurl":"javascript:alert(1)"`:      {},
		`"headimgurl":"data:image/png;base64,AA"`: {},
		`"headimgurl":"//thirdwx.qlogo.cn/a"`:     {},
		`"headimgurl":"https:///a"`:               {},
		`"headimgurl":"https://:443/a"`:           {},
		`"headimgurl":"https:thirdwx.qlogo.cn"`:   {},
		`"headimgurl":"https://a@evil.example/"`:  {},
		`"headimgurl":"https://evil.example/a b"`: {},
		`"headimgurl":"https://evil.example/\n"`:  {},
		`"headimgurl":"https://evil.example/%zz"`: {},
		`"headimgurl":"https://例え.example/"`:      {},
		`"headimgurl":"ftp://thirdwx.qlogo.cn/a"`: {},
		`"sex":1`:        {Gender: "male"},
		`"sex":2`:        {Gender: "female"},
		`"sex":"1"`:      {Gender: "male"},
		`"sex":0`:        {},
		`"sex":3`:        {},
		`"sex":-1`:       {},
		`"sex":"male"`:   {},
		`"sex":1.5`:      {},
		`"unionid":"u1"`: {UnionID: "u1"},
		`"unionid":null`: {},
		`"nickname":7,"headimgurl":7,"sex":2,"x":1`: {Gender: "female"},
	} {
		text := `{"openid":"o1",` + members + `}`
		if members == "" {
			text = `{"openid":"o1"}`
		}
		profile, failed := profileFrom(t, wechattest.Fault{Text: text})
		require.Nil(t, failed, members)
		require.Equal(t, want, profile, members)
	}
}

// TestNicknamesKeepWhatIsText: joiners, selectors and tags are parts of emoji, flags and scripts.
func TestNicknamesKeepWhatIsText(t *testing.T) {
	const scotland = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
	for nickname, want := range map[string]string{
		"\ufeffA\x00d\na\t":                  "Ada",
		`A\\` + "\x01" + `\"` + "\x02a":      `A\"a`,
		"👨\u200d👩\u200d👧":                    "👨\u200d👩\u200d👧",
		"👁\ufe0f\u200d🗨\ufe0f":               "👁\ufe0f\u200d🗨\ufe0f",
		"❤\ufe0f":                            "❤\ufe0f",
		"a" + scotland + "b":                 "a" + scotland + "b",
		"می\u200cخواهم":                      "می\u200cخواهم",
		"क्\u200dष":                          "क्\u200dष",
		"\u200dA\u200d\u200dd\u200c a\u200d": "A\u200dd a",
		"A\ufe0f\ufe0f\ufe0fd":               "A\ufe0fd",
		"\ufe0f \ufe0fA":                     "A",
		"A\U000e0067\U000e007f🏴\U000e0067":   "A🏴",
	} {
		profile, failed := profileFrom(t, wechattest.Fault{
			Text: "\ufeff{\"openid\":\"o1\",\"nickname\":\"" + nickname + "\"}"})
		require.Nil(t, failed, "%q", nickname)
		require.Equal(t, wechat.Profile{Nickname: want}, profile, "%q", nickname)
	}
}
