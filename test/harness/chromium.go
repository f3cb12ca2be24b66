package harness

import (
	"context"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// tabTimeout is how long a test may use a tab on a busy machine.
const tabTimeout = 2 * time.Minute

// endChromium ends the browser of Chromium.
var endChromium = func() {}

// startChromium starts the browser of Chromium.
var startChromium = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium),
		chromedp.NoSandbox, // it needs a user who is not root
		chromedp.Flag("hide-scrollbars", true), chromedp.WSURLReadTimeout(time.Minute))
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	endChromium = func() { end(); endAllocator() }
	return ctx, chromedp.Do(ctx)
})

const chromium = "chromium"

// Chromium returns a browser without a window, which all tests of the process share.
func Chromium(t *testing.T) context.Context {
	t.Helper()
	if _, err := exec.LookPath(chromium); err != nil {
		Skip(t, "chromium is not installed (Debian's packages: chromium, fonts-noto-cjk)")
	}
	ctx, err := startChromium()
	require.NoError(t, err)
	return ctx
}

// Tab opens another tab in a browser, with the cookies of the context or, with [chromedp.WithNewBrowserContext], with
// its own. The test fails if the console of the tab gets a warning or an error, for example of a violated
// Content-Security-Policy.
func Tab(t *testing.T, browser context.Context, options ...chromedp.ContextOption) context.Context {
	t.Helper()
	return FaultyTab(t, browser, nil, options...)
}

// FaultyTab is Tab for pages with requests that fail: an error is expected if its URL and text match. A nil pattern
// matches none.
func FaultyTab(t *testing.T, browser context.Context, failing *regexp.Regexp,
	options ...chromedp.ContextOption) context.Context {
	t.Helper()
	ctx, end := chromedp.NewContext(browser, options...)
	t.Cleanup(end)
	ctx, cancel := context.WithTimeout(ctx, tabTimeout)
	t.Cleanup(cancel)
	watchConsole(t, ctx, failing)
	return ctx
}

// usual matches errors that are none of a page: a site without an icon, and an endpoint that refuses a request.
var usual = regexp.MustCompile(`/favicon\.ico |status of 40[01] `)

// watchConsole fails the test at its end if the console of a tab got a warning or an error, except for a request that
// may fail. The status of a page itself is neither.
func watchConsole(t *testing.T, tab context.Context, failing *regexp.Regexp) {
	t.Helper()
	var mu sync.Mutex
	var found []*log.Entry
	opened := map[string]bool{}
	require.NoError(t, chromedp.Listen(tab, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch event := event.(type) {
		case *page.EventFrameNavigated:
			opened[event.Frame.URL] = true
		case *log.EventEntryAdded:
			if event.Entry.Level == log.EntryLevelWarning || event.Entry.Level == log.EntryLevelError {
				found = append(found, event.Entry)
			}
		case *runtime.EventExceptionThrown:
			text := event.ExceptionDetails.Text
			if exception := event.ExceptionDetails.Exception; exception != nil { // nil if the page is gone already
				text = exception.Description
			}
			found = append(found, &log.Entry{Text: text})
		}
	}))
	t.Cleanup(func() {
		_, _ = chromedp.Run(tab, chromedp.Evaluate[int]("0")) // events of the page arrive before the answer
		mu.Lock()
		defer mu.Unlock()
		for _, entry := range found {
			what := entry.URL + " " + entry.Text
			expected := opened[entry.URL] || usual.MatchString(what) || failing != nil && failing.MatchString(what)
			if entry.Source != log.EntrySourceNetwork || !expected {
				t.Errorf("the console got: %s %s", entry.URL, entry.Text)
			}
		}
	})
}
