package browser_test

import (
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// testAtWebsiteApp signs in at the page of a website app, after somebody who declined has gone back.
func testAtWebsiteApp(v walker) {
	v.open("partner")
	v.do(chromedp.WaitVisible(chromedp.CSS("#way-wechat")))
	v.says("Sign in with WeChat", "微信登录")
	v.click("#way-wechat")
	v.click("#decline")
	v.do(chromedp.WaitVisible(chromedp.CSS("#declined")))
	v.backTo("way-wechat")
	v.uses("way-wechat")
	v.atWechat()
	v.do(chromedp.WaitVisible(chromedp.CSS("#consent-allow")))
	v.says("Allow partner to use your account?", "使用你的账号？")
	v.click("#consent-allow")
	tokens := v.redeem("partner", v.answer())
	require.NotEmpty(v.t, tokens["id_token"])
	v.open("partner")
	require.NotEmpty(v.t, v.answer().Get("code"), "the browser is still signed in")
}

// testWithinWechat signs a new user in at an official account: first nothing is asked, and then, after a tap, whether
// the profile may be given out. Who refuses that has no account yet, and may choose again.
func testWithinWechat(v walker) {
	v.do(withinWechat(v.look))
	v.open("shop")
	v.do(chromedp.WaitVisible(chromedp.CSS("#way-wechat")))
	v.says("Sign in with WeChat", "微信登录")
	v.click("#way-wechat")
	v.atWechat()
	v.do(chromedp.WaitVisible(chromedp.CSS("#wechat-continue")))
	v.says("First time with WeChat", "首次使用微信登录")
	v.click("#wechat-continue")
	v.click("#decline")
	v.do(chromedp.WaitVisible(chromedp.CSS("#declined")))
	v.backTo("other-way")
	v.uses("other-way")
	v.do(chromedp.WaitVisible(chromedp.CSS("#password")))
	v.click("#way-wechat")
	v.click("#wechat-continue")
	v.click("#allow")
	require.NotEmpty(v.t, v.redeem("shop", v.answer())["id_token"])

	v.user = "eve"
	handset{v}.opensSnapshots(true)
	v.do(chromedp.Navigate(v.request("shop", "prompt", "login")))
	v.click("#way-wechat")
	v.click("#wechat-continue")
	v.do(chromedp.WaitVisible(chromedp.CSS("#continue")))
	require.Contains(v.t, v.text(), "使用完整服务")
	v.says("Open the full page", "请打开完整页面")
	v.back()
	require.True(v.t, v.evaluate(`document.getElementById('wechat-continue') !== null`),
		"each page can be entered again")
}

// backTo goes back to the page with a link or a button.
func (v walker) backTo(id string) {
	v.t.Helper()
	for !v.evaluate(`document.getElementById('` + id + `') !== null`) {
		v.back()
	}
}

// uses uses a link or a button of a page that the browser has kept as it was left.
func (v walker) uses(id string) {
	v.t.Helper()
	v.evaluate(`document.getElementById('` + id + `').click() === undefined`)
}

// atWechat says at the simulator's page who scans, or whose phone it is.
func (v walker) atWechat() {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS("#user")), chromedp.SetValue(chromedp.CSS("#user"), v.user))
	v.click("#confirm")
}
