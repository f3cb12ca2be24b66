package browser_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// TestScanning signs in on screens that show codes.
func TestScanning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, harness.Chromium(t))
	for name, test := range map[string]func(v screen){
		"MiniProgram": testScan, "WithoutJavaScript": testScanWithoutScripts, "TwoPhones": testScanByTwo,
		"GoingBack": testScanAndGoBack, "Snapshot": testScanAsSnapshot,
	} {
		t.Run(name, func(t *testing.T) {
			test(screen{w.walker(t, strings.ToLower(name))})
		})
	}
	for name, test := range map[string]func(v screen){
		"Browser": testScanWithABrowser, "Declined": testScanDeclined, "WrongNumber": testScanWrongNumber,
	} {
		w.inWindows(t, name, func(v walker) { test(screen{v}) })
	}
}

// screen is a person's screen, which shows codes.
type screen struct{ walker }

// showCode opens the page with the code, and returns the code's handle and its number.
func (v screen) showCode(client string) (handle, number string) {
	v.t.Helper()
	v.open(client)
	v.click("#way-scan")
	v.do(chromedp.WaitVisible(chromedp.CSS(".qr")))
	return v.code()
}

// code returns the handle and the number of the code on the page.
func (v screen) code() (handle, number string) {
	v.t.Helper()
	handle = v.handle()
	require.NotEmpty(v.t, handle)
	number, err := chromedp.Run(v.tab, chromedp.Text(chromedp.CSS("#scan-number")))
	require.NoError(v.t, err)
	return handle, number
}

// handle returns the handle in the URL of the tab; "": none, or the tab is between two pages.
func (v screen) handle() string {
	history, err := chromedp.Call(v.tab, page.GetNavigationHistory, cdp.Empty{})
	if err != nil {
		return ""
	}
	at, err := url.Parse(history.Entries[history.CurrentIndex].URL)
	require.NoError(v.t, err)
	return at.Query().Get("screen")
}

// nextCode waits until the page shows another code by itself.
func (v screen) nextCode(last string) (handle, number string) {
	v.t.Helper()
	for handle == "" || handle == last {
		require.NoError(v.t, v.tab.Err(), "there is no other code")
		time.Sleep(50 * time.Millisecond)
		handle = v.handle()
	}
	v.do(chromedp.WaitVisible(chromedp.CSS(".qr")))
	return v.code()
}

// handset is a phone with a browser that looks like WeChat's.
type handset struct{ walker }

// phone opens the browser of somebody's phone, in the other language than the screen.
func (v screen) phone(user string) handset {
	v.t.Helper()
	look := phoneChinese
	if v.look.language == look.language {
		look = phoneLight
	}
	phone := handset{v.guest(v.t, user, look)}
	phone.do(withinWechat(look))
	return phone
}

// scan opens the address in a code.
func (v handset) scan(handle string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.Issuer + "/scan/" + handle))
}

// asked waits for the page that asks whether a screen may sign in.
func (v handset) asked() {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS("#scan-deny")))
}

// answered waits until the page does not ask any more, and returns what it says.
func (v handset) answered() string {
	v.t.Helper()
	v.do(chromedp.WaitNotPresent(chromedp.CSS("#scan-deny")), chromedp.WaitVisible(chromedp.CSS("h1")))
	return v.text()
}

// testScan signs in on a screen that learns by itself that a mini-program has scanned the code, and then that it has
// approved.
func testScan(v screen) {
	handle, number := v.showCode("shop")
	phone := v.miniProgram()
	require.Equal(v.t, http.StatusOK, phone.call("look", "scan", handle, "scene", "1011"))
	v.do(chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	require.Equal(v.t, http.StatusNoContent, phone.call("approve", "scan", handle, "number", number))
	v.click("#scan-continue")
	require.NotEmpty(v.t, v.redeem("shop", v.answer())["id_token"])
	v.open("shop")
	require.NotEmpty(v.t, v.answer().Get("code"), "the browser is signed in")
}

// testScanWithoutScripts: the page is loaded again by itself.
func testScanWithoutScripts(v screen) {
	v.do(withoutScripts)
	testScan(v)
}

// testScanDeclined on a phone, and reported: the screen says so, and shows another code when it is asked to.
func testScanDeclined(v screen) {
	handle, _ := v.showCode("shop")
	v.says("or with the camera of your phone", "或用手机相机扫描二维码")
	phone := v.phone(v.user)
	phone.scan(handle)
	phone.signIn()
	phone.asked()
	phone.click("#scan-deny")
	phone.answered()
	phone.says("Not allowed", "未允许")
	handle, _ = v.declined(handle)
	phone.scan(handle)
	phone.click("#scan-report")
	phone.answered()
	phone.says("all other codes at that address", "来自该地址的其他二维码")
	v.declined(handle)
	v.back()
	v.uses("other-way")
	v.signIn()
	require.Equal(v.t, v.user, v.name(v.redeem("shop", v.answer())))
}

// declined waits until the page says so, and shows the next code.
func (v screen) declined(last string) (handle, number string) {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS("#scan-again.button")))
	v.says("The sign-in was declined", "登录已被拒绝")
	v.click("#scan-again")
	return v.nextCode(last)
}

// testScanWithABrowser approves on the phone in a browser, with two browsers at once.
func testScanWithABrowser(v screen) {
	handle, number := v.showCode("partner")
	v.says("Your phone will ask for this number:", "手机上会要求核对这个数字：")
	phone := v.phone(v.user)
	phone.scan(handle)
	phone.signIn()
	phone.asked()
	phone.says("on another screen?", "在另一块屏幕上登录")
	phone.click("#number-" + number)
	phone.answered()
	phone.says("Signed in on the screen", "屏幕上已登录")
	v.do(chromedp.WaitVisible(chromedp.CSS("#scan-continue")))
	v.says("This account has confirmed the sign-in on a phone.", "这个账号已在手机上确认登录。")
	v.click("#scan-continue")
	v.click("#consent-allow")
	require.Equal(v.t, v.user, v.name(v.redeem("partner", v.answer())))
	phone.back()
	phone.uses("scan-deny")
	phone.answered()
	phone.says("Already decided", "已经处理过")
}

// miniProgram is a mini-program where alice is signed in.
type miniProgram struct {
	*world
	token string
}

func (v walker) miniProgram() miniProgram {
	v.t.Helper()
	return miniProgram{v.world, v.SignInByCode("signin.approve")["access_token"].(string)}
}

// call calls an endpoint and returns the status of the answer.
func (m miniProgram) call(path string, pairs ...string) int {
	form := url.Values{}
	for n := 0; n < len(pairs); n += 2 {
		form.Set(pairs[n], pairs[n+1])
	}
	request, err := http.NewRequest(http.MethodPost, m.Issuer+"/scan/"+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0
	}
	request.Header.Set("Authorization", "Bearer "+m.token)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}
