package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/demo"
	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
	"github.com/lingpai/lingpai/provider/pages"
)

// guest is a visitor of the demo site.
type guest struct {
	*visitor
	d development
}

func (d development) guest() guest {
	d.t.Helper()
	return guest{newVisitor(d.t), d}
}

// begin begins to sign in, until the browser is sent back with a code, which is not taken there.
func (g guest) begin() (callback *url.URL) {
	g.t.Helper()
	g.stopAt = "/demo/callback"
	defer func() { g.stopAt = "" }()
	g.post(g.d.Issuer+"/demo/sign-in", "same-origin", nil) // another tab may have signed in
	if g.at.Path == "/sign-in" {
		g.press("login-submit", "username", g.d.User.Username, "password", g.d.User.Password)
	}
	if g.at.Path == "/consent" {
		g.press("consent-allow")
	}
	require.Equal(g.t, "/demo/callback", g.at.Path, g.text())
	return g.at
}

// signIn signs in at the demo site.
func (g guest) signIn() {
	g.t.Helper()
	g.open(g.begin().String())
	require.Contains(g.t, g.text(), "Signed in as demo")
}

// shows requires a page of the site with a status.
func (g guest) shows(status int, text string) {
	g.t.Helper()
	require.Contains(g.t, g.text(), text)
	require.Equal(g.t, status, g.status)
}

// refreshToken returns the end of the refresh token on the page.
func (g guest) refreshToken() string {
	g.t.Helper()
	found := regexp.MustCompile(`…\S{8}`).FindString(g.text())
	require.NotEmpty(g.t, found)
	return found
}

// token returns the access token on the page.
func (g guest) token() string {
	g.t.Helper()
	return regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`).FindString(g.text())
}

func TestTheDemoSiteSignsInRefreshesCallsAnAPIAndSignsOut(t *testing.T) {
	g := newOperator(t).develop("data").guest()
	g.signIn()
	require.Equal(t, "/demo", g.at.Path)
	for _, text := range []string{`at+jwt`, `"pwd"`, "openid profile api", "The id of the user.",
		"The random number that the site sent along."} {
		require.Contains(t, g.text(), text)
	}
	require.NotContains(t, g.text(), "no words for", "each claim is explained")

	before, token := g.refreshToken(), g.token()
	g.press("demo-refresh")
	g.shows(http.StatusOK, "The access token was refreshed")
	require.NotEqual(t, before, g.refreshToken())
	require.NotEqual(t, token, g.token())

	g.press("demo-call")
	g.shows(http.StatusOK, "The API answered")
	require.Regexp(t, `200\s+\{\s+"client_id": "dev-demo",\s+"message": "Hello u_`, g.text())

	g.press("demo-sign-out")
	g.shows(http.StatusOK, "Try signing in")
	require.Equal(t, "/demo", g.at.Path)
	g.press("demo-sign-in")
	require.Equal(t, "/sign-in", g.at.Path, "nobody is signed in at the provider")
}

// with returns a URL with other parameters.
func with(u url.URL, pairs ...string) string {
	query := u.Query()
	for n := 0; n < len(pairs); n += 2 {
		query.Set(pairs[n], pairs[n+1])
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// TestTheDemoSiteChecksWhatItGets: a request that was changed on its way leads to no tokens.
func TestTheDemoSiteChecksWhatItGets(t *testing.T) {
	g := newOperator(t).develop("data").guest()
	g.signIn()
	for name, c := range map[string]struct {
		status int
		text   string
	}{
		"nonce":          {http.StatusBadGateway, "The ID token is not valid"},
		"code_challenge": {http.StatusBadRequest, "The code was refused"},
	} {
		g.stopAt = "/authorize"
		g.post(g.d.Issuer+"/demo/sign-in", "same-origin", nil)
		g.stopAt = ""
		g.open(with(*g.at, name, strings.Repeat("A", 43)))
		g.shows(c.status, c.text)
	}
}

func TestTheDemoSiteIgnoresAnswersThatItDoesNotExpect(t *testing.T) {
	d := newOperator(t).develop("data")
	g := d.guest()
	callback := g.begin()
	for name, c := range map[string]struct{ target, text string }{
		"another state":  {with(*callback, "state", "x"), "not expected"},
		"no state":       {d.Issuer + "/demo/callback?code=x&iss=" + d.Issuer, "not expected"},
		"another issuer": {with(*callback, "iss", "http://127.0.0.1:1"), "from another server"},
		"no issuer":      {with(*callback, "iss", ""), "from another server"},
	} {
		g.open(c.target)
		require.Contains(t, g.text(), c.text, name)
		require.Equal(t, http.StatusBadRequest, g.status, name)
	}
	stranger := d.guest()
	stranger.open(callback.String())
	stranger.shows(http.StatusBadRequest, "not expected")

	g.open(callback.String())
	g.shows(http.StatusOK, "Signed in as demo") // after all of these
	g.open(callback.String())
	g.shows(http.StatusBadRequest, "not expected")
	g.open(d.Issuer + "/demo")
	g.shows(http.StatusOK, "Signed in as demo")

	g.open(with(*g.begin(), "error", "access_denied"))
	g.shows(http.StatusBadRequest, "You did not allow it")
	g.open(with(*g.begin(), "error", "invalid_scope", "error_description", "No such scope."))
	g.shows(http.StatusBadRequest, "No such scope.")
	g.open(with(*g.begin(), "error", "temporarily_unavailable"))
	g.shows(http.StatusBadGateway, "The server did not answer")
	g.open(with(*g.begin(), "code", "x"))
	g.shows(http.StatusBadRequest, "The code was refused")
	require.Contains(t, g.text(), "invalid_grant")
	g.open(d.Issuer + "/demo")
	g.shows(http.StatusOK, "Signed in as demo")
}

// TestTheChosenLanguageStays through the whole sign-in and after each button.
func TestTheChosenLanguageStays(t *testing.T) {
	d := newOperator(t).develop("data")
	g := d.guest()
	g.open(d.Issuer + "/?ui_locales=zh-CN")
	require.Contains(t, g.text(), "正在运行")
	g.open(d.Issuer + attribute(g.element("demo"), "href"))
	g.press("demo-sign-in")
	require.Contains(t, g.text(), "用户名")
	g.press("login-submit", "username", d.User.Username, "password", d.User.Password)
	g.press("consent-allow")
	for button, text := range map[string]string{"demo-refresh": "访问令牌已刷新", "demo-call": "API 的响应"} {
		g.press(button)
		g.shows(http.StatusOK, text)
	}
	g.press("demo-sign-out")
	g.post(d.Issuer+"/demo/call?ui_locales=zh-CN", "same-origin", nil)
	g.shows(http.StatusBadRequest, "这里没有登录")
	g.open(d.Issuer + attribute(g.element("demo"), "href"))
	g.shows(http.StatusOK, "试试登录")
}

func TestADeniedConsentIsExplained(t *testing.T) {
	d := newOperator(t).develop("data")
	g := d.guest()
	g.open(d.Issuer + "/demo")
	g.press("demo-sign-in")
	g.press("login-submit", "username", d.User.Username, "password", d.User.Password)
	require.Contains(t, g.text(), "Call the sample API")
	g.press("consent-deny")
	g.shows(http.StatusBadRequest, "You did not allow it")
}

func TestTheDemoSiteExplainsThatItsSessionHasEnded(t *testing.T) {
	o := newOperator(t)
	d := o.develop("data")
	g := d.guest()
	g.signIn()
	before := g.refreshToken()
	g.open(d.Issuer + "/sign-out")
	g.press("sign-out-submit")
	g.open(d.Issuer + "/demo")
	g.press("demo-refresh")
	g.shows(http.StatusOK, "The session has ended")
	require.Contains(t, g.text(), "invalid_grant")
	require.Equal(t, before, g.refreshToken(), "nothing changes")
	g.press("demo-call")
	g.shows(http.StatusOK, `"Hello u_`) // verified offline
	g.signIn()
}

func TestTwoTabsOfTheDemoSite(t *testing.T) {
	d := newOperator(t).develop("data")
	g := d.guest()
	first := g.begin()
	second := g.begin()
	g.open(second.String())
	g.shows(http.StatusOK, "Signed in as demo")
	g.open(first.String())
	g.shows(http.StatusOK, "Signed in as demo")
	g.press("demo-refresh")
	g.shows(http.StatusOK, "was refreshed")
	other := *g.visitor // shows the page while the user signs out in the first tab
	g.press("demo-sign-out")
	other.press("demo-refresh")
	guest{&other, d}.shows(http.StatusBadRequest, "You are not signed in here")
}

func TestARestartForgetsTheDemoSitesSessions(t *testing.T) {
	o := newOperator(t)
	d := o.develop("data")
	g := d.guest()
	g.signIn()
	callback := g.begin()
	g.open(d.Issuer + "/demo")
	require.NoError(t, d.stop())
	again := development{process: o.start("dev", "--addr", strings.TrimPrefix(d.Issuer, "http://"), "--data", "data",
		"--output", "json")}
	require.Contains(t, again.line(), d.Issuer)
	g.press("demo-call")
	g.shows(http.StatusBadRequest, "You are not signed in here")
	g.open(callback.String())
	g.shows(http.StatusBadRequest, "not expected")
	g.signIn()
}

func TestTheDemoSiteAcceptsFormsOfItsOwnPagesOnly(t *testing.T) {
	d := newOperator(t).develop("data")
	g := d.guest()
	g.signIn()
	for _, path := range []string{"sign-in", "refresh", "call", "sign-out"} {
		g.post(d.Issuer+"/demo/"+path, "cross-site", nil)
		g.shows(http.StatusForbidden, "not sent from our page")
		g.open(d.Issuer + "/demo/" + path)
		g.shows(http.StatusNotFound, "There is no such page")
	}
	g.open(d.Issuer + "/demo")
	g.shows(http.StatusOK, "Signed in as demo")
	require.NotContains(t, g.text(), "was refreshed")
}

func TestTheDemoSitesCookie(t *testing.T) {
	d := newOperator(t).develop("data")
	g := d.guest()
	g.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.Issuer+"/demo/sign-in", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Regexp(t, `^lp_demo_\d+=[A-Z2-7]{26}; Path=/demo; HttpOnly; SameSite=Lax$`,
		response.Header.Get("Set-Cookie"))
	to, err := response.Location()
	require.NoError(t, err)
	require.Equal(t, "/authorize", to.Path)
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		require.NotEmpty(t, to.Query().Get(name))
	}
	require.Equal(t, "S256", to.Query().Get("code_challenge_method"))
}

func TestTheDemoSitesAPIVerifiesTokens(t *testing.T) {
	d := newOperator(t).develop("data")
	signedIn := d.backend("grant_type", "password", "username", d.User.Username, "password", d.User.Password,
		"scope", "openid api")
	for token, status := range map[string]int{
		"": http.StatusUnauthorized, "x.y.z": http.StatusUnauthorized,
		signedIn.text("id_token"):     http.StatusUnauthorized,
		signedIn.text("access_token"): http.StatusOK,
		d.backend("grant_type", "password", "username", d.User.Username, "password", d.User.Password, "scope",
			"openid").text("access_token"): http.StatusForbidden,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.Issuer+"/demo/api", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		require.Equal(t, status, ask(t, request).status, token)
	}
}

// TestTheDemoSitesAPIRejectsIDTokens even if it has the name of a client, and is their audience.
func TestTheDemoSitesAPIRejectsIDTokens(t *testing.T) {
	d := newOperator(t).develop("data")
	rendered, err := devpages.New(d.Issuer, pages.Theme{Language: "en"})
	require.NoError(t, err)
	site := demo.New(demo.Config{Issuer: d.Issuer, Origin: d.Issuer, Audience: d.Confidential.ClientID, Scope: "api",
		Pages: rendered})
	r := httptest.NewRequest(http.MethodGet, demo.Path+"/api", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+d.backend("grant_type", "password", "username", d.User.Username, "password",
		d.User.Password, "scope", "openid").text("id_token"))
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	require.Equal(t, http.StatusUnauthorized, w.Code)
}

// TestDevsFrontPage: it shows what there is and what has happened, and nothing that is secret but the password that
// dev prints.
func TestDevsFrontPage(t *testing.T) {
	d := newOperator(t).develop("data")
	g := d.guest()
	g.open(d.Issuer + "/")
	for _, text := range []string{"demo", d.User.Password, "dev-mini-program", "dev-confidential", "dev-demo",
		"wechat_code", d.Simulator.URL, "There have been none since the start."} {
		require.Contains(t, g.text(), text)
	}
	g.signIn()
	code := d.code()
	tokens := postForm(t, d.TokenEndpoint, d.MiniProgram.ClientID, "", "grant_type", "wechat_code", "code", code)
	d.backend("grant_type", "password", "username", "demo", "password", "WRONG")
	postForm(t, d.TokenEndpoint, "SECRET", "", "grant_type", "password", "username", "demo", "password", "WRONG")
	get(t, d.Issuer+"/userinfo?access_token=SECRET")
	d.guest().open(d.Issuer + "/authorize?client_id=dev-demo&state=SECRET&response_type=code&prompt=none&scope=openid" +
		"&code_challenge_method=S256&code_challenge=" + strings.Repeat("A", 43) + "&redirect_uri=" +
		url.QueryEscape(d.Issuer+"/demo/callback"))
	g.open(d.Issuer + "/")
	text := strings.Join(strings.Fields(g.text()), " ")
	for _, line := range []string{
		`POST /token 401 \S+ · \d+ ms · \(unknown client\) · password · invalid_client`,
		`POST /token 400 \S+ · \d+ ms · dev-confidential · password · invalid_grant`,
		`POST /token 200 \S+ · \d+ ms · dev-mini-program · wechat_code`,
		`POST /token 200 \S+ · \d+ ms · dev-demo · authorization_code`,
		`GET /authorize 303 \S+ · \d+ ms · dev-demo · login_required`,
		`GET /userinfo 400 `,
	} {
		require.Regexp(t, line, text)
	}
	for _, secret := range []string{"SECRET", "WRONG", code, tokens.text("refresh_token"), "eyJ",
		d.Confidential.ClientSecret} {
		require.NotContains(t, text, secret)
	}
	for range 60 {
		get(t, d.Issuer+"/healthz")
	}
	g.open(d.Issuer + "/")
	require.Equal(t, 50, strings.Count(g.text(), "GET /healthz"))
}

// TestOnlyDevHasADemoSite, at its own address: scripts of a site whose name resolves to this machine must not read it.
func TestOnlyDevHasADemoSite(t *testing.T) {
	d := newOperator(t).develop("data")
	for _, path := range []string{"/", "/demo", "/demo/api", "/demo/mini-program?user=alice"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.Issuer+path, http.NoBody)
		require.NoError(t, err)
		request.Host = "rebound.example.com"
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, http.StatusSeeOther, response.StatusCode, path)
		require.Equal(t, d.Issuer+path, response.Header.Get("Location"))
	}
	require.Equal(t, http.StatusNotFound, postForm(t, d.Issuer+"/", "x", "").status, "that is the provider's")

	_, served := migrated(t, "LINGPAI_SERVER_ISSUER=http://127.0.0.1:8080").serves()
	for _, path := range []string{"/", "/demo", "/demo/callback", "/demo/api", "/demo/mini-program"} {
		answer := get(t, served+path)
		require.Equal(t, http.StatusNotFound, answer.status, path)
		require.Equal(t, "not_found", answer.text("error"), path)
	}
}
