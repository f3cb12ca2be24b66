package wechattest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestWebViews: they open what WeChat opens, and say where they are.
func TestWebViews(t *testing.T) {
	w := start(t)
	app := wechattest.App{AppID: "wx0123456789abcdef", Secret: "simulator-secret",
		WebViewDomains: []string{"shop.example.com", "127.0.0.1", "::1"}}
	w.App(app)
	open := func(url string) reply {
		body, err := json.Marshal(wechattest.WebView{AppID: app.AppID, URL: url})
		require.NoError(t, err)
		return w.post("/_sim/web_view", string(body))
	}
	for _, url := range []string{"https://shop.example.com/orders?a=1#b", "http://127.0.0.1:8080/",
		"http://[::1]:80/"} {
		opened := open(url)
		require.Equal(t, http.StatusOK, opened.status, opened.text)
		require.Equal(t, url, opened.textOf("url"))
		require.Regexp(t, " MicroMessenger/.* miniProgram/wx0123456789abcdef$", opened.textOf("user_agent"))
	}
	for _, url := range []string{"", "shop.example.com", "http://shop.example.com/", "https://shop.example.com:8443/",
		"https://a.shop.example.com/", "https://evil.example/", "https://x@shop.example.com/", "http://localhost/",
		"https://shop.example.com/订单", "https://shop.example.com/ ", "javascript:alert(1)",
		"http://127.0.0.1.evil.example/",
	} {
		require.Equal(t, http.StatusBadRequest, open(url).status, url)
		shown := w.get("/_sim/web_view", "appid", app.AppID, "url", url)
		require.Equal(t, http.StatusBadRequest, shown.status, url)
		require.Contains(t, shown.text, `id="fault"`, url)
	}
	require.Equal(t, http.StatusBadRequest, w.get("/_sim/web_view", "appid", "wx00000000000000ff",
		"url", "https://shop.example.com/").status)

	personal := app
	personal.Personal = true
	require.ErrorContains(t, w.AddApp(personal), "web_view_domains", "a person has none to set")
	personal.WebViewDomains = nil
	w.App(personal)
	require.Equal(t, http.StatusBadRequest, open("https://shop.example.com/").status)
	many := app
	many.WebViewDomains = make([]string, 301)
	require.Error(t, w.AddApp(many))
	website := app
	website.Kind = wechattest.KindWebsite
	require.ErrorContains(t, w.AddApp(website), "kind")
}
