package browser_test

import (
	"context"
	"flag"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// wechatUserAgent is what WeChat on Android sends.
const wechatUserAgent = "Mozilla/5.0 (Linux; Android 14; PHM110 Build/UKQ1.231108.001; wv) AppleWebKit/537.36 " +
	"(KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.103 Mobile Safari/537.36 XWEB/1300473 MMWEBSDK/20260901 " +
	"MMWEBID/2026 MicroMessenger/8.0.63.2860(0x28003F51) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64"

// phoneUserAgent is what Chrome on Android sends.
const phoneUserAgent = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) " +
	"Chrome/141.0.0.0 Mobile Safari/537.36"

// wechatForWindows is what WeChat on Windows sends.
const wechatForWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " +
	"Chrome/132.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x63090a13) " +
	"UnifiedPCWindowsWechat(0xf2541113) XWEB/16771 Flue"

// testInWeChat: the pages work at the width of a phone and for the user agent of WeChat. WeChat's own browser is not
// tested by this.
func testInWeChat(v walker) {
	v.look = phoneChinese
	v.do(withinWechat(v.look))
	v.open("partner")
	v.fits()
	v.signIn()
	v.do(chromedp.WaitVisible(chromedp.CSS("#consent-allow")))
	v.fits()
	v.click("#consent-allow")
	require.Equal(v.t, v.user, v.name(v.redeem("partner", v.answer())))
}

// withinWechat makes a tab look like WeChat's, on a phone or on a computer.
func withinWechat(l look) chromedp.Action[chromedp.Void] {
	agent := wechatUserAgent
	if l.width == deskLight.width {
		agent = wechatForWindows
	}
	return chromedp.Steps(as(l), withUserAgent(agent))
}

// withUserAgent makes a tab say that it is another browser.
func withUserAgent(agent string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetUserAgentOverride,
			emulation.SetUserAgentOverrideParams{UserAgent: agent})
		return err
	})
}

// fits requires that nothing is wider than the screen, and that the page is in the language of the browser.
func (v walker) fits() {
	v.t.Helper()
	require.True(v.t, v.evaluate(`document.documentElement.scrollWidth <= innerWidth`))
	require.True(v.t, v.evaluate(`document.documentElement.lang === '`+v.look.language+`'`))
}

// says requires that the page fits, and says something in the language of the browser.
func (v walker) says(english, chinese string) {
	v.t.Helper()
	v.fits()
	said := english
	if v.look.language == phoneChinese.language {
		said = chinese
	}
	require.Contains(v.t, v.text(), said)
}

// inWindows runs a walk in small and large windows in both languages, each time as another user.
func (w *world) inWindows(t *testing.T, name string, walk func(v walker)) {
	t.Helper()
	for _, look := range windows {
		t.Run(name+"-"+look.name, func(t *testing.T) {
			user := strings.ToLower(name + "-" + look.name)
			w.CreateUser(user)
			walk(w.guest(t, user, look))
		})
	}
}

// cookies returns the cookies of the server.
func (v walker) cookies() []*network.Cookie {
	v.t.Helper()
	found, err := chromedp.Call(v.tab, network.GetCookies, network.GetCookiesParams{URLs: []string{v.Issuer}})
	require.NoError(v.t, err)
	return found.Cookies
}

// tabs is for TestSigningIn/ManyTabs. The long test is .ci/long tabs.
var tabs = flag.Int("tabs", 10, "how many tabs wait for one sign-in")

// testManyTabs: tabs that are opened at once, without a cookie yet, share one cookie in the end, and the oldest can go
// on after a sign-in in the newest.
func testManyTabs(v walker) {
	id := chromedp.FromContext(v.tab).BrowserContextID
	var opened []target.ID
	for n := range *tabs - 1 {
		created, err := chromedp.CallBrowser(v.tab, target.CreateTarget, target.CreateTargetParams{
			URL: v.request("shop", "state", strconv.Itoa(n)), BrowserContextID: id})
		require.NoError(v.t, err)
		opened = append(opened, created.TargetID)
	}
	for v.waiting() < len(opened) {
		time.Sleep(100 * time.Millisecond)
	}
	v.open("shop")
	v.signIn()
	require.NotEmpty(v.t, v.answer().Get("code"))
	require.Len(v.t, v.cookies(), 1)
	require.Less(v.t, len(v.cookies()[0].Value), 100)

	oldest := walker{v.world, v.t, harness.Tab(v.t, v.tab, chromedp.WithTargetID(opened[0])), v.user, v.look}
	oldest.do(chromedp.Reload())
	require.Equal(v.t, "0", v.answers.next(v.t, oldest.tab).Form.Get("state"))
}

// waiting returns how many tabs show the page to sign in.
func (v walker) waiting() (count int) {
	v.t.Helper()
	found, err := chromedp.Targets(v.tab)
	require.NoError(v.t, err)
	for _, tab := range found {
		if strings.HasPrefix(tab.URL, v.Issuer+"/sign-in") {
			count++
		}
	}
	return count
}

// testBrokenCookies: a browser whose cookie is cut or doubled is one where nobody is signed in. They can sign in again.
func testBrokenCookies(v walker) {
	v.open("shop")
	v.signIn()
	require.NotEmpty(v.t, v.answer().Get("code"))
	good := v.cookies()[0]
	v.setCookie(good.Name, good.Value[:len(good.Value)-1], "/")
	v.open("shop")
	v.signIn()
	require.NotEmpty(v.t, v.answer().Get("code"))
	require.Len(v.t, v.cookies(), 1)

	v.setCookie(good.Name, strings.Repeat("A", 43), "/authorize")
	v.open("shop")
	v.do(chromedp.WaitVisible(chromedp.CSS("#password")))
	v.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.DeleteCookies, network.DeleteCookiesParams{Name: good.Name, URL: v.Issuer,
			Path: "/authorize"})
		return err
	}))
	v.signIn()
	require.NotEmpty(v.t, v.answer().Get("code"))
}

func (v walker) setCookie(name, value, path string) {
	v.t.Helper()
	_, err := chromedp.Call(v.tab, network.SetCookie, network.SetCookieParams{
		Name: name, Value: value, URL: v.Issuer, Path: path})
	require.NoError(v.t, err)
}
