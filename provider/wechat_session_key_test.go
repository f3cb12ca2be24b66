package provider_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestAKeyThatChangedBetweenTapAndCall still decrypts data, for ten minutes.
func TestAKeyThatChangedBetweenTapAndCall(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.dataToken("alice")
	tapped := w.encrypted("phone", wechattest.Plaintext{User: "alice", Kind: "phone"})
	reset := w.data(resetPath, token, nil)
	requireData(t, reset)
	require.Equal(t, true, reset.members["valid"])
	require.NotEqual(t, tapped["encryptedData"], w.encrypted("phone", wechattest.Plaintext{User: "alice",
		Kind: "phone"})["encryptedData"])
	requireData(t, w.data(decryptPath, token, tapped))
	requireData(t, w.data(decryptPath, token, w.encrypted("phone", wechattest.Plaintext{User: "alice", Kind: "phone"})))
	w.clock.Move(9 * time.Minute)
	requireData(t, w.data(decryptPath, token, tapped))
	w.clock.Move(2 * time.Minute)
	requireInvalidData(t, w.data(decryptPath, token, tapped))
	requireData(t, w.data(decryptPath, token, w.encrypted("phone", wechattest.Plaintext{User: "alice", Kind: "phone"})))
}

// TestCheckingAndResettingTheKey asks WeChat, and stores the new key.
func TestCheckingAndResettingTheKey(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.dataToken("alice")
	a := w.data(checkPath, token, nil)
	requireData(t, a)
	require.Equal(t, true, a.members["valid"])
	requireData(t, w.data(resetPath, token, nil))
	require.Equal(t, true, w.data(checkPath, token, nil).members["valid"], "the new key is stored")
	for range 4 { // by somebody else: WeChat changes the key at every third
		w.exchange(testApp, "alice")
	}
	a = w.data(checkPath, token, nil)
	requireData(t, a)
	require.Equal(t, false, a.members["valid"])
	requireError(t, w.data(resetPath, token, nil), http.StatusBadRequest, "login_required")
	token = w.dataToken("alice")
	require.Equal(t, true, w.data(checkPath, token, nil).members["valid"])
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: "/wxa/checksession", Status: 500}))
	requireError(t, w.data(checkPath, token, nil), http.StatusServiceUnavailable, "temporarily_unavailable")
	for range 10 {
		a = w.data(checkPath, token, nil)
	}
	requireError(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
	w.clock.Move(time.Minute)
	requireData(t, w.data(checkPath, w.dataToken("alice"), nil))
}

// exchange exchanges a login code at WeChat without the server, and returns the session key.
func (w wechatUsers) exchange(app, user string) string {
	w.t.Helper()
	query := url.Values{"appid": {app}, "secret": {"simulator-" + app}, "js_code": {w.codeOf(app, user)},
		"grant_type": {"authorization_code"}}
	recorder := httptest.NewRecorder()
	w.simulator.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/sns/jscode2session?"+query.Encode(), nil))
	var answer struct {
		Key string `json:"session_key"`
	}
	require.NoError(w.t, json.Unmarshal(recorder.Body.Bytes(), &answer))
	require.Len(w.t, answer.Key, 24)
	return answer.Key
}
