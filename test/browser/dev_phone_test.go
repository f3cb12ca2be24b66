package browser_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// testSimulatedPhone signs in at the demo site of "lingpai dev" with a phone of the simulator, as people try it by
// hand: with the screen and the phone in two browsers. The pages of the phone are accessible, light and dark and in
// both languages.
func testSimulatedPhone(t *testing.T, browser context.Context) {
	axe := axeCore(t)
	d := harness.StartDev(t)
	for n, look := range []look{phoneChinese, phoneDark, deskLight, deskChinese} {
		do := func(tab context.Context, actions ...chromedp.Action[chromedp.Void]) {
			t.Helper()
			require.NoError(t, chromedp.Do(tab, actions...), look.name)
		}
		click := func(tab context.Context, selector string) {
			t.Helper()
			do(tab, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
		}
		screen := harness.Tab(t, browser, chromedp.WithNewBrowserContext())
		phone := harness.Tab(t, browser, chromedp.WithNewBrowserContext())
		do(screen, as(look), chromedp.Navigate(d.Issuer+"/demo"))
		click(screen, "#demo-sign-in")
		click(screen, "#way-scan")
		do(screen, chromedp.WaitVisible(chromedp.CSS(".qr")))
		number, err := chromedp.Run(screen, chromedp.Text(chromedp.CSS("#scan-number")))
		require.NoError(t, err)

		do(phone, as(look), chromedp.Navigate(d.Issuer+"/"), chromedp.WaitReady(chromedp.CSS("#scan")))
		picture(t, phone, look, "dev-codes")
		requireUsable(t, phone, axe, look, "dev-codes-"+look.name)
		link, err := chromedp.Run(phone, chromedp.Evaluate[string](`document.querySelector('.scan-it').href`))
		require.NoError(t, err)
		do(phone, chromedp.Navigate(link)) // a click opens another tab
		click(phone, "#open")
		do(phone, chromedp.WaitVisible(chromedp.CSS("#scan-deny")))
		picture(t, phone, look, "dev-scan")
		requireUsable(t, phone, axe, look, "dev-scan-"+look.name)
		click(phone, "#number-"+number)
		do(phone, chromedp.WaitVisible(chromedp.CSS("#scan-result")))
		picture(t, phone, look, "dev-scan-result")
		requireUsable(t, phone, axe, look, "dev-scan-result-"+look.name)

		click(screen, "#scan-continue") // the page has learned by itself that the phone has decided
		if n == 0 {                     // consent is remembered
			click(screen, "#consent-allow")
		}
		do(screen, chromedp.WaitReady(chromedp.CSS("#demo-sign-out")))
	}
}
