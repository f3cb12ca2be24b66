package qq_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/qq"
	"github.com/lingpai/lingpai/wechat/qq/qqtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	appID    = "1108292102"
	otherApp = "1108292103"
	secret   = "simulator-secret-of-the-app"
)

// env is a simulator behind HTTP, with a clock that tests move.
type env struct {
	*qqtest.Simulator
	url   string
	ahead atomic.Int64
}

func simulate(t *testing.T) *env {
	t.Helper()
	w := &env{}
	w.Simulator = qqtest.New(qqtest.Options{Now: func() time.Time {
		return time.Now().Add(
			time.Duration(w.ahead.Load()))
	}})
	require.NoError(t, w.AddApp(qqtest.App{AppID: appID, Secret: secret}))
	require.NoError(t, w.AddApp(qqtest.App{AppID: otherApp, Secret: secret, Union: "union"}))
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *env) code(t *testing.T, app, user string) string {
	t.Helper()
	text, err := w.MintCode(app, user)
	require.NoError(t, err)
	return text
}

func newClient(t *testing.T, config wechat.Config) *qq.Client {
	t.Helper()
	client, err := qq.NewClient(config)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// logIn exchanges a code. It requires that an error is a *wechat.Error.
func logIn(t *testing.T, client *qq.Client, code string) (wechat.Login, *wechat.Error) {
	t.Helper()
	login, err := client.CodeToSession(context.Background(), wechat.Credentials{AppID: appID, Secret: secret}, code)
	if err == nil {
		return login, nil
	}
	failed, ok := errors.AsType[*wechat.Error](err)
	require.True(t, ok, "%T is not a *wechat.Error", err)
	require.Empty(t, login)
	return login, failed
}

func TestALoginIsTheUsers(t *testing.T) {
	w := simulate(t)
	client := newClient(t, wechat.Config{BaseURL: w.url})
	login, failed := logIn(t, client, w.code(t, appID, "ada"))
	require.Nil(t, failed)
	require.Equal(t, qqtest.OpenID(appID, "ada"), login.OpenID)
	require.Empty(t, login.UnionID)
	require.False(t, login.SessionKey.Zero())

	bound, err := client.CodeToSession(context.Background(), wechat.Credentials{AppID: otherApp, Secret: secret},
		w.code(t, otherApp, "ada"))
	require.NoError(t, err)
	require.Equal(t, qqtest.UnionID("union", "ada"), bound.UnionID)
	require.NotEqual(t, login.OpenID, bound.OpenID)
}

func TestACodeWorksOnceAndIsSentOnce(t *testing.T) {
	w := simulate(t)
	client := newClient(t, wechat.Config{BaseURL: w.url})
	used := w.code(t, appID, "ada")
	_, failed := logIn(t, client, used)
	require.Nil(t, failed)
	expired := w.code(t, appID, "ada")
	w.ahead.Store(int64(5 * time.Minute))
	for _, code := range []string{used, expired, w.code(t, otherApp, "ada"), "forged"} {
		_, failed := logIn(t, client, code)
		require.Equal(t, wechat.ErrBadCode, failed.Class)
	}
	require.Equal(t, 2, w.CodeRequests(used))
	for _, fault := range []qqtest.Fault{{Errcode: -1}, {Status: http.StatusBadGateway}, {Errcode: 45011}} {
		require.NoError(t, w.Fail(fault))
		code := w.code(t, appID, "ada")
		_, failed := logIn(t, client, code)
		require.NotNil(t, failed)
		require.Equal(t, 1, w.CodeRequests(code))
	}
	_, failed = logIn(t, client, "a code")
	require.Equal(t, wechat.ErrBadCode, failed.Class)
}

func TestEveryErrcodeHasItsClass(t *testing.T) {
	w := simulate(t)
	for errcode, class := range map[int]error{
		-1: wechat.ErrUnavailable, 99999: wechat.ErrUnavailable, 40029: wechat.ErrBadCode,
		40163: wechat.ErrCodeUsed, 45011: wechat.ErrThrottled,
		40002: wechat.ErrMisconfigured, 40013: wechat.ErrMisconfigured, 40125: wechat.ErrMisconfigured,
		41002: wechat.ErrMisconfigured, 41004: wechat.ErrMisconfigured,
	} {
		require.NoError(t, w.Fail(qqtest.Fault{Errcode: errcode}))
		_, failed := logIn(t, newClient(t, wechat.Config{BaseURL: w.url}), "code")
		require.NotNil(t, failed)
		require.Equal(t, class, failed.Class, errcode)
		require.Equal(t, errcode, failed.Errcode)
	}
}

func TestUnusableAnswersAreOutages(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"HTML":            say("<html>502</html>"),
		"an array":        say(`[{"openid":"O1"}]`),
		"openid twice":    say(`{"openid":"O1","openid":"O2"}`),
		"an empty openid": say(`{"errcode":0,"openid":"","session_key":"AAAAAAAAAAAAAAAAAAAAAA=="}`),
		"a huge body":     say(`{"openid":"O1","x":"` + strings.Repeat("x", 64<<10) + `"}`),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
		},
		"silence": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			started := time.Now()
			_, failed := logIn(t, newClient(t, wechat.Config{BaseURL: server.URL, Timeout: time.Second}),
				"code")
			require.NotNil(t, failed)
			require.Equal(t, wechat.ErrUnavailable, failed.Class)
			require.Less(t, time.Since(started), 20*time.Second)
		})
	}
}

func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

// TestErrorsContainNoSecrets searches all error texts, and the log at its lowest level.
func TestErrorsContainNoSecrets(t *testing.T) {
	const code, key = "0a1SecretLoginCodeSecretLogin0a1", "U2Vzc2lvbktleVNlY3JldA=="
	var written, said bytes.Buffer
	ask := func(baseURL string) {
		client := newClient(t, wechat.Config{BaseURL: baseURL, Logger: slog.New(slog.NewTextHandler(&written,
			&slog.HandlerOptions{Level: slog.LevelDebug}))})
		login, err := client.CodeToSession(context.Background(), wechat.Credentials{AppID: appID, Secret: secret}, code)
		fmt.Fprintf(&said, "%v %+v %#v %+v\n", err, err, err, login)
	}
	w := simulate(t)
	for _, errcode := range []int{-1, 40029, 40125, 45011, 12345} {
		require.NoError(t, w.Fail(qqtest.Fault{Errcode: errcode}))
		ask(w.url)
	}
	for _, text := range []string{`{"openid":"O1","session_key":"` + key + `"}`, key,
		`{"errcode":40029,"errmsg":"` + secret + code + `"}`} {
		server := httptest.NewServer(say(text))
		ask(server.URL)
		server.Close()
	}
	ask("http://127.0.0.1:1")
	require.Contains(t, written.String(), "qq: code2Session failed")
	require.Contains(t, written.String(), "appid="+appID)
	for _, hidden := range []string{secret, code, key, "http://", "js_code"} {
		require.NotContains(t, written.String()+said.String(), hidden)
		require.NotContains(t, written.String()+said.String(), url.QueryEscape(hidden))
	}
}

func TestTheBaseURLIsQQsOrLoopback(t *testing.T) {
	for text, fits := range map[string]bool{
		"": true, qq.DefaultBaseURL: true, "https://API.q.qq.com/": true, "http://127.0.0.1:8089": true,
		"http://localhost:1":  true,
		"http://api.q.qq.com": false, "https://api.weixin.qq.com": false, "https://q.qq.com": false,
		"https://api.q.qq.com.evil.example": false,
		"https://user:hunter2@api.q.qq.com": false, "https://hunter2.example": false,
	} {
		client, err := qq.NewClient(wechat.Config{BaseURL: text})
		require.Equal(t, fits, err == nil, text)
		if err != nil {
			require.NotContains(t, err.Error(), "hunter2")
			require.Nil(t, client)
		}
	}
	require.True(t, qq.IsHost("API.q.qq.com"))
	require.False(t, qq.IsHost("api.q.qq.com:443"))
	require.False(t, qq.IsHost(""))
}

func TestAppIDsAreDigits(t *testing.T) {
	for id, valid := range map[string]bool{
		appID: true, "123456": true, "12345678901234567890": true, "12345": false, "123456789012345678901": false,
		"": false, "wx0123456789abcdef": false, "11082９2102": false, "-110829210": false, "110829210 ": false,
	} {
		require.Equal(t, valid, qq.ValidAppID(id), id)
	}
}
