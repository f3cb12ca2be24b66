package browser_test

import (
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// testScanByTwo: the second of two phones is told that it is, whatever it answers, and the screen goes on with the
// first.
func testScanByTwo(v screen) {
	handle, number := v.showCode("shop")
	first, second := v.phone(v.user), v.phone(v.user+"-2")
	v.CreateUser(second.user)
	for _, phone := range []handset{first, second} {
		phone.scan(handle)
		phone.signIn()
		phone.asked()
	}
	first.click("#number-" + number)
	require.Contains(v.t, first.answered(), "屏幕上已登录")
	for _, answer := range []string{"#scan-deny", "#number-" + number} {
		second.click(answer)
		require.Contains(v.t, second.answered(), "二维码已被扫描")
		second.fits()
		second.scan(handle)
		second.asked()
	}
	v.click("#scan-continue")
	require.Equal(v.t, first.user, v.name(v.redeem("shop", v.answer())))
}

// testScanWrongNumber: one wrong number declines, and going back to choose another one changes nothing. The next code
// of the screen works.
func testScanWrongNumber(v screen) {
	handle, number := v.showCode("shop")
	phone := v.phone(v.user)
	phone.scan(handle)
	phone.signIn()
	phone.asked()
	phone.click(wrong(number))
	phone.answered()
	phone.says("That is another number", "数字不一致")
	phone.back()
	phone.click("#number-" + number)
	phone.answered()
	phone.says("Already decided", "已经处理过")

	handle, number = v.declined(handle)
	phone.scan(handle)
	phone.click("#number-" + number)
	phone.answered()
	phone.says("Signed in on the screen", "屏幕上已登录")
	v.click("#scan-continue")
	require.Equal(v.t, v.user, v.name(v.redeem("shop", v.answer())))
}

// wrong selects the buttons with other numbers than that of the screen.
func wrong(number string) string { return `[id^="number-"]:not(#number-` + number + `)` }

// testScanAndGoBack: while the user is signed in, the page of the code leads on to the client. After a sign-out it says
// that the code has expired, and the next one works. On the phone, no page decides again.
func testScanAndGoBack(v screen) {
	handle, number := v.showCode("shop")
	phone := v.phone(v.user)
	phone.scan(handle)
	phone.signIn()
	phone.click("#number-" + number)
	require.Contains(v.t, phone.answered(), "屏幕上已登录")
	v.click("#scan-continue")
	v.answer()
	for phone.historyIndex() > 1 {
		phone.back()
		phone.asked()
	}
	phone.click("#scan-deny")
	require.Contains(v.t, phone.answered(), "已经处理过")

	v.do(chromedp.Navigate(v.Issuer + "/sign-out"))
	v.click("#sign-out-submit")
	v.do(chromedp.WaitNotPresent(chromedp.CSS("form")))
	v.backTo("scan-again")
	require.True(v.t, v.evaluate(`document.body.innerText.includes('The code has expired')`))
	v.uses("scan-again")
	handle, number = v.nextCode(handle)
	phone.scan(handle)
	phone.click("#number-" + number)
	require.Contains(v.t, phone.answered(), "屏幕上已登录")
	v.click("#scan-continue")
	v.answer()
	v.back()
	require.NotEmpty(v.t, v.answer().Get("code"), "the user is signed in")
}

// testScanAsSnapshot: nobody can sign in on a page that WeChat shows as a snapshot, so that nothing is approved. On the
// full page, the same code can be.
func testScanAsSnapshot(v screen) {
	handle, number := v.showCode("shop")
	phone := v.phone(v.user)
	phone.opensSnapshots(true)
	phone.scan(handle)
	phone.click("#way-wechat")
	phone.click("#wechat-continue")
	phone.do(chromedp.WaitVisible(chromedp.CSS("#continue")))
	require.Contains(v.t, phone.text(), "使用完整服务")
	phone.fits()

	phone.opensSnapshots(false)
	phone.scan(handle)
	phone.click("#way-wechat")
	phone.click("#wechat-continue")
	phone.click("#allow")
	phone.asked()
	phone.fits()
	phone.click("#number-" + number)
	require.Contains(v.t, phone.answered(), "屏幕上已登录")
	v.click("#scan-continue")
	require.NotEmpty(v.t, v.redeem("shop", v.answer())["id_token"])
}

// opensSnapshots says at the simulator whose phone it is, and whether WeChat shows pages there as snapshots.
func (v handset) opensSnapshots(snapshots bool) {
	v.t.Helper()
	want := "#snapshot:not([checked])"
	if snapshots {
		want = "#snapshot[checked]"
	}
	v.do(chromedp.Navigate(v.Simulator.URL+"/connect/phone"), chromedp.WaitVisible(chromedp.CSS("#snapshot")),
		chromedp.SetValue(chromedp.CSS("#user"), v.user), chromedp.Click(chromedp.CSS("#snapshot")))
	v.click("#confirm")
	v.do(chromedp.WaitReady(chromedp.CSS(want)))
}
