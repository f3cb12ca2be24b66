package wechattest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	appID    = "wx0123456789abcdef"
	otherApp = "wxfedcba9876543210"
	secret   = "simulator-one"
)

// env is a running simulator with helpers to call it over HTTP.
type env struct {
	*wechattest.Server
	t      *testing.T
	client *http.Client
}

func start(t *testing.T, options ...wechattest.Options) *env {
	t.Helper()
	server := wechattest.Start(t, options...)
	server.App(wechattest.App{AppID: appID, Secret: secret, OpenPlatform: "platform"})
	server.App(wechattest.App{AppID: otherApp, Secret: "simulator-two"})
	client := &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(client.CloseIdleConnections)
	return &env{Server: server, t: t, client: client}
}

// reply is a decoded answer.
type reply struct {
	status      int
	contentType string
	text        string
	members     map[string]any
}

func (r reply) errcode() int {
	number, _ := r.members["errcode"].(float64)
	return int(number)
}

func (r reply) textOf(name string) string {
	text, _ := r.members[name].(string)
	return text
}

func (w *env) ask(method, path string, query url.Values, contentType, body string) reply {
	w.t.Helper()
	request, err := http.NewRequest(method, w.URL+path+"?"+query.Encode(), bytes.NewBufferString(body))
	require.NoError(w.t, err)
	request.Header.Set("Content-Type", contentType)
	response, err := w.client.Do(request)
	require.NoError(w.t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	answered := reply{status: response.StatusCode, contentType: response.Header.Get("Content-Type"), text: string(text)}
	_ = json.Unmarshal(text, &answered.members)
	return answered
}

func (w *env) get(path string, pairs ...string) reply {
	w.t.Helper()
	query := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return w.ask(http.MethodGet, path, query, "", "")
}

func (w *env) post(path, body string, pairs ...string) reply {
	w.t.Helper()
	query := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return w.ask(http.MethodPost, path, query, "application/json", body)
}

func (w *env) logIn(code string) reply {
	w.t.Helper()
	return w.get("/sns/jscode2session",
		"appid", appID, "secret", secret, "js_code", code, "grant_type", "authorization_code")
}

// sessionKey logs in a user and returns the session key.
func (w *env) sessionKey(user string) string {
	w.t.Helper()
	return w.logIn(w.Code(appID, user)).textOf("session_key")
}

func (w *env) stableToken(force bool) reply {
	w.t.Helper()
	body, err := json.Marshal(map[string]any{
		"grant_type": "client_credential", "appid": appID, "secret": secret, "force_refresh": force,
	})
	require.NoError(w.t, err)
	return w.post("/cgi-bin/stable_token", string(body))
}

func (w *env) classicToken() reply {
	w.t.Helper()
	return w.get("/cgi-bin/token", "grant_type", "client_credential", "appid", appID, "secret", secret)
}
