package browser_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/test/harness"
)

// withoutScripts turns JavaScript off.
var withoutScripts = chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
	_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: true})
	return err
})

// focused returns the id of the element with the focus, or its text, if the focus is visible.
const focused = `(e => getComputedStyle(e).outlineStyle === 'solid' && (e.id || e.textContent))(document.activeElement)`

// testKeyboard: the tab key reaches everything in the order of the page, with a visible focus, and the enter key sends
// the form.
func testKeyboard(t *testing.T, browser context.Context) {
	site, ctx := newSite(t), harness.Tab(t, browser)
	forms := make(requests, 9)
	site.HandleFunc("POST /here", forms.keep)
	for name, order := range map[string][]string{
		"sign-in":        {"username", "password", "login-submit", "Terms", "Privacy", "中文"},
		"consent":        {"other-account", "consent-allow", "consent-deny", "Terms", "Privacy", "中文"},
		"device-approve": {"other-account", "device-deny", "device-allow", "Terms", "Privacy", "中文"},
		"scan-approve": {"other-account", "number-17", "number-42", "number-88", "scan-deny", "scan-report", "Terms",
			"Privacy", "中文"},
	} {
		require.NoError(t, chromedp.Do(ctx, as(deskLight), chromedp.Navigate(site.URL+"/"+name)))
		for _, want := range order {
			require.NoError(t, chromedp.Do(ctx, chromedp.KeyEvent(kb.Tab)))
			got, err := chromedp.Run(ctx, chromedp.Evaluate[any](focused))
			require.NoError(t, err)
			require.Equal(t, want, got, name)
		}
	}
	for decision, tabs := range map[string]int{"allow 17": 2, "allow 88": 4, "deny": 5, "report": 6} {
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(site.URL+"/scan-approve"),
			chromedp.KeyEvent(strings.Repeat(kb.Tab, tabs)+kb.Enter)))
		require.Equal(t, decision, forms.next(t, ctx).PostForm.Get("decision"))
	}
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(site.URL+"/sign-in-wrong")))
	_, err := chromedp.Run(ctx, chromedp.Poll[bool]("document.activeElement.id === 'password'",
		chromedp.WithPollingTimeout(time.Minute)))
	require.NoError(t, err, "the field with the error has the focus")
	require.NoError(t, chromedp.Do(ctx, chromedp.KeyEvent("secret 密码"+kb.Enter)))
	form := forms.next(t, ctx).PostForm
	require.Equal(t, "wang.fang", form.Get("username"))
	require.Equal(t, "secret 密码", form.Get("password"))
	require.Equal(t, "示例商城 Example Shop", form.Get("seen"))
}

// testWithoutJavaScript: forms are sent, a page that leads on does, and the response to a client is posted by a button.
func testWithoutJavaScript(t *testing.T, browser context.Context) {
	site, ctx := newSite(t), harness.Tab(t, browser)
	forms, further, responses := make(requests, 9), make(requests, 9), make(requests, 9)
	site.HandleFunc("POST /here", forms.keep)
	site.HandleFunc("/authorize", further.keep)
	site.HandleFunc("/callback", responses.keep)
	require.NoError(t, chromedp.Do(ctx, withoutScripts))
	for page, button := range map[string]string{"sign-in": "#login-submit", "choose-account": ".accounts button",
		"consent": "#consent-deny", "device": "#device-continue", "device-approve": "#device-deny",
		"sign-out": "#sign-out-submit"} {
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(site.URL+"/"+page),
			chromedp.Click(chromedp.CSS(button))), page)
		form := forms.next(t, ctx)
		require.Equal(t, site.URL, form.Header.Get("Origin"), page)
		require.Equal(t, page == "consent" || page == "device-approve", form.PostForm.Get("decision") == "deny")
		require.Equal(t, page == "device", form.PostForm.Has("user_code"))
		require.Equal(t, page == "choose-account", form.PostForm.Get("account") == "1")
	}
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(site.URL+"/sent-on")))
	require.Equal(t, url.Values{"client_id": {"shop"}, "state": {"a;b'c"}}, further.next(t, ctx).URL.Query())
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(site.URL+"/form-post")))
	require.Empty(t, responses)
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(chromedp.CSS("#continue"))))
	require.Equal(t, "示例商城 Example Shop", responses.next(t, ctx).PostForm.Get("state"))
}

// testLeadingOut: after one of our forms, a browser reaches a client at another origin, by a redirect and by a form
// that posts itself. The client learns the origin, and nothing of the URL.
func testLeadingOut(t *testing.T, browser context.Context) {
	site, ctx := newSite(t), harness.Tab(t, browser)
	responses := make(requests, 9)
	mux := http.NewServeMux()
	mux.HandleFunc("/callback", responses.keep)
	client := httptest.NewServer(mux)
	t.Cleanup(client.Close)
	site.HandleFunc("POST /here", site.page(pages.SentOn{URL: "/authorize?mode=query"}))
	site.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, client.URL+"/callback?code=1", http.StatusSeeOther)
	})
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(site.URL+"/consent"),
		chromedp.Click(chromedp.CSS("#consent-allow"))))
	response := responses.next(t, ctx)
	require.Equal(t, "1", response.Form.Get("code"))
	require.Empty(t, response.Referer())

	site.HandleFunc("GET /by-post", site.page(pages.FormPost{Destination: "client.example.com",
		Form: pages.Form{Action: client.URL + "/callback", Hidden: []pages.Field{{Name: "code", Value: "2"}}}}))
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(site.URL+"/by-post?secret")))
	response = responses.next(t, ctx)
	require.Equal(t, "2", response.PostForm.Get("code"))
	require.Equal(t, site.URL, response.Header.Get("Origin"))
	require.Equal(t, site.URL+"/", response.Referer())
}
