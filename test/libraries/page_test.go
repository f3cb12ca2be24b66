package libraries_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// testPopup signs in in a window that the page opens. The server's pages cut the connection between the two windows
// (docs/adr/0018-popups-lose-their-opener.md); the library sends the response over a BroadcastChannel.
func testPopup(t *testing.T, browser context.Context, s setup) {
	t.Helper()
	v := visitor{t, harness.Tab(t, browser, chromedp.WithNewBrowserContext()), s}
	v.do(chromedp.Navigate(servePage(t, s, "popup")))
	opened := chromedp.WaitNewTarget(v.tab, func(window *target.Info) bool {
		return strings.HasPrefix(window.URL, s.Issuer+"/sign-in") // before that it navigates
	})
	_, err := chromedp.Run(v.tab, chromedp.Evaluate[string]("manager.signinPopup(), 'opened'", asUser))
	require.NoError(t, err)
	id := <-opened
	popup := visitor{t, harness.Tab(t, v.tab, chromedp.WithTargetID(id)), s}
	popup.do(chromedp.WaitVisible(chromedp.CSS("#username")))
	hasOpener, err := chromedp.Run(popup.tab, chromedp.Evaluate[bool]("window.opener !== null"))
	require.NoError(t, err)
	require.False(t, hasOpener)
	popup.signIn()
	require.Equal(t, s.User.Username, v.text("#user"))
	closed, err := chromedp.Detached(popup.tab)
	require.NoError(t, err)
	select {
	case <-closed:
	case <-v.tab.Done():
		require.Fail(t, "the popup is still open")
	}
}

// asUser evaluates an expression as if the user had clicked.
func asUser(p *runtime.EvaluateParams) { p.UserGesture = new(true) }

// testHiddenFrame: a page cannot sign its user in in a hidden frame, since browsers send the server's cookie to no
// frame of another site.
func testHiddenFrame(t *testing.T, browser context.Context, s setup) {
	t.Helper()
	v := visitor{t, harness.Tab(t, browser, chromedp.WithNewBrowserContext()), s}
	v.do(chromedp.Navigate(servePage(t, s, "frame")))
	v.click("#sign-in")
	v.signIn()
	require.Equal(t, s.User.Username, v.text("#user"))
	failure, err := chromedp.Run(v.tab, chromedp.Evaluate[string](
		`manager.removeUser().then(() => manager.signinSilent()).then(() => 'none', failure => failure.error)`,
		chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	require.Equal(t, "login_required", failure)
}
