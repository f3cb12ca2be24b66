package browser_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/lingpai/lingpai/test/harness"
)

// verifier is the PKCE verifier of all clients.
const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// world is a running server and two clients whose pages are at another site: "shop" is
// the operator's own, and "partner" asks for consent.
type world struct {
	*harness.Installation
	browser context.Context
	client  string // URL of the clients' pages
	secrets map[string]string
	answers requests       // to the clients
	failing *regexp.Regexp // what fails in tabs; nil: nothing
}

// newWorld starts a server, with environment variables, and the site of the clients until the test ends. The server is
// at localhost, and the clients and WeChat are at 127.0.0.1, which is another site for browsers.
func newWorld(t *testing.T, browser context.Context, env ...string) *world {
	t.Helper()
	return worldOf(t, browser, harness.StartDevAt(t, "localhost", env...).Installation)
}

// worldOf is newWorld for a server that the test starts.
func worldOf(t *testing.T, browser context.Context, i *harness.Installation) *world {
	t.Helper()
	w := &world{Installation: i, browser: browser, secrets: map[string]string{}, answers: make(requests, 200)}
	mux := http.NewServeMux()
	mux.HandleFunc("/callback", w.answers.keep)
	mux.HandleFunc("/bye", w.answers.keep)
	mux.HandleFunc("/start/{client}", func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, w.request(r.PathValue("client")), http.StatusSeeOther)
	})
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	w.client = site.URL
	for id, flags := range map[string][]string{"shop": {"--first-party"}, "partner": nil} {
		w.secrets[id] = w.CreateClient(id, append(flags, "--redirect-uri", w.client+"/callback",
			"--post-logout-redirect-uri", w.client+"/bye", "--initiate-login-uri", w.client+"/start/"+id)...)
	}
	return w
}

// walker is a person with a browser of their own.
type walker struct {
	*world
	t    *testing.T
	tab  context.Context
	user string
	look look
}

// walker creates a user, and opens a browser for them.
func (w *world) walker(t *testing.T, user string) walker {
	t.Helper()
	w.CreateUser(user)
	return w.guest(t, user, deskLight)
}

// guest opens a browser for somebody who may have no account yet.
func (w *world) guest(t *testing.T, user string, look look) walker {
	t.Helper()
	v := walker{w, t, w.newTab(t), user, look}
	v.do(as(look))
	return v
}

// newTab opens a browser.
func (w *world) newTab(t *testing.T) context.Context {
	t.Helper()
	return harness.FaultyTab(t, w.browser, w.failing, chromedp.WithNewBrowserContext())
}

func (v walker) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	require.NoError(v.t, chromedp.Do(v.tab, steps...))
}

// request returns the URL of an authorization request, with more parameters in pairs.
func (w *world) request(client string, pairs ...string) string {
	values := url.Values{"client_id": {client}, "redirect_uri": {w.client + "/callback"}, "response_type": {"code"},
		"scope": {"openid profile"}, "state": {"the state"}, "nonce": {"the nonce"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"}}
	for n := 0; n < len(pairs); n += 2 {
		values.Set(pairs[n], pairs[n+1])
	}
	return w.Issuer + "/authorize?" + values.Encode()
}

// open opens an authorization request.
func (v walker) open(client string, pairs ...string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.request(client, pairs...)))
}

// signIn signs the user in.
func (v walker) signIn() {
	v.t.Helper()
	v.enter(v.user, v.User.Password)
}

// enter fills in the page that asks for a name and a password.
func (v walker) enter(user, password string) {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS("#username")),
		chromedp.SendKeys(chromedp.CSS("#username"), user), chromedp.SendKeys(chromedp.CSS("#password"), password))
	v.click("#login-submit")
}

// click clicks what leads to another page, as soon as it is there.
func (v walker) click(selector string) {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// answer returns the parameters with which the browser arrives at a client.
func (v walker) answer() url.Values {
	v.t.Helper()
	values := v.answers.next(v.t, v.tab).Form
	require.Equal(v.t, v.Issuer, values.Get("iss"))
	require.Equal(v.t, "the state", values.Get("state"))
	return values
}

// redeem exchanges the code of an answer.
func (v walker) redeem(client string, answer url.Values) map[string]any {
	v.t.Helper()
	return v.Post("/token", "grant_type", "authorization_code", "client_id", client, "client_secret",
		v.secrets[client], "code", answer.Get("code"), "redirect_uri", v.client+"/callback", "code_verifier", verifier)
}

// name returns the user name that the client gets with an access token.
func (v walker) name(tokens map[string]any) string {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.Issuer+"/userinfo", nil)
	require.NoError(v.t, err)
	request.Header.Set("Authorization", "Bearer "+tokens["access_token"].(string))
	response, err := http.DefaultClient.Do(request)
	require.NoError(v.t, err)
	defer response.Body.Close()
	var claims struct {
		Name string `json:"preferred_username"`
	}
	require.NoError(v.t, json.NewDecoder(response.Body).Decode(&claims))
	return claims.Name
}

// text returns what the tab shows.
func (v walker) text() string {
	v.t.Helper()
	text, err := chromedp.Run(v.tab, chromedp.Text(chromedp.CSS("body")))
	require.NoError(v.t, err)
	return text
}

func (v walker) evaluate(expression string) bool {
	v.t.Helper()
	value, err := chromedp.Run(v.tab, chromedp.Evaluate[bool](expression))
	require.NoError(v.t, err)
	return value
}
