package wechattest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// receiver receives pushes at a URL.
type receiver struct {
	*httptest.Server
	mutex    sync.Mutex
	queries  []url.Values
	bodies   []string
	failures int    // answers that are errors
	echo     string // instead of echostr
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if request.Method == http.MethodGet {
		_, _ = io.WriteString(w, request.URL.Query().Get("echostr")+r.echo)
		return
	}
	r.queries, r.bodies = append(r.queries, request.URL.Query()), append(r.bodies, string(body))
	if r.failures > 0 {
		r.failures--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "success")
}

var pushKeys = wechat.PushKeys{Token: "token", EncodingAESKey: wechat.Secret(strings.Repeat("Ab1", 14) + "c")}

func settingsOf(r *receiver, mode, format string) wechattest.PushSettings {
	return wechattest.PushSettings{AppID: appID, URL: r.URL + "/push", Token: pushKeys.Token.Reveal(),
		EncodingAESKey: pushKeys.EncodingAESKey.Reveal(), Mode: mode, Format: format}
}

func TestPushesInEveryModeAndFormat(t *testing.T) {
	w := start(t)
	for _, mode := range []string{"", "secure", "compatible", "plain"} {
		for _, format := range []string{"", "json", "xml"} {
			t.Run(mode+" "+format, func(t *testing.T) {
				r := newReceiver(t)
				require.NoError(t, w.SetPush(settingsOf(r, mode, format)))
				pushed, err := w.Push(wechattest.PushMessage{AppID: appID, User: "ada",
					Event: "user_authorization_revoke", RevokeInfo: "8", CreateTime: 1714112445})
				require.NoError(t, err)
				require.Equal(t, wechattest.Pushed{1, true, 200, "success"}, pushed)
				require.Len(t, r.bodies, 1)
				require.Equal(t, mode != "plain", strings.Contains(r.bodies[0], "Encrypt"))
				require.Equal(t, mode == "plain" || mode == "compatible", strings.Contains(r.bodies[0], "RevokeInfo"))
				require.Equal(t, format == "xml", strings.HasPrefix(r.bodies[0], "<xml>"))
				query := r.queries[0]
				push, err := wechat.OpenPush(appID, []wechat.PushKeys{pushKeys}, mode == "plain", wechat.PushQuery{
					Signature: query.Get("signature"), MsgSignature: query.Get("msg_signature"),
					Timestamp: query.Get("timestamp"), Nonce: query.Get("nonce")}, []byte(r.bodies[0]))
				require.NoError(t, err)
				require.Equal(t, wechat.Push{MsgType: "event", Event: "user_authorization_revoke",
					OpenID: wechattest.OpenID(appID, "ada"), CreateTime: "1714112445", RevokeInfo: "8"}, push)
			})
		}
	}
}

// TestPushesAreRepeated, with the same body, at most three times in all.
func TestPushesAreRepeated(t *testing.T) {
	w, r := start(t), newReceiver(t)
	require.NoError(t, w.SetPush(settingsOf(r, "", "")))
	for failures, want := range []wechattest.Pushed{{1, true, 200, "success"}, {2, true, 200, "success"},
		{3, true, 200, "success"}, {3, false, 503, ""}, {3, false, 503, ""}} {
		r.failures, r.bodies = failures, nil
		pushed, err := w.Push(wechattest.PushMessage{AppID: appID, User: "ada", Event: "user_info_modified"})
		require.NoError(t, err)
		require.Equal(t, want, pushed)
		require.Len(t, r.bodies, want.Tries)
		for _, body := range r.bodies {
			require.Equal(t, r.bodies[0], body)
		}
	}
}

func TestPushSettingsAreVerified(t *testing.T) {
	w, r := start(t), newReceiver(t)
	r.echo = "!"
	require.ErrorContains(t, w.SetPush(settingsOf(r, "", "")), "echostr")
	_, err := w.Push(wechattest.PushMessage{AppID: appID, Event: "user_info_modified"})
	require.ErrorContains(t, err, "no settings")
	r.echo = ""
	for wrong, change := range map[string]func(*wechattest.PushSettings){
		"appid":            func(s *wechattest.PushSettings) { s.AppID = "wxffffffffffffffff" },
		"url":              func(s *wechattest.PushSettings) { s.URL = "ftp://127.0.0.1/" },
		"token":            func(s *wechattest.PushSettings) { s.Token = "a_b" },
		"encoding_aes_key": func(s *wechattest.PushSettings) { s.EncodingAESKey = "short" },
		"mode":             func(s *wechattest.PushSettings) { s.Mode = "safe" },
		"format":           func(s *wechattest.PushSettings) { s.Format = "yaml" },
	} {
		settings := settingsOf(r, "", "")
		change(&settings)
		require.ErrorContains(t, w.SetPush(settings), wrong+": ")
	}
	r.Close()
	require.ErrorContains(t, w.SetPush(settingsOf(r, "", "")), "no answer")
}

func TestPushesOverHTTP(t *testing.T) {
	w, r := start(t), newReceiver(t)
	answered := w.post("/_sim/push_settings", `{"appid":"`+appID+`","url":"`+r.URL+`/a?b=c","token":"token",
		"encoding_aes_key":"`+pushKeys.EncodingAESKey.Reveal()+`"}`)
	require.Equal(t, http.StatusOK, answered.status, answered.text)
	answered = w.post("/_sim/push", `{"appid":"`+appID+`","user":"ada","event":"user_authorization_cancellation"}`)
	require.Equal(t, http.StatusOK, answered.status, answered.text)
	require.Equal(t, map[string]any{"tries": 1.0, "acknowledged": true, "status": 200.0, "answer": "success"},
		answered.members)
	require.Equal(t, "c", r.queries[0].Get("b"))
	answered = w.post("/_sim/push", `{"appid":"`+appID+`","event":"user_authorization_cancellation"}`)
	require.Equal(t, http.StatusBadRequest, answered.status, "about nobody")
	require.Contains(t, answered.text, "user, openid:")
	require.Len(t, r.queries, 1)
}
