package browser_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// startPhones starts a simulator with a mini-program that has a rule for links at https://id.example/l/, and makes a
// code of it with the longest scene, and a URL Link. What represents the mini-program keeps its requests.
func startPhones(t *testing.T) (simulator *wechattest.Server, launched requests) {
	t.Helper()
	launched = make(requests, 20)
	mux := http.NewServeMux()
	mux.HandleFunc("/mini", launched.keep)
	mini := httptest.NewServer(mux)
	t.Cleanup(mini.Close)
	simulator = wechattest.Start(t)
	app := simulator.App(wechattest.App{AppID: "wx0123456789abcdef", Secret: "simulator-secret",
		Pages: []string{"pages/index/index"}, LaunchURL: mini.URL + "/mini", LinkRules: []wechattest.LinkRule{
			{Prefix: "https://id.example/l/", Page: "pages/index/index", Published: true}}})
	token := post(t, simulator.URL+"/cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"`+app.AppID+
		`","secret":"`+app.Secret+`"}`)["access_token"].(string)
	post(t, simulator.URL+"/wxa/getwxacodeunlimit?access_token="+token, `{"scene":"`+strings.Repeat("s", 32)+`"}`)
	require.Len(t, simulator.MiniProgramCodes(), 1)
	post(t, simulator.URL+"/wxa/generate_urllink?access_token="+token, `{"query":"scan=`+strings.Repeat("s", 32)+
		`","expire_type":1,"expire_interval":1}`)
	require.Len(t, simulator.Links(), 1)
	return simulator, launched
}

// testPhone scans with the phones of two people, in two tabs of a browser. The pages are accessible, light and dark.
func testPhone(t *testing.T, browser context.Context) {
	axe := axeCore(t)
	simulator, launched := startPhones(t)
	for _, look := range []look{phoneLight, phoneDark, deskLight} {
		ada, bob := harness.Tab(t, browser), harness.Tab(t, browser)
		do := func(tab context.Context, name string, actions ...chromedp.Action[chromedp.Void]) {
			t.Helper()
			require.NoError(t, chromedp.Do(tab, actions...), name+look.name)
			picture(t, tab, look, name)
			requireUsable(t, tab, axe, look, name+look.name)
		}
		for user, tab := range map[string]context.Context{"ada": ada, "bob": bob} {
			do(tab, "phone-of", as(look), chromedp.Navigate(simulator.URL+"/_sim/phone"))
			do(tab, "phone-scan", chromedp.SetValue(chromedp.CSS("#user"), user),
				chromedp.Click(chromedp.CSS("#confirm")), chromedp.WaitReady(chromedp.CSS("#text")))
		}
		link := "https://id.example/l/" + strings.Repeat("handle", 9)
		do(ada, "phone-link", chromedp.SetValue(chromedp.CSS("#text"), link),
			chromedp.Click(chromedp.CSS("[value=long_press]")), chromedp.Click(chromedp.CSS("#confirm")),
			chromedp.WaitReady(chromedp.CSS("#result")))
		do(bob, "phone-code", chromedp.Click(chromedp.CSS("[value=album]")),
			chromedp.Click(chromedp.CSS("button[name=code]")), chromedp.WaitReady(chromedp.CSS("#result")))

		require.NoError(t, chromedp.Do(ada, chromedp.Click(chromedp.CSS("#open"))))
		request := launched.next(t, ada)
		require.Equal(t, "ada", request.Form.Get("user"))
		require.Equal(t, "1012", request.Form.Get("scene"))
		require.Contains(t, request.Form.Get("query"), "q=https%3A%2F%2Fid.example%2Fl%2Fhandle")
		require.Empty(t, request.Referer())
		require.NoError(t, chromedp.Do(bob, chromedp.Click(chromedp.CSS("#open"))))
		request = launched.next(t, bob)
		require.Equal(t, "bob", request.Form.Get("user"))
		require.Equal(t, "1049", request.Form.Get("scene"))
		require.Equal(t, "scene="+strings.Repeat("s", 32), request.Form.Get("query"))
	}
}

// post posts JSON, and returns the answer if it is JSON.
func post(t *testing.T, url, body string) (answer map[string]any) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	_ = json.NewDecoder(response.Body).Decode(&answer)
	return answer
}
