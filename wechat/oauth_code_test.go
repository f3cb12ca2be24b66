package wechat_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestAnOAuthLoginIsTheUsers(t *testing.T) {
	server := simulateOAuth(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})

	t.Run("the unionid is that of the Open Platform account, if there is one", func(t *testing.T) {
		for _, platform := range []string{"", "platform one", "platform two"} {
			require.NoError(t, server.Bind(appID, platform))
			silent, failed := authorize(t, client, oauthCode(server, "ada", "snsapi_base"))
			require.Nil(t, failed)
			require.Equal(t, wechattest.OpenID(appID, "ada"), silent.OpenID)
			require.Empty(t, silent.UnionID)
			login, failed := authorize(t, client, oauthCode(server, "ada", "snsapi_userinfo"))
			require.Nil(t, failed)
			require.Equal(t, wechattest.OpenID(appID, "ada"), login.OpenID)
			if platform == "" {
				require.Empty(t, login.UnionID)
				continue
			}
			require.Equal(t, wechattest.UnionID(platform, "ada"), login.UnionID)
		}
	})
	t.Run("its scope decides whether there is a profile", func(t *testing.T) {
		for scope, tells := range map[string]bool{
			"snsapi_base": false, "snsapi_userinfo": true, "snsapi_login": true,
			"snsapi_base,snsapi_userinfo": true, "snsapi_login,snsapi_base": true,
		} {
			login, failed := authorize(t, client, oauthCode(server, "ada", scope))
			require.Nil(t, failed)
			require.Equal(t, tells, login.AllowsProfile(), scope)
		}
		require.False(t, wechat.OAuthLogin{}.AllowsProfile())
	})
	t.Run("every form of success is parsed", func(t *testing.T) {
		for _, variant := range []wechattest.Variant{
			{Errcode: "absent"}, {Errcode: "zero"}, {Errcode: "quoted"}, {EscapedSlashes: true, ExtraFields: true},
		} {
			server.SetVariant(variant)
			login, failed := authorize(t, client, oauthCode(server, "ada", "snsapi_userinfo"))
			require.Nil(t, failed)
			require.Equal(t, wechattest.OpenID(appID, "ada"), login.OpenID)
			require.True(t, login.AllowsProfile())
		}
	})
}

// TestAMalformedTokenFailsNoLogin, since the token is not needed to sign in.
func TestAMalformedTokenFailsNoLogin(t *testing.T) {
	server := simulateOAuth(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})
	const scope = `,"scope":"snsapi_login"`
	for _, members := range []string{
		``, scope, `,"access_token":""` + scope, `,"access_token":null` + scope, `,"access_token":7` + scope,
		`,"access_token":"a b"` + scope,
		`,"access_token":"` + strings.Repeat("a", 2049) + `"` + scope, `,"access_token":"t"`,
		`,"access_token":"t","scope":7`,
		`,"access_token":"t","scope":["snsapi_login"]`, `,"access_token":"t","scope":"SNSAPI_LOGIN"`,
		`,"access_token":"t","scope":"snsapi_login2,xsnsapi_userinfo"`,
	} {
		server.Fault(wechattest.Fault{Text: `{"openid":"o1"` + members + `}`})
		login, failed := authorize(t, client, "code")
		require.Nil(t, failed, members)
		require.Equal(t, "o1", login.OpenID)
		require.False(t, login.AllowsProfile(), members)
	}
}

func TestAVirtualVisitorCannotSignIn(t *testing.T) {
	server := simulateOAuth(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})
	code := server.OAuthCode(wechattest.OAuthCode{AppID: appID, User: "ada", Scope: "snsapi_userinfo", Snapshot: true})
	_, failed := authorize(t, client, code)
	require.ErrorIs(t, failed, wechat.ErrSnapshotUser)
	require.NotErrorIs(t, failed, wechat.ErrBadCode)
	for member, class := range map[string]error{
		`1`: wechat.ErrSnapshotUser, `"1"`: wechat.ErrSnapshotUser, `0`: nil, `"0"`: nil,
		`2`: wechat.ErrUnavailable, `-1`: wechat.ErrUnavailable, `"2"`: wechat.ErrUnavailable,
		`1.0`: wechat.ErrUnavailable, `0.5`: wechat.ErrUnavailable,
		`true`: wechat.ErrUnavailable, `false`: wechat.ErrUnavailable, `null`: wechat.ErrUnavailable,
		`""`: wechat.ErrUnavailable, `"no"`: wechat.ErrUnavailable,
		`[]`: wechat.ErrUnavailable, `{}`: wechat.ErrUnavailable, `99999999999999999999`: wechat.ErrUnavailable,
	} {
		client := newClient(t, wechat.Config{BaseURL: server.URL})
		server.Fault(wechattest.Fault{Text: `{"openid":"o1","is_snapshotuser":` + member + `}`})
		_, failed := authorize(t, client, "code")
		if class == nil {
			require.Nil(t, failed, member)
			continue
		}
		require.Equal(t, class, failed.Class, member)
	}
}

func TestEveryErrcodeOfAnOAuthCodeHasItsClass(t *testing.T) {
	server := simulateOAuth(t)
	for _, test := range []struct {
		class    error
		retry    time.Duration
		errcodes []int
	}{
		{wechat.ErrBadCode, 0, []int{40029, 42003, 41008}},
		{wechat.ErrCodeUsed, 0, []int{40163}},
		{wechat.ErrUserBlocked, 0, []int{40226}},
		{wechat.ErrThrottled, time.Minute, []int{45011}},
		{wechat.ErrThrottled, 10 * time.Minute, []int{45009}},
		{wechat.ErrMisconfigured, 0, []int{40002, 40013, 40125, 40164, 40243, 41002, 41004, 48001, 50002, 50004,
			50007, 40001, 40066, 61004, 61024}},
		{wechat.ErrUnavailable, time.Second, []int{-1, -1000}},
		{wechat.ErrUnavailable, 0, []int{40003, 99999}},
	} {
		for _, errcode := range test.errcodes {
			client := newClient(t, wechat.Config{BaseURL: server.URL})
			server.Fault(wechattest.Fault{Errcode: errcode})
			_, failed := authorize(t, client, "code")
			require.NotNil(t, failed)
			require.Equal(t, test.class, failed.Class, errcode)
			require.Equal(t, errcode, failed.Errcode)
			require.Equal(t, test.retry, failed.RetryAfter, errcode)
			require.NotEmpty(t, failed.RID)
		}
	}
}

func TestAnOAuthCodeWorksOnce(t *testing.T) {
	server := simulateOAuth(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})

	t.Run("of twenty parallel calls one makes a login", func(t *testing.T) {
		code := oauthCode(server, "ada", "snsapi_base")
		errs := make([]error, 20)
		var group sync.WaitGroup
		for i := range errs {
			group.Go(func() { _, errs[i] = client.OAuthCode(context.Background(), credentials(), code) })
		}
		group.Wait()
		logins := 0
		for _, err := range errs {
			if err == nil {
				logins++
				continue
			}
			require.ErrorIs(t, err, wechat.ErrCodeUsed)
		}
		require.Equal(t, 1, logins)
		require.Equal(t, len(errs), server.Requests().Codes[code])
	})
	t.Run("expired, foreign and of another kind it is ErrBadCode", func(t *testing.T) {
		expired := oauthCode(server, "ada", "snsapi_base")
		server.Advance(5 * time.Minute)
		foreign := server.OAuthCode(wechattest.OAuthCode{AppID: otherApp, User: "ada"})
		miniProgram := server.App(wechattest.App{AppID: "wx1111111111111111", Secret: secret})
		for _, code := range []string{expired, foreign, server.Code(miniProgram.AppID, "ada"),
			server.PhoneCode(miniProgram.AppID, "ada"), "forged"} {
			_, failed := authorize(t, client, code)
			require.Equal(t, wechat.ErrBadCode, failed.Class)
		}
		_, failed := logIn(t, client, oauthCode(server, "ada", "snsapi_base"))
		require.Equal(t, wechat.ErrBadCode, failed.Class, "it is not a login code either")
	})
	t.Run("it is not sent again after a failure", func(t *testing.T) {
		for _, fault := range []wechattest.Fault{{Errcode: -1}, {Status: http.StatusBadGateway}, {Drop: true},
			{Drop: true, Consume: true}} {
			server := simulateOAuth(t)
			client := newClient(t, wechat.Config{BaseURL: server.URL})
			// leaves a connection to be reused
			_, failed := authorize(t, client, oauthCode(server, "ada", "snsapi_base"))
			require.Nil(t, failed)
			server.Fault(fault)
			code := oauthCode(server, "ada", "snsapi_base")
			_, failed = authorize(t, client, code)
			requireUnavailable(t, failed)
			require.Equal(t, 1, server.Requests().Codes[code])
		}
	})
	t.Run("implausible ones are not sent", func(t *testing.T) {
		before := server.Requests().Paths[oauthPath]
		for _, code := range []string{"", "a code", "a&secret=x", "a\r\nb", "ключ", strings.Repeat("a", 513)} {
			_, failed := authorize(t, client, code)
			require.ErrorIs(t, failed, wechat.ErrBadCode)
		}
		require.Equal(t, before, server.Requests().Paths[oauthPath])
	})
}

// TestUnusableOAuthAnswersAreOutages: none may sign in a user, be reported as a bad code, or take longer than the
// timeout.
func TestUnusableOAuthAnswersAreOutages(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]wechattest.Fault{
		"HTML": {Body: "html"}, "no body": {Body: "empty"}, "half of the JSON": {Body: "truncated"},
		"a broken connection": {Body: "cut"},
		"an array":            {Text: `[{"openid":"o1"}]`}, "null": {Text: `null`},
		"a tail":                  {Text: `{"openid":"o1"}x`},
		"openid twice":            {Text: `{"openid":"o1","openid":"o2"}`},
		"snapshot twice":          {Text: `{"openid":"o1","is_snapshotuser":0,"is_snapshotuser":1}`},
		"a number for the openid": {Text: `{"openid":123}`}, "an empty openid": {Body: "empty_openid"},
		"no openid":             {Text: `{"access_token":"t","unionid":"o2"}`},
		"a space in the openid": {Text: `{"openid":"o 1"}`}, "a long unionid": {Text: `{"openid":"o1","unionid":"` +
			strings.Repeat("o", 129) + `"}`},
		"a number for the unionid": {Text: `{"openid":"o1","unionid":7}`},
		"OpenID in other case":     {Text: `{"OpenID":"o1"}`},
		"an endless body":          {Body: "huge"}, "a gzip bomb": {Body: "gzip"},
		"a byte now and then": {Body: "trickle",
			DelayMS: 100}, "silence": {DelayMS: 60_000},
		"a redirect": {Redirect: "https://evil.example/"}, "status 500": {Status: 500}, "status 201": {Status: 201,
			Text: `{"openid":"o1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			server := simulateOAuth(t)
			client := newClient(t, wechat.Config{BaseURL: server.URL, Timeout: shortTimeout})
			code := oauthCode(server, "ada", "snsapi_userinfo")
			server.Fault(fault)
			started := time.Now()
			_, failed := authorize(t, client, code)
			requireUnavailable(t, failed)
			require.Less(t, time.Since(started), 40*shortTimeout)
			require.Equal(t, 1, server.Requests().Codes[code])
		})
	}
}

func TestEveryValueOfAnOAuthQueryIsEncoded(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.URL.RawQuery)
		_, _ = w.Write([]byte(`{"openid":"o1&x","access_token":"t#&","scope":"snsapi_login"}`))
	}))
	defer server.Close()
	client := newClient(t, wechat.Config{BaseURL: server.URL})
	login, err := client.OAuthCode(context.Background(), wechat.Credentials{AppID: "wx&a", Secret: "s#% +"}, "a+b/c=~")
	require.NoError(t, err)
	_, err = client.OAuthProfile(context.Background(), appID, login)
	require.NoError(t, err)
	require.Equal(t, []string{
		"GET " + oauthPath + " appid=wx%26a&code=a%2Bb%2Fc%3D~&grant_type=authorization_code&secret=s%23%25+%2B",
		"GET " + profilePath + " access_token=t%23%26&lang=zh_CN&openid=o1%26x",
	}, asked)
}
