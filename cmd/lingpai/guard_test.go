package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder is a server that is not WeChat, and records everything that is sent to it.
type recorder struct {
	*httptest.Server
	mutex sync.Mutex
	sent  strings.Builder
	count int
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		dump, _ := httputil.DumpRequest(request, true)
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.count++
		r.sent.Write(dump)
		w.Write([]byte(`{"errcode":40029,"errmsg":"invalid code"}`))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) record() (int, string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.count, r.sent.String()
}

func TestARealAppSecretIsSentToNobodyButWeChat(t *testing.T) {
	t.Parallel()
	somebody := newRecorder(t)
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com", "LINGPAI_WECHAT_BASE_URL="+somebody.URL)
	const simulated = "wx1111111111111111"
	o.okWith(realSecret, "apps", "add", appID)
	o.okWith(simSecret, "apps", "add", simulated)
	for _, app := range []string{appID, simulated} {
		o.ok("clients", "create", "client-"+app, "--public", "--grant", "wechat_code", "--app", app, "--audience",
			audience)
	}
	p, base := o.serves()
	p.logged("wechat.base_url is not WeChat: only simulated apps can sign in")

	r := postForm(t, base+"/token", "client-"+appID, "", "grant_type", "wechat_code", "code", "x")
	require.GreaterOrEqual(t, r.status, 500, r.members)
	message := o.refused("apps", "test", appID)
	require.Contains(t, message, "so it is not sent there")
	require.NotContains(t, message, realSecret)
	count, _ := somebody.record()
	require.Zero(t, count, "not even the code was sent")

	require.Equal(t, "invalid_grant", postForm(t, base+"/token", "client-"+simulated, "", "grant_type",
		"wechat_code", "code", "x").text("error"))
	count, sent := somebody.record()
	require.Equal(t, 1, count)
	require.Contains(t, sent, simSecret)
	require.NotContains(t, sent, realSecret)
	require.NotContains(t, p.Log(), realSecret)
	require.NotContains(t, p.Log(), simSecret)
}

func TestWeChatIsOnlyAtWeChatOrOnThisMachine(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	for _, base := range []string{"https://api.weixin.qq.com.example.com", "https://example.com",
		"http://192.168.1.20:8081", "http://api.weixin.qq.com"} {
		require.Contains(t, o.with("LINGPAI_WECHAT_BASE_URL="+base).refused("apps", "test", appID),
			"neither the platform over https nor on loopback", base)
	}
}

func TestTheSimulatorTakesNoRealSecretsAndNoStrangers(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	require.Contains(t, o.refused("wechat-simulator", "--addr", "127.0.0.1:0", "--app", appID+":"+realSecret),
		`must begin with "simulator-"`)
	require.Contains(t, o.refused("wechat-simulator", "--addr", "127.0.0.1:0", "--app", appID), "is not APPID:SECRET")
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.168.1.20:0", "x"} {
		require.Contains(t, o.refused("wechat-simulator", "--addr", addr), "on loopback", addr)
	}
}
