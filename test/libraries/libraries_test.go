package libraries_test

import (
	"context"
	"encoding/json"
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

// start starts a server whose access tokens are good for a minute, so that every site refreshes its first one.
func start(t *testing.T) setup {
	t.Helper()
	return setup{harness.StartDev(t, "LINGPAI_TOKEN_ACCESS_TTL=1m")}
}

// site is a web site that uses a library. It shows its user, or a link to sign in. Its profile is what the server's
// /userinfo answers for the access token.
type site struct {
	library, client string
	start           func(t *testing.T, s setup) (url string)
	button          string // on the library's own page to sign in
	gated           bool   // a proxy keeps out people who are not signed in
	asks            bool   // the server asks whether to sign out
	renews          bool   // the page refreshes its token whether it is needed or not
}

// TestLibraries signs in at a site of each library, calls an API with a new access token, and signs out. The sites are
// at localhost and the server at 127.0.0.1, which browsers take for another site.
func TestLibraries(t *testing.T) {
	t.Parallel()
	browser, s := harness.Chromium(t), start(t)
	for _, site := range []site{
		{library: "Auth.js", client: "shop-authjs", start: startAuthJS, button: "form[action*=lingpai] button"},
		{library: "openid-client in a backend", client: "shop-bff", start: startBackend},
		{library: "oidc-client-ts", client: "shop-page", start: startPage, renews: true},
		{library: "x/oauth2 with go-oidc", client: "shop-go", start: startGoSite},
		{library: "passport", client: "shop-passport", start: startPassport},
		{library: "mod_auth_openidc", client: "shop-apache", start: startApache, gated: true},
	} {
		t.Run(site.library, func(t *testing.T) { testGuide(t, browser, s, site) })
	}
	t.Run("Spring", func(t *testing.T) { s.register(t, "Spring", "http://localhost:3000") }) // and no more
	t.Run("openid-client", func(t *testing.T) {
		site := site{client: "node", start: startNodeSite}
		testLibrary(t, browser, s, site)
	})
	t.Run("oidc-client-ts in a popup", func(t *testing.T) { testPopup(t, browser, s) })
	t.Run("oidc-client-ts in a hidden frame", func(t *testing.T) { testHiddenFrame(t, browser, s) })
}

// testGuide also requires that the site notices that its session has ended elsewhere.
func testGuide(t *testing.T, browser context.Context, s setup, site site) {
	t.Helper()
	v, url := testLibrary(t, browser, s, site)
	v.signIn()
	require.Equal(t, s.User.Username, v.text("#user"))
	v.Run("sessions", "revoke", "--user", s.User.Username)
	for site.gated && v.has("#user") {
		v.do(chromedp.Navigate(url))
		time.Sleep(100 * time.Millisecond)
	}
	if site.renews {
		v.click("#sign-in")
	} else if !site.gated {
		v.click("#profile")
	}
	if site.button != "" {
		v.click(site.button)
	}
	v.do(chromedp.WaitVisible(chromedp.CSS("#password")))
}

// testLibrary signs in at a site, gets a new access token, signs out, and returns the visitor, who is about to sign in
// again.
func testLibrary(t *testing.T, browser context.Context, s setup, site site) (v visitor, url string) {
	t.Helper()
	v, url = visitor{t, harness.Tab(t, browser, chromedp.WithNewBrowserContext()), s}, site.start(t, s)
	v.do(chromedp.Navigate(url))
	v.begin(site)
	v.signIn()
	require.Equal(t, s.User.Username, v.text("#user"))
	v.requireProfile()
	for v.sessions(site.client)[0].Refreshes == 0 { // until the time of the tab is over
		if site.gated { // a proxy refreshes at the next request
			v.do(chromedp.Reload())
		}
		time.Sleep(100 * time.Millisecond)
	}
	v.do(chromedp.Navigate(url))
	v.requireProfile()
	v.do(chromedp.Navigate(url))
	v.click("#sign-out")
	if site.asks {
		v.click("#sign-out-submit")
	}
	v.begin(site)
	v.do(chromedp.WaitVisible(chromedp.CSS("#password"))) // they are not signed in at the server any more
	require.Empty(t, v.sessions(site.client))
	return v, url
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

// text waits until an element is visible, and returns its text.
func (v visitor) text(selector string) string {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	text, err := chromedp.Run(v.tab, chromedp.Text(chromedp.CSS(selector)))
	require.NoError(v.t, err)
	return text
}

// requireProfile requires that the site has an access token of the user.
func (v visitor) requireProfile() {
	v.t.Helper()
	v.click("#profile")
	require.Contains(v.t, v.text("pre"), `"preferred_username":"`+v.User.Username+`"`)
}

// begin goes from the first page of a site to the server.
func (v visitor) begin(site site) {
	v.t.Helper()
	if !site.gated {
		v.click("#sign-in")
	}
	if site.button != "" {
		v.click(site.button)
	}
}

// signIn signs in at the server, and consents if it asks.
func (v visitor) signIn() {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS("#username")),
		chromedp.SendKeys(chromedp.CSS("#username"), v.User.Username),
		chromedp.SendKeys(chromedp.CSS("#password"), v.User.Password))
	v.click("#login-submit")
	v.do(chromedp.WaitVisible(chromedp.CSS("#consent-allow, #user")))
	if v.has("#consent-allow") {
		v.click("#consent-allow")
	}
}

// has reports whether the page has an element.
func (v visitor) has(selector string) bool {
	v.t.Helper()
	found, err := chromedp.Run(v.tab, chromedp.Evaluate[bool]("!!document.querySelector('"+selector+"')"))
	require.NoError(v.t, err)
	return found
}

// clientSession is a session of a client, as operators see it.
type clientSession struct {
	ClientID  string `json:"client_id"`
	Refreshes int    `json:"refreshes"`
}

// sessions returns the user's sessions of a client, of which a site that they have signed in at has one.
func (v visitor) sessions(client string) (found []clientSession) {
	v.t.Helper()
	var all []clientSession
	require.NoError(v.t, json.Unmarshal([]byte(v.Run("sessions", "list", v.User.Username, "--output", "json")), &all))
	for _, session := range all {
		if session.ClientID == client {
			found = append(found, session)
		}
	}
	return found
}
