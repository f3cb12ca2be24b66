package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// pushSettings are what "lingpai apps push" prints as JSON.
type pushSettings struct {
	AppID          string `json:"appid"`
	URL            string `json:"url"`
	Token          string `json:"token"`
	EncodingAESKey string `json:"encoding_aes_key"`
	Mode           string `json:"mode"`
	FormerUntil    string `json:"former_until"`
}

func (o *operator) pushes(args ...string) (s pushSettings) {
	o.t.Helper()
	require.NoError(o.t, json.Unmarshal([]byte(o.ok(append([]string{"apps", "push", "--output", "json"}, args...)...)),
		&s))
	return s
}

func TestPushesAreSet(t *testing.T) {
	t.Parallel()
	o := migrated(t, loopbackIssuer)
	o.okWith(simSecret, "apps", "add", appID)
	o.okWith("secret", "apps", "add", "1112345678")
	set := o.pushes(appID)
	require.Regexp(t, `^https?://[^/]+/wechat/push/`+appID+"$", set.URL)
	require.Regexp(t, "^[A-Za-z0-9]{32}$", set.Token)
	require.Regexp(t, "^[A-Za-z0-9]{43}$", set.EncodingAESKey)
	require.Equal(t, "secure", set.Mode)
	require.Equal(t, set, o.pushes(appID), "they are shown again")
	shown := o.ok("apps", "push", appID)
	for _, text := range []string{set.URL, set.Token, set.EncodingAESKey, "安全模式", "JSON", "消息推送",
		"https://mp.weixin.qq.com"} {
		require.Contains(t, shown, text)
	}

	plain := o.pushes(appID, "--mode", "plain")
	require.Equal(t, "plain", plain.Mode)
	require.Equal(t, set.Token, plain.Token)
	rotated := o.pushes(appID, "--rotate")
	require.NotEqual(t, set.Token, rotated.Token)
	require.NotEqual(t, set.EncodingAESKey, rotated.EncodingAESKey)
	require.Equal(t, "plain", rotated.Mode)
	require.NotEmpty(t, rotated.FormerUntil)
	require.Contains(t, o.refused("apps", "push", appID, "--mode", "safe"), "secure, compatible, plain")
	require.Contains(t, o.refused("apps", "push", "1112345678"), "only WeChat pushes messages")
	require.Contains(t, o.refused("apps", "push", "wx2222222222222222"), "there is no app")
	require.Contains(t, o.refused("apps", "push", appID, "--off", "--rotate"), "off")

	o.ok("apps", "push", appID, "--off")
	require.Contains(t, o.refused("apps", "push", appID, "--off"), "not set")
	require.NotEqual(t, rotated.Token, o.pushes(appID).Token)
	log := o.ok("events", "list", "--kind", identity.EventAppPush)
	for _, text := range []string{appID + " secure", appID + " plain", appID + " off", "lingpai apps push"} {
		require.Contains(t, log, text)
	}
	for _, secret := range []string{set.Token, set.EncodingAESKey, rotated.Token} {
		require.NotContains(t, log, secret)
	}
}

// TestPushesNeedTheWholeURL: a path alone cannot be entered at WeChat.
func TestPushesNeedTheWholeURL(t *testing.T) {
	t.Parallel()
	o := migrated(t, "")
	o.okWith(simSecret, "apps", "add", appID)
	require.Contains(t, o.refused("apps", "push", appID), "server.issuer")
}

func TestDoctorShowsPushes(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	requireFinding(t, o.examined(), "pushes", statusOK, "note: "+appID+": WeChat pushes no messages", "")
	set := o.pushes(appID)
	requireFinding(t, o.examined(), "pushes", statusWarning, appID+": WeChat has not verified the URL",
		"lingpai apps push "+appID)

	p, address := o.serves()
	simulator := wechattest.Start(t)
	simulator.App(wechattest.App{AppID: appID, Secret: simSecret})
	require.NoError(t, simulator.SetPush(wechattest.PushSettings{AppID: appID,
		URL: address + "/wechat/push/" + appID, Token: set.Token, EncodingAESKey: set.EncodingAESKey}))
	requireFinding(t, o.examined(), "pushes", statusOK, "has pushed nothing yet", "")
	pushed, err := simulator.Push(wechattest.PushMessage{AppID: appID, User: "ada", Event: "user_info_modified"})
	require.NoError(t, err)
	require.True(t, pushed.Acknowledged)
	refused, err := http.Post(address+"/wechat/push/"+appID+"?signature=of+another+token", "application/json",
		strings.NewReader("{}"))
	require.NoError(t, err)
	require.NoError(t, refused.Body.Close())
	require.Equal(t, http.StatusForbidden, refused.StatusCode)
	require.NoError(t, p.stop())
	requireFinding(t, o.examined(), "pushes", statusOK, "and pushed a message last at 20", "")
	requireFinding(t, o.examined(), "pushes", statusWarning, "was refused", "lingpai apps push "+appID)
	o.pushes(appID, "--rotate", "--mode", "plain")
	requireFinding(t, o.examined(), "pushes", statusWarning, "has not verified the URL", "lingpai apps push "+appID)
	requireFinding(t, o.examined(), "pushes", statusWarning, "in clear", "--mode secure")
}

// TestDevPushes: a withdrawn permission can be tried with two calls of the simulator.
func TestDevPushes(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	d := o.develop(t.TempDir())
	require.Equal(t, http.StatusOK, d.signIn().status)
	body := fmt.Sprintf(`{"appid":%q,"user":"bob","event":"user_authorization_revoke","revoke_info":"8"}`,
		d.MiniProgram.AppID)
	pushed := postJSON(t, d.Simulator.URL+"/_sim/push", body)
	require.Equal(t, "success", pushed.text("answer"))
}

// TestOnePushAtTwoReplicas at the same time, as when WeChat repeats it while the first is still in flight: it is
// applied once, and all are acknowledged.
func TestOnePushAtTwoReplicas(t *testing.T) {
	t.Parallel()
	f := onSharedServers(t)
	set := f.pushes(appID)
	var query, body string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		query, body = r.URL.RawQuery, string(text)
		_, _ = io.WriteString(w, r.URL.Query().Get("echostr"))
	}))
	defer elsewhere.Close()
	require.NoError(t, f.simulator.SetPush(wechattest.PushSettings{AppID: appID, URL: elsewhere.URL, Token: set.Token,
		EncodingAESKey: set.EncodingAESKey}))
	database, _ := f.shared()
	for n := range 10 {
		user := fmt.Sprint("user ", n)
		_, err := f.ask("", "grant_type", "wechat_code", "code", f.code(user))
		require.NoError(t, err)
		_, err = f.simulator.Push(wechattest.PushMessage{AppID: appID, User: user, Event: "user_authorization_revoke",
			RevokeInfo: "8"})
		require.NoError(t, err)
		answers := make([]string, 8)
		var running sync.WaitGroup
		for at := range answers {
			running.Go(func() {
				response, err := http.Post("http://"+f.replicas[at%2].addr+"/wechat/push/"+appID+"?"+query,
					"application/json", strings.NewReader(body))
				if err != nil {
					answers[at] = err.Error()
					return
				}
				defer response.Body.Close()
				text, _ := io.ReadAll(response.Body)
				answers[at] = string(text)
			})
		}
		running.Wait()
		for _, text := range answers {
			require.Equal(t, "success", text)
		}
		account, err := database.Accounts().Find(t.Context(), identity.AccountKey{Platform: identity.PlatformWechat,
			App: appID, Subject: wechattest.OpenID(appID, user)})
		require.NoError(t, err)
		events, err := database.Events().List(t.Context(), identity.EventsOf{Kind: identity.EventAuthRevoked,
			UserID: account.UserID}, 10)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Contains(t, events[0].Detail, "sessions ended: 1")
	}
}
