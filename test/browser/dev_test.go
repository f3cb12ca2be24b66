package browser_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// testDevelopment walks through the pages of "lingpai dev": its front page, and its demo site from sign-in to sign-out.
// Each page is accessible, light and dark and in both languages.
func testDevelopment(t *testing.T, browser context.Context) {
	axe := axeCore(t)
	d := harness.StartDev(t)
	for _, look := range []look{phoneChinese, phoneDark, deskLight, deskChinese, deskDarkChinese} {
		ctx := harness.Tab(t, browser)
		step := func(name, wait string, actions ...chromedp.Action[chromedp.Void]) {
			t.Helper()
			steps := append(actions, chromedp.WaitReady(chromedp.CSS(wait)))
			at := name + "-" + look.name
			for _, action := range steps {
				require.NoError(t, chromedp.Do(ctx, action), at)
			}
			picture(t, ctx, look, name)
			requireUsable(t, ctx, axe, look, at)
		}
		require.NoError(t, chromedp.Do(ctx, as(look)))
		step("demo-start", ".steps", chromedp.Navigate(d.Issuer+"/demo"))
		require.NoError(t, chromedp.Do(ctx, chromedp.Click(chromedp.CSS("#demo-sign-in")),
			chromedp.SendKeys(chromedp.CSS("#username"), d.User.Username),
			chromedp.SendKeys(chromedp.CSS("#password"), d.User.Password),
			chromedp.Click(chromedp.CSS("#login-submit"))))
		if look == phoneChinese { // consent is remembered
			require.NoError(t, chromedp.Do(ctx, chromedp.Click(chromedp.CSS("#consent-allow"))))
		}
		step("demo", "#demo-sign-out")
		step("demo-refreshed", "#outcome", chromedp.Click(chromedp.CSS("#demo-refresh")))
		step("demo-called", "#outcome pre", chromedp.Click(chromedp.CSS("#demo-call")))
		step("demo-problem", "#demo", chromedp.Navigate(d.Issuer+"/demo/callback?state=1&code=1"))
		step("dev-front", "#requests", chromedp.Navigate(d.Issuer+"/"))
		step("demo-ended", "#demo-sign-in", chromedp.Navigate(d.Issuer+"/sign-out"),
			chromedp.Click(chromedp.CSS("#sign-out-submit")), chromedp.WaitReady(chromedp.CSS("main:not(:has(form))")),
			chromedp.Navigate(d.Issuer+"/demo"), chromedp.Click(chromedp.CSS("#demo-refresh")))
		step("demo-signed-out", ".steps", chromedp.Navigate(d.Issuer+"/demo"),
			chromedp.Click(chromedp.CSS("#demo-sign-out")))
	}
}
