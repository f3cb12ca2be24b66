package wechattest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestEverythingCanBeControlledOverHTTP(t *testing.T) {
	w := start(t)
	do := func(path, body string) reply {
		t.Helper()
		answered := w.post(path, body)
		require.Equal(t, http.StatusOK, answered.status, answered.text)
		return answered
	}
	const app = `"appid":"` + appID + `"`

	code := do("/_sim/codes", `{`+app+`,"user":"ada"}`).textOf("code")
	require.Equal(t, wechattest.OpenID(appID, "ada"), w.logIn(code).textOf("openid"))
	require.Len(t, do("/_sim/phone_codes", `{`+app+`,"user":"ada"}`).textOf("code"), 64)

	do("/_sim/apps", `{"appid":"wx1111111111111111","secret":"simulator-three","open_platform":"p"}`)
	require.Len(t, w.Code("wx1111111111111111", "ada"), 32)

	do("/_sim/unbind", `{`+app+`}`)
	require.Empty(t, w.logIn(w.Code(appID, "ada")).textOf("unionid"))
	do("/_sim/bind", `{`+app+`,"open_platform":"p"}`)
	require.Equal(t, wechattest.UnionID("p", "ada"), w.logIn(w.Code(appID, "ada")).textOf("unionid"))

	old := w.Code(appID, "ada")
	require.NotEmpty(t, do("/_sim/clock", `{"advance":"5m"}`).textOf("now"))
	require.Equal(t, 40029, w.logIn(old).errcode())

	do("/_sim/users", `{"user":"mallory","high_risk":true}`)
	require.Equal(t, 40226, w.logIn(w.Code(appID, "mallory")).errcode())

	do("/_sim/allow_list", `{`+app+`,"addresses":["203.0.113.7"]}`)
	require.Equal(t, 40164, w.logIn("x").errcode())
	do("/_sim/allow_list", `{`+app+`}`)

	do("/_sim/variant", `{"errcode":"zero"}`)
	require.Contains(t, w.logIn(w.Code(appID, "ada")).text, `"errcode":0`)

	require.NotEmpty(t, do("/_sim/encrypt", `{`+app+`,"user":"ada","kind":"phone"}`).textOf("encryptedData"))

	do("/_sim/faults", `{"errcode":-1,"count":2}`)
	require.Equal(t, -1, w.logIn("x").errcode())
	require.Equal(t, http.StatusOK, w.ask(http.MethodDelete, "/_sim/faults", nil, "", "").status)
	require.Equal(t, 40029, w.logIn("x").errcode())

	requests := w.get("/_sim/requests")
	require.EqualValues(t, 1, requests.members["codes"].(map[string]any)[code])
	require.EqualValues(t, w.Requests().Paths["/sns/jscode2session"],
		requests.members["paths"].(map[string]any)["/sns/jscode2session"])
}

func TestInvalidRequestsAreRejected(t *testing.T) {
	w := start(t)
	for _, test := range []struct{ path, body string }{
		{"/_sim/codes", ``},
		{"/_sim/codes", `{`},
		{"/_sim/codes", `{"appid":"wx9999999999999999","user":"ada"}`},
		{"/_sim/codes", `{"appid":"` + appID + `"}`},
		{"/_sim/codes", `{"appid":"` + appID + `","user":"ada","typo":1}`},
		{"/_sim/codes", `{"appid":"` + appID + `","user":"ada"}{}`},
		{"/_sim/codes", `{"appid":"` + appID + `","user":"` + strings.Repeat("a", 64<<10) + `"}`},
		{"/_sim/apps", `{"appid":"wx1111111111111111","secret":"0123456789abcdef0123456789abcdef"}`},
		{"/_sim/apps", `{"appid":"x","secret":"simulator-x"}`},
		{"/_sim/bind", `{"appid":"` + appID + `"}`},
		{"/_sim/unbind", `{"appid":"wx9999999999999999"}`},
		{"/_sim/clock", `{"advance":"-1s"}`},
		{"/_sim/clock", `{}`},
		{"/_sim/users", `{}`},
		{"/_sim/faults", `{"body":"odd"}`},
		{"/_sim/faults", `{"status":99}`},
		{"/_sim/faults", `{"count":-1}`},
		{"/_sim/allow_list", `{"appid":"` + appID + `","addresses":["x"]}`},
		{"/_sim/encrypt", `{"appid":"` + appID + `","user":"nobody","kind":"phone"}`},
	} {
		answered := w.post(test.path, test.body)
		require.Equal(t, http.StatusBadRequest, answered.status, "%.80s", test.body)
		require.NotEmpty(t, answered.textOf("error"))
	}
	require.Equal(t, http.StatusMethodNotAllowed, w.get("/_sim/bind").status)
	require.Equal(t, http.StatusNotFound, w.get("/_sim/nothing").status)
	require.Equal(t, http.StatusNotFound, w.get("/sns/auth").status)
	require.Equal(t, http.StatusBadRequest, w.post("/cgi-bin/stable_token", strings.Repeat(" ", 64<<10+1)).status)
}
