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

const (
	secretCode = "0a1SecretLoginCodeSecretLogin0a1"
	sessionKey = "U2Vzc2lvbktleVNlY3JldA=="
)

// TestErrorsContainNoSecrets causes every kind of failure, and searches all error texts and
// the log at its lowest level.
func TestErrorsContainNoSecrets(t *testing.T) {
	t.Parallel()
	written := &log{}
	var said strings.Builder
	call := func(baseURL string) {
		client := newClient(t, wechat.Config{
			BaseURL: baseURL, Timeout: shortTimeout, Logger: written.logger(slog.LevelDebug),
		})
		login, err := client.CodeToSession(context.Background(), credentials(), secretCode)
		fmt.Fprintf(&said, "%v %+v %#v %q %+v\n", err, err, err, fmt.Sprint(err), login)
	}

	server := simulate(t)
	for _, fault := range secrecyFaults() {
		server.Fault(fault)
		call(server.URL)
	}
	call("http://127.0.0.1:1")
	echo := httptest.NewServer(http.HandlerFunc(hijackAndEcho))
	defer echo.Close()
	call(echo.URL)

	text := written.String() + said.String()
	require.Contains(t, written.String(), "203.0.113.7", "the operator needs the address to allow")
	require.Contains(t, written.String(), "connection refused")
	for _, hidden := range []string{secret, secretCode, sessionKey, "http://", "jscode2session?", "js_code",
		"invalid code", "<script>"} {
		require.NotContains(t, text, hidden)
		require.NotContains(t, text, url.QueryEscape(hidden))
	}
}

func secrecyFaults() []wechattest.Fault {
	leaky := fmt.Sprintf("tsk %s %s %s <script>, rid: <script>", secret, secretCode, sessionKey)
	faults := []wechattest.Fault{
		{Text: `{"openid":"o1","session_key":"` + sessionKey + `"}`},
		{Text: `{"openid":"","session_key":"` + sessionKey + `"}`},
		{Text: `{"session_key":"` + sessionKey + `"`},
		{Text: sessionKey},
		{Errcode: 40164, Errmsg: "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist"},
		{Errcode: 40164, Errmsg: "invalid ip " + secretCode},
		{Redirect: "http://evil.example/?" + secretCode + sessionKey},
		{Redirect: "http://%zz" + secretCode},
		{Drop: true}, {DelayMS: 2000}, {Status: 500, Text: sessionKey}, {Body: "cut"}, {Body: "html"},
	}
	for _, errcode := range []int{-1, 40029, 40163, 40226, 45011, 40125, 12345} {
		faults = append(faults, wechattest.Fault{Errcode: errcode, Errmsg: leaky})
	}
	return faults
}

// hijackAndEcho answers with the request line in place of the status line, which net/http
// quotes in its error.
func hijackAndEcho(w http.ResponseWriter, r *http.Request) {
	connection, buffer, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = buffer.WriteString(r.URL.String() + "\r\n\r\n")
	_ = buffer.Flush()
	_ = connection.Close()
}

func TestOneLineIsLoggedPerFault(t *testing.T) {
	for name, test := range map[string]struct {
		fault wechattest.Fault
		level string
	}{
		"an outage":        {wechattest.Fault{Body: "html"}, "WARN"},
		"throttling":       {wechattest.Fault{Errcode: 45011}, "WARN"},
		"operator's error": {wechattest.Fault{Errcode: 40125}, "ERROR"},
		"user's error":     {wechattest.Fault{Errcode: 40029}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := simulate(t)
			written := &log{}
			client := newClient(t, wechat.Config{BaseURL: server.URL, Logger: written.logger(slog.LevelInfo)})
			server.Fault(test.fault)
			_, failed := logIn(t, client, "code")
			require.NotNil(t, failed)
			if test.level == "" {
				require.Empty(t, written.String())
				return
			}
			require.Equal(t, 1, strings.Count(written.String(), "\n"))
			require.Contains(t, written.String(), "level="+test.level)
			require.Contains(t, written.String(), "appid="+appID)
			require.Contains(t, written.String(), fmt.Sprintf("errcode=%d", failed.Errcode))
			require.Contains(t, written.String(), "rid="+failed.RID)
		})
	}
}

func TestASecretIsNeverPrinted(t *testing.T) {
	given := wechat.Credentials{AppID: appID, Secret: secret}
	var text bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&text, verb+verb, given, given.Secret)
	}
	fmt.Fprint(&text, given.Secret.String(), given.Secret.GoString())
	slog.New(slog.NewTextHandler(&text, nil)).Info("", "secret", given.Secret, "credentials", given)
	slog.New(slog.NewJSONHandler(&text, nil)).Info("", "secret", given.Secret, "credentials", given)
	encoded, err := json.Marshal([]any{given, given.Secret, &given})
	require.NoError(t, err)
	text.Write(encoded)
	require.NotContains(t, text.String(), secret)
	require.NotContains(t, text.String(), fmt.Sprintf("%x", secret))
	require.Contains(t, text.String(), "***")
	require.Equal(t, secret, given.Secret.Reveal())
}
