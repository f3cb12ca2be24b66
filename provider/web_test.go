package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

const (
	webCallback   = "https://shop.example.com/callback?tenant=1"
	webBye        = "https://shop.example.com/bye?tenant=1"
	thirdCallback = "https://partner.example.com/cb"
	thirdBye      = "https://partner.example.com/bye"
	webVerifier   = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

// web is an installation with the user bob beside alice, and clients that browsers sign in to: "shop" is the operator's
// own and confidential, "spa" its own and public, and "partner" somebody else's.
type web struct{ *env }

func newWeb(t testing.TB, options ...option) *web {
	t.Helper()
	w := &web{newEnv(t, options...)}
	grants := []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken}
	for _, client := range []identity.Client{
		{ID: "shop", Name: "The shop", Confidential: true, SecretHash: identity.HashSecret(testSecret),
			FirstParty: true, RedirectURIs: []string{webCallback}, PostLogoutRedirectURIs: []string{webBye}},
		{ID: "spa", Name: "The app", FirstParty: true, RedirectURIs: []string{webCallback}},
		{ID: "partner", Name: "A partner", Confidential: true, SecretHash: identity.HashSecret(testSecret),
			RedirectURIs: []string{thirdCallback}, PostLogoutRedirectURIs: []string{thirdBye}},
	} {
		client.Grants, client.Scopes = grants, []string{"openid", "profile", "offline_access"}
		client.DefaultScopes = []string{"openid"}
		require.NoError(t, w.database.Clients().Create(t.Context(), client))
	}
	w.createUser("bob")
	return w
}

// user returns the user with a name.
func (w *web) user(name string) identity.User {
	w.t.Helper()
	user, err := w.database.Users().FindByUsername(w.t.Context(), name)
	require.NoError(w.t, err)
	return user
}

// createUser creates a user who has alice's password.
func (w *web) createUser(name string) {
	w.t.Helper()
	_, err := w.database.Users().Create(w.t.Context(), name, w.user("alice").PasswordHash)
	require.NoError(w.t, err)
}

// update changes the record of a client.
func (w records) update(id string, change func(*identity.Client)) {
	w.t.Helper()
	record, err := w.database.Clients().Find(w.t.Context(), id)
	require.NoError(w.t, err)
	change(&record)
	require.NoError(w.t, w.database.Clients().Update(w.t.Context(), record))
}

// visitor is a browser with cookies, which follows no redirects.
type visitor struct {
	*web
	client *http.Client
	sends  http.Header // with every request
}

func (w *web) visitor() visitor {
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	return visitor{w, &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: quiet.Transport,
		CheckRedirect: quiet.CheckRedirect}, nil}
}

// page is what a visitor is shown.
type page struct {
	status int
	header http.Header
	body   string
	at     string // its path and query
}

// open requests a path, with or without that of the issuer before it.
func (v visitor) open(target string) page { return v.do(http.MethodGet, target, nil, nil) }

func (v visitor) do(method, target string, form url.Values, header http.Header) page {
	v.t.Helper()
	origin := strings.TrimSuffix(v.issuer, v.settings.path)
	if !strings.HasPrefix(target, v.settings.path+"/") {
		target = v.settings.path + target
	}
	request, err := http.NewRequestWithContext(v.t.Context(), method, origin+target, strings.NewReader(form.Encode()))
	require.NoError(v.t, err)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", origin)
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	maps.Copy(request.Header, v.sends)
	maps.Copy(request.Header, header)
	response, err := v.client.Do(request)
	require.NoError(v.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(v.t, err)
	return page{response.StatusCode, response.Header, string(body), target}
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	refreshURL = regexp.MustCompile(`http-equiv="refresh" content="0;url=([^"]*)"`)
	hiddenName = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// follow follows redirects, and pages that lead on, within this server.
func (v visitor) follow(p page) page {
	v.t.Helper()
	for range 10 {
		next := p.next()
		if next == "" || !strings.HasPrefix(next, "/") {
			return p
		}
		p = v.open(next)
	}
	v.t.Fatal("a loop at " + p.at)
	return p
}

// next returns where a page leads to without its user; "" if it waits for them.
func (p page) next() string {
	if location := p.header.Get("Location"); location != "" {
		return location
	}
	if found := refreshURL.FindStringSubmatch(p.body); found != nil {
		return html.UnescapeString(found[1])
	}
	return ""
}

// submit posts the form of a page with its hidden fields and more.
func (v visitor) submit(p page, pairs ...string) page {
	v.t.Helper()
	found := formAction.FindStringSubmatch(p.body)
	require.NotNil(v.t, found, "no form at %s: %s", p.at, p.body)
	return v.do(http.MethodPost, html.UnescapeString(found[1]), p.hidden(pairs...), nil)
}

// hidden returns the fields that a page's form has, with others set.
func (p page) hidden(pairs ...string) url.Values {
	values := url.Values{}
	for _, field := range hiddenName.FindAllStringSubmatch(p.body, -1) {
		values.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	for n := 0; n < len(pairs); n += 2 {
		values.Set(pairs[n], pairs[n+1])
	}
	return values
}

// request returns the path of an authorization request of a client. Pairs change parameters; an empty value removes
// one.
func (w *web) request(client string, pairs ...string) string {
	sum := sha256.Sum256([]byte(webVerifier))
	query, _ := form{"client_id": client, "redirect_uri": w.callback(client), "response_type": "code",
		"scope": "openid", "state": "the state", "nonce": "the nonce",
		"code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256",
	}.with(pairs...).encode()
	return "/authorize?" + query
}

// onPage returns the path of a page that carries an authorization request on.
func onPage(page, request string) string {
	return strings.Replace(request, "/authorize?", "/"+page+"?to=authorize&", 1)
}

func (w *web) callback(client string) string {
	if client == "partner" {
		return thirdCallback
	}
	return webCallback
}

// signIn signs a user in at a client, and returns the page that it ends at.
func (v visitor) signIn(user, client string, pairs ...string) page {
	v.t.Helper()
	return v.enter(v.follow(v.open(v.request(client, pairs...))), user)
}

// enter fills in the page that asks for name and password.
func (v visitor) enter(p page, user string) page {
	v.t.Helper()
	require.Contains(v.t, p.body, `name="password"`, p.at)
	return v.follow(v.submit(p, "username", user, "password", testPassword))
}

// choose submits the page that asks which account goes on.
func (v visitor) choose(p page, user string) page {
	v.t.Helper()
	found := regexp.MustCompile(`name="account" value="([^"]*)"><bdi>` + user + `<`).FindStringSubmatch(p.body)
	require.NotNil(v.t, found, p.body)
	return v.submit(p, "account", found[1])
}

// answered returns the parameters with which a page leads back to the client.
func (v visitor) answered(p page, client string) url.Values {
	v.t.Helper()
	require.True(v.t, strings.HasPrefix(p.next(), v.callback(client)), "%d %q %s", p.status, p.next(), p.body)
	parsed, err := url.Parse(p.next())
	require.NoError(v.t, err)
	require.Equal(v.t, v.issuer, parsed.Query().Get("iss"))
	return parsed.Query()
}

// code returns the code with which a page leads back to the client.
func (v visitor) code(p page, client string) string {
	v.t.Helper()
	values := v.answered(p, client)
	require.NotEmpty(v.t, values.Get("code"), values)
	return values.Get("code")
}

// codeFor signs a user in at a client, and returns the code that it gets.
func (v visitor) codeFor(user, client string, pairs ...string) string {
	v.t.Helper()
	return v.code(v.signIn(user, client, pairs...), client)
}

// redeem exchanges a code at the token endpoint.
func (w *web) redeem(client, code string, pairs ...string) answer {
	f := form{}.with("grant_type", "authorization_code", "client_id", client, "code", code,
		"redirect_uri", w.callback(client), "code_verifier", webVerifier)
	if client != "spa" {
		f = f.with("client_secret", testSecret)
	}
	return w.token(f.with(pairs...))
}
