package provider_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

// secretOfWechat is the text of the simulator's errors, which no answer may contain.
const secretOfWechat = "appsecret simulator-" + testApp + " rid: 6512-5e3c-77d1 session_key"

// requireNothingOfWechat requires that an answer contains no text, request id or secret of WeChat.
func requireNothingOfWechat(t *testing.T, a answer) {
	t.Helper()
	for _, secret := range []string{"simulator-", "rid", "6512-5e3c", "session_key", "errmsg", "js_code",
		"appsecret", testApp, "nginx"} {
		require.NotContains(t, a.body, secret)
	}
}

// TestWechatAnswersThatCannotBeUsed are treated as outages: nobody is signed in, no user is created, and the client
// is not blamed.
func TestWechatAnswersThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	evil := "http://127.0.0.1:1/evil"
	long := strings.Repeat("o", 129)
	for name, fault := range map[string]wechattest.Fault{
		"HTML":                        {Body: "html"},
		"HTML of a gateway":           {Body: "html", Status: 502},
		"empty":                       {Body: "empty"},
		"truncated":                   {Body: "truncated"},
		"cut off":                     {Body: "cut"},
		"empty openid":                {Body: "empty_openid"},
		"huge":                        {Body: "huge"},
		"compressed bomb":             {Body: "gzip"},
		"redirect":                    {Redirect: evil},
		"permanent redirect":          {Redirect: evil, Status: 308},
		"too late":                    {DelayMS: 60_000},
		"byte by byte":                {Body: "trickle", DelayMS: 1000},
		"dropped":                     {Drop: true},
		"dropped after the work":      {Drop: true, Consume: true},
		"500":                         {Status: 500},
		"503":                         {Status: 503},
		"429":                         {Status: 429},
		"404":                         {Status: 404},
		"array":                       {Text: `[{"openid":"o1","session_key":"k"}]`},
		"null":                        {Text: `null`},
		"number":                      {Text: `42`},
		"openid null":                 {Text: `{"openid":null,"session_key":"k"}`},
		"openid a number":             {Text: `{"openid":1234567,"session_key":"k"}`},
		"openid an object":            {Text: `{"openid":{"a":1},"session_key":"k"}`},
		"openid in another case":      {Text: `{"OpenID":"o1","session_key":"k"}`},
		"openid twice":                {Text: `{"openid":"o1","openid":"o2","session_key":"k"}`},
		"openid too long":             {Text: `{"openid":"` + long + `","session_key":"k"}`},
		"openid with NUL":             {Text: `{"openid":"o\u0000","session_key":"k"}`},
		"openid with line end":        {Text: `{"openid":"o1\n","session_key":"k"}`},
		"openid with space":           {Text: `{"openid":" o1","session_key":"k"}`},
		"openid beyond ASCII":         {Text: `{"openid":"微信","session_key":"k"}`},
		"unionid a number":            {Text: `{"openid":"o1","unionid":7}`},
		"unionid with space":          {Text: `{"openid":"o1","unionid":"a b"}`},
		"errcode a word":              {Text: `{"openid":"o1","errcode":"zero"}`},
		"errcode a fraction":          {Text: `{"openid":"o1","errcode":0.5}`},
		"errcode out of range":        {Text: `{"openid":"o1","errcode":99999999999999999999}`},
		"trailing text":               {Text: `{"openid":"o1"}{"openid":"o2"}`},
		"unknown errcode":             {Errcode: 59999, Errmsg: secretOfWechat},
		"busy":                        {Errcode: -1, Errmsg: secretOfWechat},
		"a failure and an openid too": {Text: `{"openid":"o1","errcode":-1}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, func(s *settings) { s.wechatTimeout = 2 * time.Second })
			refresh := w.signIn("alice").text("refresh_token")
			users, begun := w.users(), time.Now()
			require.NoError(t, w.simulator.Fail(fault))
			f := w.wechatCode("new-user")
			a := w.token(f)
			require.Less(t, time.Since(begun), 30*time.Second)
			requireError(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
			require.NotContains(t, a.members, "wechat_errcode")
			requireNothingOfWechat(t, a)
			require.Equal(t, users, w.users(), "no user was created")
			require.LessOrEqual(t, w.simulator.Requests().Codes[f["code"]], 1, "a code is sent once, whatever happens")
			requireTokens(t, w.token(refreshForm(refresh)))
			w.signIn("new-user")
			w.requireLogOfNoSecrets(t)
		})
	}
}

// requireLogOfNoSecrets requires that the log contains no AppSecret, no token and no URL with a code.
func (w *installation) requireLogOfNoSecrets(t *testing.T) {
	t.Helper()
	for _, secret := range []string{"simulator-wx", "secret=", "js_code", "session_key", "lp_rt_", "eyJhbGciOi"} {
		require.NotContains(t, w.log.String(), secret)
	}
}

// TestWechatRefusals: the status tells who caused the error. WeChat's errcode is included where it helps the caller,
// its message never.
func TestWechatRefusals(t *testing.T) {
	t.Parallel()
	for errcode, c := range map[int]struct {
		status   int
		name     string
		inAnswer bool
		says     string
	}{
		40029: {http.StatusBadRequest, "invalid_grant", true, "Call wx.login again."},
		40163: {http.StatusBadRequest, "invalid_grant", true, "Call wx.login again."},
		41008: {http.StatusBadRequest, "invalid_grant", true, "Call wx.login again."},
		42003: {http.StatusBadRequest, "invalid_grant", true, "Call wx.login again."},
		40226: {http.StatusBadRequest, "invalid_grant", true, "only the user can have it lifted"},
		45011: {http.StatusServiceUnavailable, "temporarily_unavailable", false, "app or user (errcode 45011)"},
		45009: {http.StatusServiceUnavailable, "temporarily_unavailable", false, "app or user (errcode 45009)"},
		-1000: {http.StatusServiceUnavailable, "temporarily_unavailable", false, "is busy (errcode -1000)"},
		59999: {http.StatusServiceUnavailable, "temporarily_unavailable", false, "does not know (errcode 59999)"},
		40001: {http.StatusInternalServerError, "server_error", false, "the AppSecret (errcode 40001). The operator"},
		40013: {http.StatusInternalServerError, "server_error", false, "the AppID (errcode 40013). The operator"},
		40066: {http.StatusInternalServerError, "server_error", false, "the configuration of the app (errcode 40066)"},
		40125: {http.StatusInternalServerError, "server_error", false, "the AppSecret (errcode 40125)"},
		40164: {http.StatusInternalServerError, "server_error", false, "allow-list of the app (errcode 40164)"},
		40002: {http.StatusInternalServerError, "server_error", false, "the configuration of the app (errcode 40002)"},
		41002: {http.StatusInternalServerError, "server_error", false, "the AppID (errcode 41002)"},
		48001: {http.StatusInternalServerError, "server_error", false, "may not make this call (errcode 48001)"},
		50004: {http.StatusInternalServerError, "server_error", false, "restricted or frozen (errcode 50004)"},
		61004: {http.StatusInternalServerError, "server_error", false, "allow-list of the app (errcode 61004)"},
		61024: {http.StatusInternalServerError, "server_error", false, "third-party platform manages (errcode 61024)"},
	} {
		t.Run(strconv.Itoa(errcode), func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			users := w.users()
			require.NoError(t, w.simulator.Fail(wechattest.Fault{Errcode: errcode, Errmsg: secretOfWechat}))
			a := w.token(w.wechatCode("new-user"))
			requireError(t, a, c.status, c.name)
			requireNothingOfWechat(t, a)
			require.Contains(t, a.text("error_description"), c.says)
			require.NotContains(t, a.body, "cannot be reached")
			require.Equal(t, c.inAnswer, a.members["wechat_errcode"] != nil)
			if c.inAnswer {
				require.EqualValues(t, errcode, a.members["wechat_errcode"])
			}
			if errcode == 45011 {
				require.Equal(t, "60", a.header.Get("Retry-After"), "the limit is by the minute")
			}
			require.Equal(t, errcode == 40226, slices.Contains(w.eventKinds(t), "wechat.blocked"))
			require.Equal(t, users, w.users())
			w.requireLogOfNoSecrets(t)
		})
	}
}

// TestARetryAfterIsKept: until it has passed, the app's codes are not sent to WeChat.
func TestARetryAfterIsKept(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Errcode: 45009}))
	requireError(t, w.token(w.wechatCode("alice")), http.StatusServiceUnavailable, "temporarily_unavailable")
	f := w.wechatCode("alice")
	a := w.token(f)
	requireError(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	require.NoError(t, err)
	require.True(t, 5 < seconds && seconds <= 600, seconds)
	require.Zero(t, w.simulator.Requests().Codes[f["code"]])
}

// TestCodesWorkOnceAndAtTheirOwnApp: twenty parallel requests with one code sign in once, and a code is not accepted
// for another app.
func TestCodesWorkOnceAndAtTheirOwnApp(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	f := w.wechatCode("alice")
	answers := atOnce(20, func(int) answer { return w.token(f) })
	good := 0
	for _, a := range answers {
		if a.status == http.StatusOK {
			good++
			continue
		}
		requireError(t, a, http.StatusBadRequest, "invalid_grant")
		require.EqualValues(t, 40163, a.members["wechat_errcode"])
	}
	require.Equal(t, 1, good)

	backend := form{"grant_type": "wechat_code", "client_id": "backend", "client_secret": testSecret}
	foreign := w.codeOf(otherApp, "alice")
	requireError(t, w.token(w.wechatCode("alice").with("code", foreign)), http.StatusBadRequest, "invalid_grant")
	requireError(t, w.token(w.wechatCode("alice").with("code", foreign, "appid", otherApp)), http.StatusBadRequest,
		"invalid_request")
	requireError(t, w.token(backend.with("code", foreign)), http.StatusBadRequest, "invalid_request")
	requireError(t, w.token(backend.with("code", foreign, "appid", testApp)), http.StatusBadRequest, "invalid_grant")
	requireError(t, w.token(backend.with("code", foreign, "appid", "wx0000000000000000")), http.StatusBadRequest,
		"invalid_request")
	requireTokens(t, w.token(backend.with("code", foreign, "appid", otherApp)))
	require.NoError(t, w.simulator.SetUser(wechattest.User{User: "rogue", HighRisk: true}))
	requireError(t, w.token(w.wechatCode("rogue")), http.StatusBadRequest, "invalid_grant")
}

// TestUnionIDsLinkAndNeverMove: a unionid that appears, changes or belongs to another user never gives access to
// another user.
func TestUnionIDsLinkAndNeverMove(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	sub := func(a answer) string { requireTokens(t, a); return claimsOf(t, a.text("access_token"))["sub"].(string) }
	alice, mallory := sub(w.signIn("alice")), sub(w.signIn("mallory"))
	require.NotEqual(t, alice, mallory)
	says := func(user, union string) string {
		require.NoError(t, w.simulator.Fail(wechattest.Fault{Text: `{"openid":"` + wechattest.OpenID(testApp,
			user) + `","unionid":"` + union + `","session_key":"k"}`}))
		return sub(w.token(w.wechatCode(user)))
	}
	require.Equal(t, alice, says("alice", "union-of-alice"))
	require.Equal(t, mallory, says("mallory", "union-of-alice"), "the openid decides")
	require.Equal(t, mallory, says("mallory", "union-of-mallory"))
	require.Equal(t, alice, says("alice", "union-of-mallory"))
	require.Equal(t, alice, sub(w.signIn("alice")), "a unionid that disappears changes nothing")
}

// TestOneSlowWechatDoesNotAffectOthers: while sign-ins hang, refreshes and documents stay fast.
func TestOneSlowWechatDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) { s.wechatTimeout = 5 * time.Second })
	refresh := w.signIn("alice").text("refresh_token")
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Count: 100, DelayMS: 10_000}))
	var group sync.WaitGroup
	var answered atomic.Int64
	answers := make([]answer, 80) // more than are let through at once
	for n := range answers {
		f := w.wechatCode("alice")
		group.Go(func() {
			answers[n] = w.token(f)
			answered.Add(1)
		})
	}
	require.Eventually(t, func() bool { return w.simulator.Requests().Paths["/sns/jscode2session"] > 20 },
		20*time.Second, time.Millisecond, "sign-ins hang")
	requireTokens(t, w.token(refreshForm(refresh)))
	require.Equal(t, http.StatusOK, w.get("/.well-known/jwks.json", nil).status)
	require.Less(t, answered.Load(), int64(len(answers)), "some still wait for WeChat")
	group.Wait()
	for _, a := range answers {
		requireError(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
	}
}
