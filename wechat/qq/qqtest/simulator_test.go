package qqtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	appID  = "1108292102"
	secret = "simulator-one"
)

// ask returns the status and the members of an answer.
func ask(t *testing.T, s *Simulator, method, target, body string) (int, map[string]any) {
	t.Helper()
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, httptest.NewRequest(method, target, strings.NewReader(body)))
	var members map[string]any
	_ = json.Unmarshal(recorder.Body.Bytes(), &members)
	return recorder.Code, members
}

func logIn(t *testing.T, s *Simulator, changes ...string) map[string]any {
	t.Helper()
	query := url.Values{"appid": {appID}, "secret": {secret}, "js_code": {"x"}, "grant_type": {"authorization_code"}}
	for n := 0; n < len(changes); n += 2 {
		query.Set(changes[n], changes[n+1])
	}
	_, members := ask(t, s, http.MethodGet, "/sns/jscode2session?"+query.Encode(), "")
	return members
}

func TestALogin(t *testing.T) {
	now := time.Now()
	s := New(Options{Now: func() time.Time { return now }})
	require.NoError(t, s.AddApp(App{AppID: appID, Secret: secret, Union: "u"}))
	require.NoError(t, s.AddApp(App{AppID: "1108292103", Secret: secret}))
	mint := func(app string) string {
		text, err := s.MintCode(app, "ada")
		require.NoError(t, err)
		require.Regexp(t, `^[0-9a-f]{32}$`, text)
		return text
	}
	code := mint(appID)
	members := logIn(t, s, "js_code", code)
	require.Equal(t, OpenID(appID, "ada"), members["openid"])
	require.Equal(t, UnionID("u", "ada"), members["unionid"])
	require.Regexp(t, `^[A-Za-z0-9+/]{22}==$`, members["session_key"])
	require.NotEqual(t, wechattest.OpenID(appID, "ada"), members["openid"], "it differs from WeChat's")
	require.NotContains(t, logIn(t, s, "appid", "1108292103", "js_code", mint("1108292103")), "unionid")

	expired, foreign := mint(appID), mint("1108292103")
	now = now.Add(5 * time.Minute)
	for errcode, changes := range map[int][]string{
		41002: {"appid", ""}, 41004: {"secret", ""}, 41008: {"js_code", ""}, 40013: {"appid", "999999"},
		40125: {"secret", "simulator-x"}, 40002: {"grant_type", "x"},
	} {
		require.EqualValues(t, errcode, logIn(t, s, changes...)["errcode"])
	}
	for _, refused := range []string{code, expired, foreign, "forged"} {
		require.EqualValues(t, 40029, logIn(t, s, "js_code", refused)["errcode"])
	}
	require.Equal(t, 2, s.CodeRequests(code))
	require.Zero(t, s.CodeRequests("forged"))
}

func TestFaultsAreAppliedInOrder(t *testing.T) {
	s := New(Options{})
	require.NoError(t, s.AddApp(App{AppID: appID, Secret: secret}))
	require.NoError(t, s.Fail(Fault{Errcode: -1, Count: 2}, Fault{Status: 502}))
	require.EqualValues(t, -1, logIn(t, s)["errcode"])
	require.EqualValues(t, -1, logIn(t, s)["errcode"])
	status, members := ask(t, s, http.MethodGet, "/sns/jscode2session", "")
	require.Equal(t, 502, status)
	require.Empty(t, members)
	require.EqualValues(t, 40029, logIn(t, s)["errcode"])
	for _, wrong := range []Fault{{}, {Status: 99}, {Errcode: 1, Count: -1}} {
		require.Error(t, s.Fail(wrong))
	}
}

func TestEverythingCanBeControlledOverHTTP(t *testing.T) {
	s := New(Options{})
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/_sim/apps", `{"appid":"1108292102","secret":"simulator-one"}`, 200},
		{"/_sim/apps", `{"appid":"1108292102","secret":"0123456789abcdef"}`, 400},
		{"/_sim/apps", `{"appid":"wx0123456789abcdef","secret":"simulator-one"}`, 400},
		{"/_sim/apps", `{"appid":"12345","secret":"simulator-one"}`, 400},
		{"/_sim/codes", `{"appid":"1108292102","user":"ada"}`, 200},
		{"/_sim/codes", `{"appid":"1108292102"}`, 400},
		{"/_sim/codes", `{"appid":"999999","user":"ada"}`, 400},
		{"/_sim/codes", `{"appid":"1108292102","user":"ada","typo":1}`, 400},
		{"/_sim/codes", `{"appid":"1108292102","user":"` + strings.Repeat("a", maxRequest) + `"}`, 400},
		{"/_sim/codes", ``, 400},
		{"/_sim/faults", `{"errcode":45011,"count":3}`, 200},
		{"/_sim/faults", `{}`, 400},
		{"/_sim/nothing", `{}`, 404},
	} {
		status, members := ask(t, s, http.MethodPost, c.path, c.body)
		require.Equal(t, c.status, status, c.body)
		if c.path == "/_sim/codes" && status == 200 {
			require.Len(t, members["code"], 32)
		}
	}
	require.EqualValues(t, 45011, logIn(t, s)["errcode"])
}

func TestMemoryIsBounded(t *testing.T) {
	now := time.Now()
	s := New(Options{Now: func() time.Time { return now }})
	require.NoError(t, s.AddApp(App{AppID: appID, Secret: secret}))
	for range maxCodes {
		_, err := s.MintCode(appID, "ada")
		require.NoError(t, err)
	}
	_, err := s.MintCode(appID, "ada")
	require.Error(t, err)
	now = now.Add(codeLifetime)
	_, err = s.MintCode(appID, "ada")
	require.NoError(t, err)
	require.Len(t, s.codes, 1)
	for range maxFaults {
		require.NoError(t, s.Fail(Fault{Errcode: -1}))
	}
	require.Error(t, s.Fail(Fault{Errcode: -1}))
}
