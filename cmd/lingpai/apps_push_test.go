package main

import (
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
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
	pushedLast := func(f finding) bool { return strings.Contains(f.Found, "and pushed a message last at 20") }
	for deadline := time.Now().Add(patience); !slices.ContainsFunc(o.examined(), pushedLast); {
		require.True(t, time.Now().Before(deadline), "the time of the push is stored after the answer")
		time.Sleep(100 * time.Millisecond)
	}
	refused, err := http.Post(address+"/wechat/push/"+appID+"?signature=of+another+token", "application/json",
		strings.NewReader("{}"))
	require.NoError(t, err)
	require.NoError(t, refused.Body.Close())
	require.Equal(t, http.StatusForbidden, refused.StatusCode)
	require.NoError(t, p.stop())
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

// TestDoctorShowsWithdrawalsThatWait, since no server runs or all of them fail.
func TestDoctorShowsWithdrawalsThatWait(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	path := filepath.Join(o.folder, "lingpai.db")
	db, err := sql.Open(t.Context(), sql.Options{URL: "sqlite:" + path})
	require.NoError(t, err)
	require.NoError(t, db.Apps().Pushes().WithdrawalNotices().Add(t.Context(), identity.WithdrawalNotice{
		Content: []byte("{}")}))
	require.NoError(t, db.Close())
	const waiting = "1 message about withdrawals at WeChat not applied yet"
	requireFinding(t, o.examined(), "pushes", statusOK, "note: "+waiting, "")
	connection, err := stdsql.Open("sqlite", path)
	require.NoError(t, err)
	defer connection.Close()
	_, err = connection.ExecContext(t.Context(), "UPDATE withdrawal_notices SET received_at = ?",
		time.Now().Add(-90*time.Minute).UnixMilli())
	require.NoError(t, err)
	requireFinding(t, o.examined(), "pushes", statusWarning, waiting+", the oldest for 1h3", "lingpai serve")
}

// pushedFleet is two replicas to which WeChat pushes messages.
type pushedFleet struct {
	*fleet
	database *sql.DB
	query    string
	body     string
}

func newPushedFleet(t *testing.T) *pushedFleet {
	t.Helper()
	f := &pushedFleet{fleet: onSharedServers(t)}
	f.database, _ = f.shared()
	set := f.pushes(appID)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		f.query, f.body = r.URL.RawQuery, string(text)
		_, _ = io.WriteString(w, r.URL.Query().Get("echostr"))
	}))
	t.Cleanup(elsewhere.Close)
	require.NoError(t, f.simulator.SetPush(wechattest.PushSettings{AppID: appID, URL: elsewhere.URL, Token: set.Token,
		EncodingAESKey: set.EncodingAESKey}))
	return f
}

// withdraws signs a user in who then withdraws a permission. It returns a function that pushes the message to a replica
// and returns the answer.
func (f *pushedFleet) withdraws(t *testing.T, user string) func(replica int) string {
	t.Helper()
	_, err := f.ask("", "grant_type", "wechat_code", "code", f.code(user))
	require.NoError(t, err)
	_, err = f.simulator.Push(wechattest.PushMessage{AppID: appID, User: user, Event: "user_authorization_revoke",
		RevokeInfo: "8"})
	require.NoError(t, err)
	query, body := f.query, f.body
	return func(replica int) string {
		response, err := http.Post("http://"+f.replicas[replica].addr+"/wechat/push/"+appID+"?"+query,
			"application/json", strings.NewReader(body))
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return string(text)
	}
}

// requireApplied waits until a withdrawal is applied, and requires that it was applied once.
func (f *pushedFleet) requireApplied(t *testing.T, user string) {
	t.Helper()
	account, err := f.database.Accounts().Find(t.Context(), identity.AccountKey{Platform: identity.PlatformWechat,
		App: appID, Subject: wechattest.OpenID(appID, user)})
	require.NoError(t, err)
	waiting := f.database.Apps().Pushes().WithdrawalNotices()
	require.Eventually(t, func() bool {
		found, err := waiting.Waiting(t.Context())
		return err == nil && found.Notices == 0
	}, patience, 10*time.Millisecond)
	events, err := f.database.Events().List(t.Context(), identity.EventsOf{Kind: identity.EventAuthRevoked,
		UserID: account.UserID}, 10)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Contains(t, events[0].Detail, "sessions ended: 1")
}

// TestOnePushAtTwoReplicas at the same time, as when WeChat repeats it while the first is still in flight: it is
// applied once, and all are acknowledged.
func TestOnePushAtTwoReplicas(t *testing.T) {
	t.Parallel()
	f := newPushedFleet(t)
	for n := range 10 {
		user := fmt.Sprint("user ", n)
		push := f.withdraws(t, user)
		answers := make([]string, 8)
		var running sync.WaitGroup
		for at := range answers {
			running.Go(func() { answers[at] = push(at % 2) })
		}
		running.Wait()
		for _, text := range answers {
			require.Equal(t, "success", text)
		}
		f.requireApplied(t, user)
	}
}

// TestKillingServersLosesNoPush that was acknowledged: the other server, or the next one, applies it.
func TestKillingServersLosesNoPush(t *testing.T) {
	t.Parallel()
	f := newPushedFleet(t)
	connection, err := stdsql.Open("pgx", f.variable("LINGPAI_DATABASE_URL"))
	require.NoError(t, err)
	defer connection.Close()
	for n := range 10 {
		user := fmt.Sprint("user ", n)
		push := f.withdraws(t, user)
		require.Equal(t, "success", push(n%2))
		f.replicas[n%2].kill()
		// one that was claimed waits for a minute
		_, err = connection.ExecContext(t.Context(), "UPDATE withdrawal_notices SET due_at = 0")
		require.NoError(t, err)
		f.requireApplied(t, user)
		require.NoError(t, f.replicas[n%2].start())
	}
}
