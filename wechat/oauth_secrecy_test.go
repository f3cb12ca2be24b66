package wechat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const refreshToken = "SecretRefreshToken_SecretRefreshToken"

// oauthAnswer is a success with all possible secrets.
const oauthAnswer = `{"openid":"o1","access_token":"` + userToken + `","refresh_token":"` + refreshToken +
	`","scope":"snsapi_userinfo","expires_in":7200}`

// TestOAuthErrorsContainNoSecrets causes every kind of failure at both calls, as TestErrorsContainNoSecrets does at
// code2Session.
func TestOAuthErrorsContainNoSecrets(t *testing.T) {
	t.Parallel()
	written := &log{}
	var said strings.Builder
	say := func(of any, err error) {
		fmt.Fprintf(&said, "%v %+v %#v %q %+v %#v\n", err, err, err, fmt.Sprint(err), of, of)
	}
	newTalkative := func(baseURL string) *wechat.Client {
		return newClient(t, wechat.Config{BaseURL: baseURL, Timeout: shortTimeout,
			Logger: written.logger(slog.LevelDebug)})
	}
	server := simulateOAuth(t)
	server.Fault(wechattest.Fault{Text: oauthAnswer})
	login, failed := authorize(t, newTalkative(server.URL), "code")
	require.Nil(t, failed)
	ask := func(baseURL string) {
		exchanged, err := newTalkative(baseURL).OAuthCode(context.Background(), credentials(), secretCode)
		say(exchanged, err)
		profile, err := newTalkative(baseURL).OAuthProfile(context.Background(), appID, login)
		say(profile, err)
	}
	faults := append(secrecyFaults(), wechattest.Fault{Text: oauthAnswer},
		wechattest.Fault{Text: strings.Replace(oauthAnswer, "o1", "", 1)},
		wechattest.Fault{Text: strings.Replace(oauthAnswer, "{", `{"is_snapshotuser":1,`, 1)},
		wechattest.Fault{Text: oauthAnswer + oauthAnswer})
	for _, errcode := range []int{40001, 40003, 42001, 48001} {
		faults = append(faults, wechattest.Fault{Errcode: errcode, Errmsg: "tsk " + userToken + ", rid: <script>"})
	}
	for _, fault := range faults {
		for _, path := range []string{oauthPath, profilePath} {
			fault.Path = path
			server.Fault(fault)
		}
		ask(server.URL)
	}
	echo := httptest.NewServer(http.HandlerFunc(hijackAndEcho))
	defer echo.Close()
	for _, address := range []string{"http://127.0.0.1:1", echo.URL} {
		ask(address)
	}

	text := written.String() + said.String()
	for _, expected := range []string{"snsAccessToken failed", "snsUserInfo failed", "returned no usable token",
		"203.0.113.7", "connection refused", "a virtual visitor"} {
		require.True(t, strings.Contains(text, expected), expected)
	}
	for _, hidden := range []string{
		secret, secretCode, sessionKey, userToken, refreshToken, "http://", "oauth2", "access_token", "openid=",
		"&code=", "?code=", "tsk ", "<script>",
	} {
		require.False(t, strings.Contains(text, hidden), hidden) // the text is too long to print
		require.False(t, strings.Contains(text, url.QueryEscape(hidden)), hidden)
	}
}

func TestAnOAuthLoginNeverPrintsItsToken(t *testing.T) {
	server := simulateOAuth(t)
	server.Fault(wechattest.Fault{Text: oauthAnswer})
	login, failed := authorize(t, newClient(t, wechat.Config{BaseURL: server.URL}), "code")
	require.Nil(t, failed)
	require.True(t, login.AllowsProfile())
	var text bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
		fmt.Fprintf(&text, verb+verb+verb, login, &login, []wechat.OAuthLogin{login})
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		slog.New(handler).Info("", "login", login, "pointer", &login)
	}
	encoded, err := json.Marshal([]any{login, &login})
	require.NoError(t, err)
	text.Write(encoded)
	for _, hidden := range []string{userToken, fmt.Sprintf("%x", userToken), fmt.Sprintf("%X", userToken),
		refreshToken} {
		require.NotContains(t, text.String(), hidden)
	}
}
