package libraries_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const testdata = "test/libraries/testdata"

// setup is a running server.
type setup struct{ *harness.Dev }

// client creates the client of a site, and returns its secret.
func (s setup) client(id, site string, flags ...string) string {
	return s.CreateClient(id, append(flags, "--redirect-uri", site+"/callback",
		"--post-logout-redirect-uri", site+"/")...)
}

// site is a web site that uses a library. It shows its user and their access token, or a link to sign in.
type site struct {
	library string
	start   func(t *testing.T, s setup) (url string)
	renews  bool // the token, by itself
}

// TestLibraries signs in at a site of each library, gets a new access token twice, and signs out. The sites are at
// localhost and the server at 127.0.0.1, which browsers take for another site.
func TestLibraries(t *testing.T) {
	t.Parallel()
	browser, s := harness.Chromium(t), setup{harness.StartDev(t)}
	for _, site := range []site{
		{library: "x/oauth2 with go-oidc", start: startGoSite},
		{library: "openid-client", start: startNodeSite},
		{library: "mod_auth_openidc", start: startApache},
		{library: "oidc-client-ts", start: startPage("page"), renews: true},
	} {
		t.Run(site.library, func(t *testing.T) {
			testLibrary(t, browser, s, site)
		})
	}
	t.Run("oidc-client-ts in a popup", func(t *testing.T) { testPopup(t, browser, s) })
	t.Run("oidc-client-ts in a hidden frame", func(t *testing.T) { testHiddenFrame(t, browser, s) })
}

func testLibrary(t *testing.T, browser context.Context, s setup, site site) {
	v := visitor{t, harness.Tab(t, browser, chromedp.WithNewBrowserContext()), s}
	v.do(chromedp.Navigate(site.start(t, s)))
	v.click("#sign-in")
	v.signIn()
	token := ""
	for n := range 3 {
		if n > 0 && !site.renews {
			v.click("#refresh")
		}
		token = v.tokenAfter(token)
		require.Equal(t, s.User.Username, v.text("#user"))
	}
	v.click("#sign-out")
	v.click("#sign-in")
	v.do(chromedp.WaitVisible(chromedp.CSS("#password"))) // they are not signed in at the server any more
}

// visitor is the user in a tab.
type visitor struct {
	t   *testing.T
	tab context.Context
	setup
}

func (v visitor) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	require.NoError(v.t, chromedp.Do(v.tab, steps...))
}

func (v visitor) click(selector string) {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

func (v visitor) text(selector string) string {
	v.t.Helper()
	text, err := chromedp.Run(v.tab, chromedp.Text(chromedp.CSS(selector)))
	require.NoError(v.t, err)
	return text
}

// signIn signs in at the server, and consents.
func (v visitor) signIn() {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS("#username")),
		chromedp.SendKeys(chromedp.CSS("#username"), v.User.Username),
		chromedp.SendKeys(chromedp.CSS("#password"), v.User.Password))
	v.click("#login-submit")
	v.click("#consent-allow")
}

// tokenAfter waits until the site shows another access token than the last one.
func (v visitor) tokenAfter(last string) string {
	v.t.Helper()
	for {
		v.do(chromedp.WaitVisible(chromedp.CSS("#token")))
		if token := v.text("#token"); token != "" && token != last {
			return token
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// startNodeSite starts the site that uses openid-client.
func startNodeSite(t *testing.T, s setup) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		harness.Skip(t, "openid-client: Node.js 20 is not installed")
	}
	folder, port := t.TempDir(), harness.FreePort(t)
	if err := harness.UseNodeModules(t, harness.Path(testdata), folder); err != nil {
		harness.Skip(t, err.Error())
	}
	script, self := filepath.Join(folder, "site.mjs"), "http://localhost:"+port
	harness.CopyFile(t, harness.Path(testdata+"/openid-client.mjs"), script)
	command := exec.Command(node, script, s.Issuer, "node", s.client("node", self), port)
	harness.WaitFor(t, harness.Start(t, command), "127.0.0.1:"+port)
	return self
}

// startPage returns what starts the site whose page uses oidc-client-ts, as a client with an id.
func startPage(id string) func(*testing.T, setup) string {
	return func(t *testing.T, s setup) string {
		t.Helper()
		modules, err := harness.NodeModules(t, harness.Path(testdata))
		if err != nil {
			harness.Skip(t, err.Error())
		}
		folder := harness.Path(testdata + "/oidc-client-ts")
		harness.DependsOn(t, folder)
		mux := http.NewServeMux()
		for path, file := range map[string]string{"/": folder + "/index.html", "/app.js": folder + "/app.js",
			"/oidc-client-ts.js": modules + "/node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js"} {
			mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
		}
		mux.HandleFunc("/settings.js", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprintf(w, "const settings = {authority: %q, client_id: %q}", s.Issuer, id)
		})
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		self := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
		s.client(id, self, "--public", "--origin", self)
		s.awaitOrigin(t, self)
		return self
	}
}

// awaitOrigin waits until the server lets pages of an origin call it: it reads new clients within a second.
func (s setup) awaitOrigin(t *testing.T, origin string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.Issuer+"/token", nil)
	require.NoError(t, err)
	request.Header.Set("Origin", origin)
	request.Header.Set("Access-Control-Request-Method", http.MethodPost)
	require.Eventually(t, func() bool {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.Header.Get("Access-Control-Allow-Origin") == origin
	}, time.Minute, 50*time.Millisecond)
}
