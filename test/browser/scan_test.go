package browser_test

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// showCode opens the page with the code, and returns the code's handle and its number.
func (v walker) showCode(client string) (handle, number string) {
	v.t.Helper()
	v.open(client)
	v.click("#way-scan")
	v.do(chromedp.WaitVisible(chromedp.CSS(".qr")))
	at, err := chromedp.Run(v.tab, chromedp.Location())
	require.NoError(v.t, err)
	parsed, err := url.Parse(at)
	require.NoError(v.t, err)
	number, err = chromedp.Run(v.tab, chromedp.Text(chromedp.CSS("#scan-number")))
	require.NoError(v.t, err)
	return parsed.Query().Get("screen"), number
}

// testScan signs in on a screen that learns by itself that a mini-program has scanned the code, and then that it has
// approved.
func testScan(v walker) {
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
func testScanWithoutScripts(v walker) {
	v.do(withoutScripts)
	testScan(v)
}

// testScanDeclined: the screen says so, and shows another code when it is asked to.
func testScanDeclined(v walker) {
	handle, _ := v.showCode("shop")
	phone := v.miniProgram()
	require.Equal(v.t, http.StatusOK, phone.call("look", "scan", handle))
	require.Equal(v.t, http.StatusNoContent, phone.call("decline", "scan", handle, "report", "true"))
	v.click("#scan-again")
	v.do(chromedp.WaitVisible(chromedp.CSS(".qr")))
	v.back()
	v.evaluate(`document.getElementById('other-way').click() === undefined`) // the page is as it was left
	v.signIn()
	require.Equal(v.t, v.user, v.name(v.redeem("shop", v.answer())))
}

// testScanWithABrowser approves on the phone in a browser, with two browsers at once.
func testScanWithABrowser(v walker) {
	handle, number := v.showCode("partner")
	phone := walker{v.world, v.t, harness.Tab(v.t, v.browser, chromedp.WithNewBrowserContext()), v.user}
	phone.do(withinWechat(), chromedp.Navigate(v.Issuer+"/scan/"+handle))
	phone.signIn()
	phone.do(chromedp.WaitVisible(chromedp.CSS("#scan-deny")))
	phone.fits()
	phone.click("#number-" + number)
	phone.do(chromedp.WaitNotPresent(chromedp.CSS("#scan-deny")))
	v.click("#scan-continue")
	v.click("#consent-allow")
	require.Equal(v.t, v.user, v.name(v.redeem("partner", v.answer())))
	phone.back()
	phone.evaluate(`document.getElementById('scan-deny').click() === undefined`)
	phone.do(chromedp.WaitNotPresent(chromedp.CSS("#scan-deny")))
	require.Contains(v.t, phone.text(), "已经处理过")
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
