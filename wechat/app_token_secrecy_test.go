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
	secretToken = "SecretAppToken_SecretAppToken-SecretAppToken"
	secretPhone = "13912345678"
)

// TestAppTokenErrorsContainNoSecrets causes every kind of failure at every call with an
// app token, as TestErrorsContainNoSecrets does at the login.
func TestAppTokenErrorsContainNoSecrets(t *testing.T) {
	t.Parallel()
	written := &log{}
	var said strings.Builder
	key, err := wechat.ParseSessionKey(sessionKey)
	require.NoError(t, err)
	say := func(of any, err error) {
		fmt.Fprintf(&said, "%v %+v %#v %q %+v %#v\n", err, err, err, fmt.Sprint(err), of, of)
	}
	ask := func(w *appTokenEnv) {
		tokens, ctx, openID := w.replica(func(c *wechat.Config) {
			c.Timeout, c.Logger = shortTimeout/2,
				written.logger(slog.LevelDebug)
		}), context.Background(), "oAda"
		token, err := tokens.Token(ctx, credentials())
		say(token, err)
		phone, err := tokens.PhoneNumber(ctx, credentials(), secretCode, openID)
		say(phone, err)
		valid, err := tokens.CheckSession(ctx, credentials(), openID, key)
		say(valid, err)
		fresh, err := tokens.ResetSession(ctx, credentials(), openID, key)
		say(fresh, err)
		genuine, _, err := tokens.CheckEncryptedMessage(ctx, credentials(), strings.Repeat("a", 64))
		say(genuine, err)
	}
	named := wechattest.Fault{Path: tokenPath, Text: `{"access_token":"` + secretToken + `","expires_in":7200}`}
	phoned := wechattest.Fault{Path: phonePath, Text: `{"phone_info":{"phoneNumber":"` + secretPhone +
		`","purePhoneNumber":"` + secretPhone +
		`","countryCode":"86","watermark":{"appid":"` + appID + `"}}}`}
	faults := append(secrecyFaults(), phoned)
	for _, errcode := range []int{40001, 40014, 42001, 40003, 87009} {
		faults = append(faults, wechattest.Fault{Errcode: errcode, Errmsg: "tsk " + secretToken + " " +
			secretPhone + ", rid: <script>"})
	}
	for _, fault := range faults {
		w := newAppTokenEnv(t)
		w.Fault(named)
		for _, path := range []string{phonePath, sessionPath, resetPath, "/wxa/business/checkencryptedmsg"} {
			if fault.Path == "" || fault.Path == path {
				struck := fault
				struck.Path = path
				w.Fault(struck)
			}
		}
		ask(w)
		fault.Path = tokenPath
		w = newAppTokenEnv(t)
		w.Fault(fault)
		ask(w)
	}
	echo := httptest.NewServer(http.HandlerFunc(hijackAndEcho))
	defer echo.Close()
	for _, address := range []string{"http://127.0.0.1:1", echo.URL} {
		w := newAppTokenEnv(t)
		w.URL = address
		ask(w)
	}

	requireOfAppTokens(t, written.String(), said.String())
}

// requireOfAppTokens requires that the log names each failed call, and that neither log nor errors contain a secret.
func requireOfAppTokens(t *testing.T, written, said string) {
	t.Helper()
	text := written + said
	for _, failed := range []string{"getStableAccessToken failed", "getPhoneNumber failed",
		"checkSessionKey failed", "ResetUserSessionKey failed", "checkEncryptedData failed", "203.0.113.7"} {
		require.True(t, strings.Contains(written, failed), failed)
	}
	for _, hidden := range []string{
		secret, secretCode, sessionKey, secretToken, secretPhone, "http://", "access_token", "signature=", "tsk ",
		"<script>", "purePhone",
	} {
		require.False(t, strings.Contains(text, hidden), hidden) // the text is too long to print
		require.False(t, strings.Contains(text, url.QueryEscape(hidden)), hidden)
	}
}

func TestAppTokensAndPhonesAreNeverPrinted(t *testing.T) {
	token, phone := wechat.AppToken{Text: secretToken}, wechat.Phone{CountryCode: "86", Number: secretPhone}
	var text bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&text, verb+verb+verb+verb, token, &token, phone, &phone)
	}
	slog.New(slog.NewTextHandler(&text, nil)).Info("", "token", token, "phone", phone)
	slog.New(slog.NewJSONHandler(&text, nil)).Info("", "token", token, "phone", phone)
	encoded, err := json.Marshal([]any{token, phone})
	require.NoError(t, err)
	text.Write(encoded)
	for _, hidden := range []string{secretToken, secretPhone, fmt.Sprintf("%x", secretToken),
		fmt.Sprintf("%x", secretPhone)} {
		require.NotContains(t, text.String(), hidden)
	}
}
