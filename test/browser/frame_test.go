package browser_test

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

const framed = "LINGPAI_BROWSER_WECHAT_FRAME=true"

// TestSigningInInAFrame signs in at the page of WeChat that a frame of the page to sign in shows.
func TestSigningInInAFrame(t *testing.T) {
	t.Parallel()
	browser := harness.Chromium(t)
	quick := newWorld(t, browser, framed)
	scans := newWorld(t, browser, framed, "LINGPAI_BROWSER_WECHAT_QUICK_LOGIN=false")
	for name, test := range map[string]struct {
		*world
		run func(v walker)
	}{
		"QuickLogin": {quick, testQuickLoginInFrame}, "ManyTimes": {scans, testFrameShownManyTimes},
		"Foreign": {scans, testForeignFrame}, "WithoutJavaScript": {scans, testFrameWithoutScripts},
	} {
		t.Run(name, func(t *testing.T) {
			test.run(test.walker(t, strings.ToLower(name)))
		})
	}
	scans.inWindows(t, "Scan", testScanInFrame)
	scans.inWindows(t, "Declined", testDeclinedInFrame)
}

// frame returns a walker within the frame of the page, when WeChat's page is there. Browsers run it in a process of its
// own, since it is of another site.
func (v walker) frame() walker {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS("iframe")))
	page := chromedp.FromContext(v.tab).Target.TargetID
	for {
		found, err := chromedp.Targets(v.tab)
		require.NoError(v.t, err)
		for _, target := range found {
			if target.ParentID == page && strings.HasPrefix(target.URL, v.Simulator.URL+"/connect/") {
				v.tab = harness.Tab(v.t, v.tab, chromedp.WithTargetID(target.TargetID))
				return v
			}
		}
		require.NoError(v.t, v.tab.Err(), "there is no frame with WeChat's page")
		time.Sleep(100 * time.Millisecond)
	}
}

// allows lets somebody allow the sign-in on their phone: nobody clicks in the frame, as at WeChat.
func (v walker) allows(user string) {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS("#user")), chromedp.SetValue(chromedp.CSS("#user"), user))
	require.True(v.t, v.evaluate("!navigator.userActivation.hasBeenActive"))
	_, _ = chromedp.Run(v.tab, chromedp.Evaluate[any]("document.getElementById('confirm').click()"))
}

// testScanInFrame: WeChat's page moves the whole window, and the user is signed in at the client.
func testScanInFrame(v walker) {
	v.open("partner")
	v.do(chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.WaitVisible(chromedp.CSS("#way-wechat")))
	v.says("to continue to partner", "继续使用“partner”")
	frame := v.frame()
	require.True(v.t, frame.evaluate(`document.getElementById('quick') === null`), "it is switched off")
	frame.allows(v.user)
	v.click("#consent-allow")
	require.NotEmpty(v.t, v.redeem("partner", v.answer())["id_token"])
	v.open("partner")
	require.NotEmpty(v.t, v.answer().Get("code"), "the browser is signed in")
}

// testQuickLoginInFrame: WeChat's page may ask the WeChat on this computer, for which Chromium demands that the page
// around it lets its origin use the local network.
func testQuickLoginInFrame(v walker) {
	v.open("shop")
	frame := v.frame()
	require.True(v.t, frame.evaluate(`document.featurePolicy.allowsFeature('local-network-access')`))
	frame.do(chromedp.WaitVisible(chromedp.CSS("#quick")))
	_, _ = chromedp.Run(frame.tab, chromedp.Evaluate[any]("document.getElementById('quick').click()"))
	require.NotEmpty(v.t, v.redeem("shop", v.answer())["id_token"])
}

// testDeclinedInFrame: the frame says so, and the page around it stays as it is, with the other ways.
func testDeclinedInFrame(v walker) {
	v.open("shop")
	v.do(chromedp.WaitVisible(chromedp.CSS("#username")), chromedp.SendKeys(chromedp.CSS("#username"), v.user))
	v.frame().click("#decline")
	v.frame().do(chromedp.WaitVisible(chromedp.CSS("#declined")))
	v.do(chromedp.WaitVisible(chromedp.CSS("#way-wechat")))
	v.says("Sign in with WeChat", "微信登录")
	require.True(v.t, v.evaluate(`document.getElementById('username').value === '`+v.user+`'`))
	v.do(chromedp.SendKeys(chromedp.CSS("#password"), v.User.Password))
	v.click("#login-submit")
	require.Equal(v.t, v.user, v.name(v.redeem("shop", v.answer())))
}

// testFrameShownManyTimes: wrong passwords and reloads show the page again, and disturb no other tab.
func testFrameShownManyTimes(v walker) {
	v.open("shop", "state", "first")
	v.frame()
	second := walker{v.world, v.t, harness.Tab(v.t, v.tab), v.user, v.look}
	second.open("shop")
	for range 5 {
		second.enter(v.user, "wrong")
		second.do(chromedp.WaitVisible(chromedp.CSS("#password-error")))
		second.frame()
	}
	second.do(chromedp.Reload())
	second.frame().allows(v.user)
	require.NotEmpty(v.t, second.redeem("shop", second.answer())["id_token"])
	v.frame().allows(v.user)
	require.Equal(v.t, "first", v.answers.next(v.t, v.tab).Form.Get("state"))
}

// testForeignFrame: who scans the code in a frame of another site is signed in nowhere (login CSRF), since the browser
// sends no cookie there and keeps none.
func testForeignFrame(v walker) {
	v.open("shop")
	src, err := chromedp.Run(v.tab, chromedp.Evaluate[string](`document.querySelector('iframe').src`))
	require.NoError(v.t, err)
	around := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<link rel="icon" href="data:,"><iframe src="`+html.EscapeString(src)+`"></iframe>`)
	}))
	v.t.Cleanup(around.Close)
	v.do(chromedp.Navigate(strings.Replace(around.URL, "127.0.0.1", "evil.localhost", 1)))
	v.frame().click("#confirm")
	v.do(chromedp.WaitVisible(chromedp.CSS("#request-id")))
	require.Contains(v.t, v.text(), "This page has expired")
	v.open("shop")
	v.do(chromedp.WaitVisible(chromedp.CSS("#password")))
}

// testFrameWithoutScripts: our page needs no JavaScript, and the link beside the frame leads to WeChat as well.
func testFrameWithoutScripts(v walker) {
	v.do(withoutScripts)
	v.open("shop")
	v.frame().allows(v.user)
	require.NotEmpty(v.t, v.redeem("shop", v.answer())["id_token"])
	v.open("shop", "prompt", "login")
	v.frame()
	v.click("#way-wechat")
	v.atWechat()
	require.NotEmpty(v.t, v.redeem("shop", v.answer())["id_token"])
}
