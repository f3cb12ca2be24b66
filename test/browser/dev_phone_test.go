package browser_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// testSimulatedPhone signs in at the demo site of "lingpai dev" with a phone of the simulator, as people try it by
// hand: with the screen and the phone in two browsers. They decline in each way before they allow it. The pages of the
// phone are accessible, light and dark and in both languages.
func testSimulatedPhone(t *testing.T, browser context.Context) {
	axe := axeCore(t)
	w := &world{Installation: harness.StartDev(t).Installation, browser: browser}
	for n, look := range []look{phoneChinese, phoneDark, deskLight, deskChinese} {
		v, phone := screen{w.guest(t, "", look)}, simulatedPhone{w.guest(t, "", look)}
		looksAt := func(page string) {
			t.Helper()
			picture(t, phone.tab, look, page)
			requireUsable(t, phone.tab, axe, look, page+"-"+look.name)
		}
		handle, number := v.showDemoCode()
		phone.do(chromedp.Navigate(w.Issuer+"/"), chromedp.WaitReady(chromedp.CSS("#scan")))
		looksAt("dev-codes")
		link, err := chromedp.Run(phone.tab, chromedp.Evaluate[string](`document.querySelector('.scan-it').href`))
		require.NoError(t, err)
		for _, answer := range []struct{ selector, english, chinese string }{
			{wrong(number), "That is another number", "数字不一致"},
			{"#scan-deny", "The screen says so, and can show another code.", "屏幕上会这样显示，并且可以换一个二维码。"},
			{"#scan-report", "Not allowed, and reported", "未允许，并已报告"},
		} {
			phone.scans(link)
			phone.decides(answer.selector, answer.english, answer.chinese)
			handle, number = v.declined(handle)
			link = w.Simulator.URL + "/_sim/phone?user=alice&text=" + url.QueryEscape(w.Issuer+"/scan/"+handle)
		}
		phone.scans(link)
		looksAt("dev-scan")
		v.do(chromedp.WaitVisible(chromedp.CSS("[role=status]")))
		v.says("The code was scanned.", "已扫码。")
		phone.decides("#number-"+number, "Allowed", "已允许")
		looksAt("dev-scan-result")
		v.click("#scan-continue") // the page has learned by itself that the phone has decided
		if n == 0 {               // consent is remembered
			v.click("#consent-allow")
		}
		v.do(chromedp.WaitReady(chromedp.CSS("#demo-sign-out")))
	}
}

// testSimulatedWebView goes from the simulated mini-program to the demo site, as people try it by hand. The page of the
// simulator that takes the place of the web-view opens nothing that WeChat would not.
func testSimulatedWebView(t *testing.T, browser context.Context) {
	axe := axeCore(t)
	d := harness.StartDev(t)
	w := &world{Installation: d.Installation, browser: browser}
	for n, look := range windows {
		v := w.guest(t, "", look)
		v.do(chromedp.Navigate(w.Issuer + "/"))
		v.click("#web-view")
		v.do(chromedp.WaitVisible(chromedp.CSS("#handoff-continue")))
		v.says("Demo site", "Demo site")
		v.fits()
		v.click("#handoff-continue")
		if n == 0 { // consent is remembered
			v.click("#consent-allow")
		}
		v.do(chromedp.WaitReady(chromedp.CSS("#demo-sign-out")), chromedp.Navigate(w.Issuer+"/"))
		v.click("#web-view") // nobody is asked again
		v.do(chromedp.WaitReady(chromedp.CSS("#demo-sign-out")))
		v.do(chromedp.Navigate(w.Simulator.URL+"/_sim/web_view?appid="+d.MiniProgram.AppID+"&url=https://example.com/"),
			chromedp.WaitVisible(chromedp.CSS("#fault")))
		requireUsable(t, v.tab, axe, look, "web-view-"+look.name)
	}
}

// testMiniProgramCode shows the picture of a mini-program code, which the phone chooses at the simulator.
func testMiniProgramCode(t *testing.T, browser context.Context) {
	d := harness.StartDev(t)
	d = d.Again("LINGPAI_BROWSER_SCAN_APP="+d.MiniProgram.AppID, "LINGPAI_BROWSER_SCAN_PAGE=pages/scan/scan")
	w := &world{Installation: d.Installation, browser: browser}
	for _, look := range windows {
		v, phone := screen{w.guest(t, "", look)}, simulatedPhone{w.guest(t, "", look)}
		_, number := v.showDemoCode()
		v.says("Scan this code with WeChat.", "请用微信“扫一扫”扫描。")
		_, err := chromedp.Run(v.tab, chromedp.Poll[bool](`document.querySelector('img.qr').naturalWidth >= 240`))
		require.NoError(t, err, "the picture is there")
		phone.do(chromedp.Navigate(d.Simulator.URL + "/_sim/phone?user=alice"))
		phone.click("button[name=code]") // the newest
		phone.click("#open")
		phone.decides("#number-"+number, "Allowed", "已允许")
		v.do(chromedp.WaitVisible(chromedp.CSS("#scan-continue")))
	}
}

// showDemoCode goes from the demo site to the page with the code.
func (v screen) showDemoCode() (handle, number string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.Issuer + "/demo"))
	v.click("#demo-sign-in")
	v.click("#way-scan")
	v.do(chromedp.WaitVisible(chromedp.CSS(".qr")))
	return v.code()
}

// simulatedPhone is a browser with a phone of the simulator.
type simulatedPhone struct{ walker }

// scans scans with a link of the front page, and opens the mini-program.
func (v simulatedPhone) scans(link string) {
	v.t.Helper()
	v.do(chromedp.Navigate(link)) // a click opens another tab
	v.click("#open")
	v.do(chromedp.WaitVisible(chromedp.CSS("#scan-deny")))
}

// decides answers what the phone asks, which then says what has come of it.
func (v simulatedPhone) decides(selector, english, chinese string) {
	v.t.Helper()
	v.click(selector)
	v.do(chromedp.WaitVisible(chromedp.CSS("#scan-result")))
	v.says(english, chinese)
}
