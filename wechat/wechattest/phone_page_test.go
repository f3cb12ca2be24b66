package wechattest_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

func (w *env) phone(pairs ...string) reply {
	w.t.Helper()
	shown := w.get("/_sim/phone", pairs...)
	require.Equal(w.t, "text/html; charset=utf-8", shown.contentType)
	require.NotContains(w.t, shown.text, "<script")
	return shown
}

// opened returns where the button of the page leads, or "".
func (r reply) opened() string {
	found := regexp.MustCompile(`<a id="open"[^>]* href="([^"]*)"`).FindStringSubmatch(r.text)
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1])
}

func TestAPhone(t *testing.T) {
	w, ask := startPublished(t)
	app := linked(wechattest.LinkRule{Prefix: "https://id.example/l/", Page: loginPage, Published: true})
	app.LaunchURL = "http://127.0.0.1:3000/mini"
	w.App(app)
	ask(`{"scene":"a=1","page":"` + loginPage + `"}`)
	code := w.MiniProgramCodes()[0].ID

	require.Contains(t, w.phone().text, "Whose phone is this?")
	shown := w.phone("user", "王芳")
	require.Contains(t, shown.text, "The phone of 王芳")
	require.Contains(t, shown.text, `value="`+code+`"`)
	require.NotContains(t, shown.text, `id="result"`)
	require.NotContains(t, shown.text, `id="fault"`)

	shown = w.phone("user", "王芳", "by", "long_press", "text", "https://id.example/l/x")
	require.Contains(t, shown.text, `data-opens="mini-program"`)
	require.Contains(t, shown.text, `<span id="query-q">https%3A%2F%2Fid.example%2Fl%2Fx</span>`)
	require.Contains(t, shown.text, `decodeURIComponent: https://id.example/l/x<`)
	require.Contains(t, shown.text, `<dd id="scene">1012 长按识别二维码`)
	require.Contains(t, shown.text, `value="long_press" checked`)
	at, err := url.Parse(shown.opened())
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:3000", at.Host)
	require.Equal(t, "王芳", at.Query().Get("user"))

	shown = w.phone("user", "bob", "text", "left in the field", "code", code)
	require.Contains(t, shown.text, `<span id="query-scene">a%3D1</span>`)
	require.Contains(t, shown.text, `<dd id="scene">1047 扫描小程序码`)
	require.Contains(t, shown.text, `value="camera" checked`)
	require.Contains(t, shown.opened(), "user=bob")

	shown = w.phone("user", "ada", "text", "https://shop.example/?a=b&c")
	require.Contains(t, shown.text, `data-opens="browser"`)
	require.Equal(t, "https://shop.example/?a=b&c", shown.opened())
	require.Contains(t, shown.text, `rel="noreferrer"`, "the page's URL is not for others")

	app.LaunchURL = ""
	w.App(app)
	shown = w.phone("user", "ada", "code", code)
	require.Contains(t, shown.text, "no launch_url")
	require.Empty(t, shown.opened())
	w.App(wechattest.App{AppID: appID, Secret: secret})
	require.Contains(t, w.phone("user", "ada", "code", code).text, `<p id="reason">小程序或页面尚未发布`)
}

// TestAPhoneRunsNoScripts of the codes that it reads.
func TestAPhoneRunsNoScripts(t *testing.T) {
	w, _ := startPublished(t)
	const script = `"><script>alert(1)</script>`
	for _, text := range []string{script, "https://evil.example/" + script, "javascript:alert(1)"} {
		shown := w.phone("user", script, "text", text)
		require.NotContains(t, shown.opened(), "javascript:")
	}
	require.Empty(t, w.phone("user", "ada", "text", "javascript:alert(1)").opened())
	require.Contains(t, w.phone("user", "ada", "text", "javascript:alert(1)").text, `data-opens="text"`)
}

func TestAPhoneShowsWhatIsWrong(t *testing.T) {
	w, _ := startPublished(t)
	for _, pairs := range [][]string{{"text", ""}, {"code", "000000"}, {"text", "x", "by", "fax"}} {
		shown := w.phone(append(pairs, "user", "ada")...)
		require.Equal(t, http.StatusBadRequest, shown.status)
		require.Contains(t, shown.text, `id="fault"`)
		require.Contains(t, shown.text, `id="text"`, "the form is there again")
	}
	require.Equal(t, http.StatusMethodNotAllowed, w.post("/_sim/phone", "user=ada").status)
}
