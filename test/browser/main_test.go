package browser_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/provider/pages/pagestest"
	"github.com/lingpai/lingpai/test/harness"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestPages shows samples of all pages.
func TestPages(t *testing.T) {
	t.Parallel()
	browser := harness.Chromium(t)
	for name, test := range map[string]func(t *testing.T, browser context.Context){
		"Accessible": testAccessible, "Keyboard": testKeyboard, "WithoutJavaScript": testWithoutJavaScript,
		"LeadingOut": testLeadingOut, "Development": testDevelopment, "Phone": testPhone,
		"SimulatedPhone": testSimulatedPhone, "MiniProgramCode": testMiniProgramCode,
		"SimulatedWebView": testSimulatedWebView,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, browser)
		})
	}
}

// site is a server of the samples, each at its name, and of their assets. Below /still/en/ and /still/zh-CN/ those that
// lead on stay.
type site struct {
	*httptest.Server
	*http.ServeMux
	*pages.Pages
}

// newSite starts a server until the test ends.
func newSite(t *testing.T) site {
	t.Helper()
	mux := http.NewServeMux()
	s := site{Server: httptest.NewServer(mux), ServeMux: mux}
	t.Cleanup(s.Close)
	var err error
	s.Pages, err = pages.New(s.URL, theme(t))
	require.NoError(t, err)
	mux.HandleFunc(pages.AssetPattern, s.ServeAsset)
	mux.HandleFunc("GET /sign-in/scan/code", pictureOfACode)
	mux.HandleFunc("/sign-in/wechat", simulated(t))
	both := pagestest.Chinese
	both.Client += " " + pagestest.English.Client
	for _, sample := range pagestest.Samples(both) {
		mux.HandleFunc("GET /"+sample.Name, s.page(sample.Page))
	}
	for language, names := range map[string]pagestest.Names{"en": pagestest.English, "zh-CN": pagestest.Chinese} {
		for _, sample := range pagestest.Samples(names) {
			mux.HandleFunc("GET /still/"+language+"/"+sample.Name, s.still(sample.Page))
		}
	}
	return s
}

// simulated returns a handler that shows the simulator's page of a website app, as a frame does.
func simulated(t *testing.T) http.HandlerFunc {
	t.Helper()
	wechat, app := wechattest.New(wechattest.Options{}), "wx0123456789abcdef"
	require.NoError(t, wechat.AddApp(wechattest.App{AppID: app, Kind: wechattest.KindWebsite,
		Secret: "simulator-" + app, CallbackHost: "id.example.com"}))
	return func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/connect/qrconnect"
		r.URL.RawQuery = "appid=" + app + "&redirect_uri=https%3A%2F%2Fid.example.com&response_type=code&" +
			"scope=snsapi_login&fast_login=0"
		wechat.ServeHTTP(w, r)
	}
}

// pictureOfACode takes the place of WeChat's picture of a mini-program code.
func pictureOfACode(w http.ResponseWriter, _ *http.Request) {
	code, err := pages.NewQR("the scene")
	if err != nil {
		panic(err) // it is short
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(code.PNG())
}

// leading is what makes a page lead on.
var leading = regexp.MustCompile(`<meta http-equiv="refresh"[^>]*>|<script.*</script>`)

// page returns a handler that answers with a page.
func (s site) page(page pages.Page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.Render(w, r, http.StatusOK, page) }
}

// still returns a handler that answers with a page, without what makes it lead on.
func (s site) still(page pages.Page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		s.Render(answer, r, http.StatusOK, page)
		maps.Copy(w.Header(), answer.Header())
		w.Header().Del("Content-Length")
		_, _ = w.Write(leading.ReplaceAll(answer.Body.Bytes(), nil))
	}
}

// theme returns a theme with everything that a theme can have.
func theme(t *testing.T) pages.Theme {
	t.Helper()
	light, err := pages.LightColors("")
	require.NoError(t, err)
	dark, err := pages.DarkColors("")
	require.NoError(t, err)
	return pages.Theme{Name: "Lingpai", Language: "zh-CN", Light: light, Dark: dark,
		TermsURL: "https://www.example.com/terms", PrivacyURL: "https://www.example.com/privacy",
		Logo: []byte(harness.Document(t, "test/browser/testdata/logo.svg"))}
}

// requests are those that a handler got, with their forms.
type requests chan *http.Request

// keep is a handler that keeps each request, and answers it with a page that next waits for.
func (r requests) keep(w http.ResponseWriter, request *http.Request) {
	_ = request.ParseForm()
	r <- request
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, `<link rel="icon" href="data:,"><p id="arrived">arrived</p>`)
}

// next returns the next request, when a tab shows the answer.
func (r requests) next(t *testing.T, tab context.Context) *http.Request {
	t.Helper()
	select {
	case request := <-r:
		require.NoError(t, chromedp.Do(tab, chromedp.WaitReady(chromedp.CSS("#arrived"))))
		return request
	case <-tab.Done():
		require.Fail(t, "there was no request")
		return nil
	}
}

// look is a way to look at a page.
type look struct {
	name          string
	width, height int64
	dark          bool
	language      string
}

var (
	phoneLight       = look{"phone-light", 360, 740, false, "en"}
	phoneChinese     = look{"phone-light.zh-CN", 360, 740, false, "zh-CN"}
	phoneDark        = look{"phone-dark", 360, 740, true, "en"}
	phoneDarkChinese = look{"phone-dark.zh-CN", 360, 740, true, "zh-CN"}
	deskLight        = look{"desktop-light", 1280, 800, false, "en"}
	deskChinese      = look{"desktop-light.zh-CN", 1280, 800, false, "zh-CN"}
	deskDark         = look{"desktop-dark", 1280, 800, true, "en"}
	deskDarkChinese  = look{"desktop-dark.zh-CN", 1280, 800, true, "zh-CN"}
)

// windows are the looks in which people sign in by hand.
var windows = []look{phoneLight, phoneChinese, deskLight, deskChinese}

// as makes a tab look at pages in a way.
func as(l look) chromedp.Action[chromedp.Void] {
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	return chromedp.Steps(
		chromedp.EmulateViewport(l.width, l.height),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			if _, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			}); err != nil {
				return err
			}
			_, err := cdp.Call(ctx, t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
				Headers: network.Headers{"Accept-Language": l.language}})
			return err
		}),
	)
}
