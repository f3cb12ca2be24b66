package browser_test

import (
	"context"
	"flag"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/provider/pages/pagestest"
	"github.com/lingpai/lingpai/test/harness"
)

var (
	update = flag.Bool("update", false, "write the pictures of docs/pages")
	shots  = flag.String("shots", "", "a folder to write pictures of all pages to")
)

// looks are those that every run has; otherLooks are only for pictures.
var (
	looks      = []look{phoneLight, phoneChinese, phoneDark, deskLight, deskDarkChinese}
	otherLooks = []look{phoneDarkChinese, deskChinese, deskDark}
)

// testAccessible looks at all pages, light and dark and in both languages. axe-core finds no serious violation of WCAG
// 2.1 AA on a phone, nothing is wider than the screen there or on a desktop, and the console stays empty.
func testAccessible(t *testing.T, browser context.Context) {
	axe := axeCore(t)
	site := newSite(t)
	wanted := looks
	if *update || *shots != "" {
		wanted = append(wanted, otherLooks...)
	}
	for _, look := range wanted {
		ctx := harness.Tab(t, browser)
		require.NoError(t, chromedp.Do(ctx, as(look)))
		for _, sample := range pagestest.Samples(pagestest.English) {
			at := sample.Name + "-" + look.name
			still := site.URL + "/still/" + look.language + "/" + sample.Name
			require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(still)), at)
			picture(t, ctx, look, sample.Name)
			requireUsable(t, ctx, axe, look, at)
		}
	}
}

// axeCore returns the source of axe-core.
func axeCore(t *testing.T) string {
	t.Helper()
	modules, err := harness.NodeModules(t, harness.Path("test/browser/testdata"))
	if err != nil {
		harness.Skip(t, err.Error())
	}
	return harness.Text(t, filepath.Join(modules, "node_modules", "axe-core", "axe.min.js"))
}

// requireUsable requires that nothing on a page is wider than the screen, and, on a phone, that axe-core finds nothing.
func requireUsable(t *testing.T, ctx context.Context, axe string, look look, at string) {
	t.Helper()
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.documentElement.scrollWidth > innerWidth"))
	require.NoError(t, err, at)
	require.False(t, wide, at)
	if look.width < 400 {
		found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](axe+violations, chromedp.EvalAwaitPromise))
		require.NoError(t, err, at)
		require.Empty(t, found, at)
	}
}

// violations runs axe-core, and returns what it finds.
const violations = `;axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']}).then(result => result.violations
	.filter(v => v.impact === 'serious' || v.impact === 'critical')
	.map(v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary)))`
