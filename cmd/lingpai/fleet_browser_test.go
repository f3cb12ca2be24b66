package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	goodbye      = "https://shop.example.com/goodbye"
	codeVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	goodPassword = "green tea with lemon"
)

// visit is a browser that signs a user in at the clients "partner" and "site", with what the clients have received.
type visit struct {
	t          *testing.T
	user       string
	browser    *http.Client
	next       string // where the browser is led
	form       string // where the page's form is posted to
	consent    string // the browser session that the page asks for
	code       string
	tokens     grantedTokens // of the partner
	other      grantedTokens // of the site
	refreshKey string
	told       []string // sessions that the clients must be told about
	signedIn   bool     // the password was right
	link       string   // to what waits for the user: a pushed request, or a device's
	deviceCode string
}

type grantedTokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Error   string `json:"error"`
}

func newVisit(t *testing.T, user string) *visit {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &visit{t: t, user: user, browser: &http.Client{Jar: jar, Timeout: patience,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// question is a request to either replica: a GET, or the POST of a form.
type question struct {
	path   string
	form   url.Values
	header http.Header
}

// shown is what a replica answers.
type shown struct {
	status int
	header http.Header
	body   string
}

// send sends a request to a replica. It may be called from any goroutine.
func (v *visit) send(r *replica, q question) (shown, error) {
	method := http.MethodGet
	if q.form != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequest(method, "http://"+r.addr+q.path, strings.NewReader(q.form.Encode()))
	if err != nil {
		return shown{}, err
	}
	if q.form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	request.Header.Set("Accept-Language", "en")
	for name, values := range q.header {
		request.Header[name] = values
	}
	response, err := v.browser.Do(request)
	if err != nil {
		return shown{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return shown{response.StatusCode, response.Header, string(body)}, err
}

// visitStep is a request, and what is kept of its answer.
type visitStep struct {
	name string
	ask  func(v *visit) question
	take func(v *visit, a shown)
}

// counted is the step that needs Redis: a password that cannot be counted is refused.
const counted = "the password"

// visitSteps are all steps from a client's link to the end of everything that came from it.
var visitSteps = []visitStep{
	{"the link", authorizing("partner", ""), redirectedTo("/sign-in?")},
	{"the page to sign in", following, (*visit).takeForm},
	{counted, entering, sentOnTo("/authorize?")},
	{"the request again", following, redirectedTo("/consent?")},
	{"the page to consent", following, (*visit).takeForm},
	{"the consent", func(v *visit) question {
		return question{path: v.form, form: url.Values{"session": {v.consent}, "decision": {"allow"}}}
	}, sentOnTo("/authorize?")},
	{"the callback", following, (*visit).takeCode},
	{"the tokens", redeeming("partner", "itself"), func(v *visit, a shown) { v.tokens = v.takeTokens(a) }},
	{"a refresh", func(v *visit) question { return refreshing(v.tokens, "partner", v.refreshKey) },
		func(v *visit, a shown) { v.tokens.Refresh = v.granted(a).Refresh }},
	{"who it is", func(v *visit) question { return showing(v.tokens) },
		func(v *visit, a shown) { require.Equal(v.t, http.StatusOK, a.status, a.body) }},
	{"another client, without a question", authorizing("site", "none"), (*visit).takeCode},
	{"its tokens", redeeming("site", "itself"), func(v *visit, a shown) { v.other = v.takeTokens(a) }},
	{"a second code", authorizing("site", "none"), (*visit).takeCode},
	{"its use", redeeming("site", "itself"), func(v *visit, a shown) { v.takeTokens(a) }},
	{"its use by a thief", redeeming("site", "or-a-thief"), refusedWith("invalid_grant")},
	{"its use, repeated", redeeming("site", "itself"), refusedWith("invalid_grant")},
	{"the end", func(v *visit) question {
		return question{path: "/end-session?" + url.Values{"id_token_hint": {v.tokens.ID},
			"post_logout_redirect_uri": {goodbye}}.Encode()}
	}, redirectedTo(goodbye)},
	{"a refresh after the end", func(v *visit) question { return refreshing(v.tokens, "partner", rand.Text()) },
		refusedWith("invalid_grant")},
	{"the other client's after the end", func(v *visit) question { return refreshing(v.other, "site", rand.Text()) },
		refusedWith("invalid_grant")},
	{"who it was", func(v *visit) question { return showing(v.tokens) }, refusedWith("invalid_token")},
	{"whether somebody is signed in", authorizing("site", "none"), func(v *visit, a shown) {
		redirectedTo(callback)(v, a)
		require.Contains(v.t, a.header.Get("Location"), "error=login_required")
	}},
}

func authorizing(client, prompt string) func(*visit) question {
	query := requesting(client)
	if prompt != "" {
		query.Set("prompt", prompt)
	}
	return func(*visit) question { return question{path: "/authorize?" + query.Encode()} }
}

// requesting returns the parameters of an authorization request.
func requesting(client string) url.Values {
	sum := sha256.Sum256([]byte(codeVerifier))
	return url.Values{"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"},
		"scope": {"openid"}, "state": {"the state"}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}}
}

func following(v *visit) question { return question{path: v.next} }

// entering enters the password.
func entering(v *visit) question {
	return question{path: v.form, form: url.Values{"username": {v.user}, "password": {goodPassword}}}
}

// redeeming uses the code, with a key for each who does.
func redeeming(client, who string) func(*visit) question {
	return func(v *visit) question {
		return question{"/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {client},
			"code": {v.code}, "redirect_uri": {callback}, "code_verifier": {codeVerifier}},
			http.Header{"Idempotency-Key": {"the-key-of-the-client-" + who}}}
	}
}

func refreshing(tokens grantedTokens, client, key string) question {
	return question{"/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {client},
		"refresh_token": {tokens.Refresh}}, http.Header{"Idempotency-Key": {key}}}
}

func showing(tokens grantedTokens) question {
	return question{path: "/userinfo", header: http.Header{"Authorization": {"Bearer " + tokens.Access}}}
}

func redirectedTo(prefix string) func(*visit, shown) {
	return func(v *visit, a shown) {
		v.next = a.header.Get("Location")
		require.True(v.t, a.status == http.StatusSeeOther && strings.HasPrefix(v.next, prefix), "%d %s %s", a.status,
			v.next, a.body)
	}
}

var (
	pageRefresh = regexp.MustCompile(`http-equiv="refresh" content="0;url=([^"]*)"`)
	pageForm    = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	pageSession = regexp.MustCompile(`name="session" value="([^"]*)"`)
)

func sentOnTo(prefix string) func(*visit, shown) {
	return func(v *visit, a shown) {
		v.next = v.found(pageRefresh, a)
		require.True(v.t, strings.HasPrefix(v.next, prefix), v.next)
	}
}

func (v *visit) found(what *regexp.Regexp, a shown) string {
	v.t.Helper()
	require.Equal(v.t, http.StatusOK, a.status, a.body)
	found := what.FindStringSubmatch(a.body)
	require.NotNil(v.t, found, a.body)
	return html.UnescapeString(found[1])
}

func (v *visit) takeForm(a shown) {
	v.form = v.found(pageForm, a)
	if !strings.HasPrefix(v.form, "/sign-in") {
		v.consent = v.found(pageSession, a)
	}
}

func (v *visit) takeCode(a shown) {
	redirectedTo(callback)(v, a)
	back, err := url.Parse(v.next)
	require.NoError(v.t, err)
	v.code = back.Query().Get("code")
	require.NotEmpty(v.t, v.code, v.next)
}

func (v *visit) granted(a shown) (tokens grantedTokens) {
	v.t.Helper()
	require.Equal(v.t, http.StatusOK, a.status, a.body)
	require.NoError(v.t, json.Unmarshal([]byte(a.body), &tokens))
	require.NotEmpty(v.t, tokens.Refresh)
	v.refreshKey = rand.Text()
	return tokens
}

// takeTokens returns the first tokens of a session.
func (v *visit) takeTokens(a shown) grantedTokens {
	v.t.Helper()
	tokens := v.granted(a)
	v.told = append(v.told, claimsOf(v.t, tokens).SID)
	return tokens
}

// idClaims are claims of an ID token.
type idClaims struct {
	Subject string `json:"sub"`
	SID     string `json:"sid"`
}

func claimsOf(t *testing.T, tokens grantedTokens) (claims idClaims) {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tokens.ID, ".")[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(payload, &claims))
	return claims
}

func refusedWith(code string) func(*visit, shown) {
	return func(v *visit, a shown) {
		var refused struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		require.NoError(v.t, json.Unmarshal([]byte(a.body), &refused), a.body)
		require.Equal(v.t, code, refused.Error, a.body)
		require.NotEmpty(v.t, refused.Description)
	}
}

// requireAll waits until the clients were told that each session has ended.
func (told *toldSessions) requireAll(t *testing.T, sessions []string) {
	t.Helper()
	require.Eventually(t, func() bool {
		told.mutex.Lock()
		defer told.mutex.Unlock()
		for _, session := range sessions {
			if told.times[session] == 0 {
				return false
			}
		}
		return true
	}, patience, 20*time.Millisecond)
}
