package wechat_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestALoginIsTheUsers(t *testing.T) {
	server := simulate(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})

	t.Run("the openid is the user's at the app, and there is no unionid at first", func(t *testing.T) {
		login, failed := logIn(t, client, server.Code(appID, "ada"))
		require.Nil(t, failed)
		require.False(t, login.SessionKey.Zero())
		login.SessionKey = wechat.SessionKey{}
		require.Equal(t, wechat.Login{OpenID: wechattest.OpenID(appID, "ada")}, login)
	})
	t.Run("the unionid appears when the app is bound and follows the binding", func(t *testing.T) {
		for _, platform := range []string{"platform one", "platform two", ""} {
			require.NoError(t, server.Bind(appID, platform))
			login, failed := logIn(t, client, server.Code(appID, "ada"))
			require.Nil(t, failed)
			require.Equal(t, wechattest.OpenID(appID, "ada"), login.OpenID)
			if platform == "" {
				require.Empty(t, login.UnionID)
				continue
			}
			require.Equal(t, wechattest.UnionID(platform, "ada"), login.UnionID)
		}
	})
	t.Run("every form of success is parsed", func(t *testing.T) {
		for _, variant := range []wechattest.Variant{
			{Errcode: "absent"}, {Errcode: "zero"}, {Errcode: "quoted"},
			{EscapedSlashes: true, ExtraFields: true},
		} {
			server.SetVariant(variant)
			login, failed := logIn(t, client, server.Code(appID, "ada"))
			require.Nil(t, failed)
			require.Equal(t, wechattest.OpenID(appID, "ada"), login.OpenID)
		}
		server.SetVariant(wechattest.Variant{})
		server.Fault(wechattest.Fault{ContentType: "image/png"})
		_, failed := logIn(t, client, server.Code(appID, "ada"))
		require.Nil(t, failed)
		server.Fault(wechattest.Fault{Text: "\ufeff{\"openid\":\"o1\",\r\n\t\"x\":\"\x00\t\x1f\"}"})
		_, failed = logIn(t, client, server.Code(appID, "ada"))
		require.Nil(t, failed, "neither a byte order mark nor control characters matter")
	})
}

func TestEveryErrcodeHasItsClass(t *testing.T) {
	for _, test := range []struct {
		errcode int
		class   error
		retry   time.Duration
	}{
		{-1, wechat.ErrUnavailable, time.Second},
		{-1000, wechat.ErrUnavailable, time.Second},
		{99999, wechat.ErrUnavailable, 0},
		{40029, wechat.ErrBadCode, 0},
		{42003, wechat.ErrBadCode, 0},
		{41008, wechat.ErrBadCode, 0},
		{40163, wechat.ErrCodeUsed, 0},
		{40226, wechat.ErrUserBlocked, 0},
		{45011, wechat.ErrThrottled, time.Minute},
		{45009, wechat.ErrThrottled, 10 * time.Minute},
		{40002, wechat.ErrMisconfigured, 0},
		{40013, wechat.ErrMisconfigured, 0},
		{40125, wechat.ErrMisconfigured, 0},
		{40164, wechat.ErrMisconfigured, 0},
		{40243, wechat.ErrMisconfigured, 0},
		{41002, wechat.ErrMisconfigured, 0},
		{41004, wechat.ErrMisconfigured, 0},
		{43002, wechat.ErrMisconfigured, 0},
		{44002, wechat.ErrMisconfigured, 0},
		{47001, wechat.ErrMisconfigured, 0},
		{48001, wechat.ErrMisconfigured, 0},
		{50002, wechat.ErrMisconfigured, 0},
		{40001, wechat.ErrMisconfigured, 0},
		{40066, wechat.ErrMisconfigured, 0},
		{48004, wechat.ErrMisconfigured, 0},
		{50004, wechat.ErrMisconfigured, 0},
		{50007, wechat.ErrMisconfigured, 0},
		{61004, wechat.ErrMisconfigured, 0},
		{61024, wechat.ErrMisconfigured, 0},
	} {
		for _, style := range []string{"", "quoted"} {
			server := simulate(t, wechattest.Options{Variant: wechattest.Variant{Errcode: style}})
			client := newClient(t, wechat.Config{BaseURL: server.URL})
			server.Fault(wechattest.Fault{Errcode: test.errcode})
			_, failed := logIn(t, client, "code")
			require.NotNil(t, failed)
			require.Equal(t, test.class, failed.Class, "errcode %d", test.errcode)
			require.Equal(t, test.errcode, failed.Errcode)
			require.Equal(t, test.retry, failed.RetryAfter, "errcode %d", test.errcode)
			require.NotEmpty(t, failed.RID)
			require.Contains(t, failed.Error(), failed.RID)
		}
	}
}

// TestACodeIsNotSentInVain: after 45009 WeChat is not asked for the same app until the quota may be there again.
func TestACodeIsNotSentInVain(t *testing.T) {
	server := simulate(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})
	server.Fault(wechattest.Fault{Errcode: 45009})
	_, failed := logIn(t, client, server.Code(appID, "ada"))
	require.Equal(t, 10*time.Minute, failed.RetryAfter)
	code := server.Code(appID, "ada")
	_, failed = logIn(t, client, code)
	require.ErrorIs(t, failed, wechat.ErrThrottled)
	require.Equal(t, 45009, failed.Errcode)
	require.Greater(t, failed.RetryAfter, time.Duration(0))
	require.LessOrEqual(t, failed.RetryAfter, 10*time.Minute)
	require.Zero(t, server.Requests().Codes[code])
	_, err := client.CodeToSession(t.Context(), wechat.Credentials{AppID: otherApp, Secret: secret + "-two"},
		server.Code(otherApp, "ada"))
	require.NoError(t, err, "the quota of another app")
}

func TestACodeWorksOnce(t *testing.T) {
	server := simulate(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})

	t.Run("a used code is ErrCodeUsed, and one call asks once", func(t *testing.T) {
		code := server.Code(appID, "ada")
		_, failed := logIn(t, client, code)
		require.Nil(t, failed)
		_, failed = logIn(t, client, code)
		require.ErrorIs(t, failed, wechat.ErrCodeUsed)
		require.ErrorIs(t, failed, wechat.ErrBadCode)
		require.Equal(t, 2, server.Requests().Codes[code])
	})
	t.Run("an expired code is ErrBadCode and not ErrCodeUsed", func(t *testing.T) {
		code := server.Code(appID, "ada")
		server.Advance(5 * time.Minute)
		_, failed := logIn(t, client, code)
		require.ErrorIs(t, failed, wechat.ErrBadCode)
		require.NotErrorIs(t, failed, wechat.ErrCodeUsed)
	})
	t.Run("a code of another app or another kind is ErrBadCode", func(t *testing.T) {
		for _, code := range []string{server.Code(otherApp, "ada"), server.PhoneCode(appID, "ada")} {
			_, failed := logIn(t, client, code)
			require.Equal(t, wechat.ErrBadCode, failed.Class)
		}
	})
	t.Run("twenty parallel calls with one code make one login", func(t *testing.T) {
		code := server.Code(appID, "ada")
		errs := make([]error, 20)
		var group sync.WaitGroup
		for i := range errs {
			group.Go(func() { _, errs[i] = client.CodeToSession(context.Background(), credentials(), code) })
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
	t.Run("a code is not sent again after a failure", func(t *testing.T) {
		for _, fault := range []wechattest.Fault{
			{Errcode: -1}, {Status: http.StatusBadGateway}, {Drop: true}, {Drop: true, Consume: true},
		} {
			server := simulate(t)
			client := newClient(t, wechat.Config{BaseURL: server.URL})
			_, failed := logIn(t, client, server.Code(appID, "ada")) // leaves a connection to be reused
			require.Nil(t, failed)
			server.Fault(fault)
			code := server.Code(appID, "ada")
			_, failed = logIn(t, client, code)
			requireUnavailable(t, failed)
			require.Equal(t, 1, server.Requests().Codes[code])
		}
	})
}

func TestImplausibleCodesAreNotSent(t *testing.T) {
	server := simulate(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})
	for _, code := range []string{"", "the code is a mock one", "a&secret=x", "a\r\nb", "ключ",
		strings.Repeat("a", 513)} {
		_, failed := logIn(t, client, code)
		require.ErrorIs(t, failed, wechat.ErrBadCode)
	}
	require.Empty(t, server.Requests().Paths)
}

func TestErrorsOfUsersAndOperatorsDiffer(t *testing.T) {
	server := simulate(t, wechattest.Options{MinuteLimit: 2})
	client := newClient(t, wechat.Config{BaseURL: server.URL})
	failure := func(given wechat.Credentials, code string) error {
		_, err := client.CodeToSession(context.Background(), given, code)
		return err
	}

	require.NoError(t, server.SetUser(wechattest.User{User: "mallory", HighRisk: true}))
	require.ErrorIs(t, failure(credentials(), server.Code(appID, "mallory")), wechat.ErrUserBlocked)

	for range 2 {
		require.NoError(t, failure(credentials(), server.Code(appID, "ada")))
	}
	require.ErrorIs(t, failure(credentials(), server.Code(appID, "ada")), wechat.ErrThrottled)
	require.NoError(t, failure(credentials(), server.Code(appID, "bob")))

	code := server.Code(appID, "carol")
	for _, wrong := range []wechat.Credentials{
		{AppID: appID, Secret: "simulator-other"},
		{AppID: "wx9999999999999999", Secret: secret},
		{AppID: appID},
		{},
	} {
		require.ErrorIs(t, failure(wrong, code), wechat.ErrMisconfigured)
	}
	require.NoError(t, server.AllowOnly(appID, netip.MustParseAddr("203.0.113.7")))
	require.ErrorIs(t, failure(credentials(), code), wechat.ErrMisconfigured)
	require.NoError(t, server.AllowOnly(appID))
	require.NoError(t, failure(credentials(), code), "no earlier error consumed the code")
}

func TestEveryQueryValueIsEncoded(t *testing.T) {
	var query string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		_, _ = w.Write([]byte(`{"openid":"o1"}`))
	}))
	defer server.Close()
	client := newClient(t, wechat.Config{BaseURL: server.URL + "/prefix/"})
	given := wechat.Credentials{AppID: "wx&a=b", Secret: "s#&% +"}
	_, err := client.CodeToSession(context.Background(), given, "a+b/c=~")
	require.NoError(t, err)
	require.Equal(t, "appid=wx%26a%3Db&grant_type=authorization_code&js_code=a%2Bb%2Fc%3D~&secret=s%23%26%25+%2B",
		query)
}

func TestACallerWhoLeaves(t *testing.T) {
	server := simulate(t)
	client := newClient(t, wechat.Config{BaseURL: server.URL})

	t.Run("before the call: the code is not sent", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := client.CodeToSession(ctx, credentials(), server.Code(appID, "ada"))
		require.ErrorIs(t, err, wechat.ErrUnavailable)
		require.Empty(t, server.Requests().Paths)
	})
	t.Run("repeatedly: others are not locked out", func(t *testing.T) {
		for range 10 {
			server.Fault(wechattest.Fault{DelayMS: 2000})
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
			_, err := client.CodeToSession(ctx, credentials(), server.Code(appID, "ada"))
			require.True(t, errors.Is(err, wechat.ErrUnavailable))
			cancel()
			server.Heal()
		}
		_, failed := logIn(t, client, server.Code(appID, "ada"))
		require.Nil(t, failed)
	})
}
