package conformance_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// browser is a user with a browser: it keeps cookies, follows redirects, and fills in the forms of the server.
type browser struct {
	t       *testing.T
	client  *http.Client
	issuer  string
	party   string
	user    string
	pressed []string // the buttons of the pages that ask the user something
}

// newBrowser returns a browser in which nobody is signed in.
func newBrowser(t *testing.T, s *system, user string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browser{t: t, issuer: s.issuer, party: s.party, user: user, client: &http.Client{
		Transport: s.http.Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// landing is where a browser stops: at the relying party, to which nothing is sent, or at a page of the server without
// a button to press.
type landing struct {
	url    *url.URL
	posted url.Values // nil for a GET
	status int        // of the page
	page   *html.Node // nil at the relying party
}

func (l landing) atParty() bool { return l.page == nil }

// step is the next request of a browser.
type step struct {
	url  string
	form url.Values // nil for a GET
	by   *url.URL   // the page that has the form; nil: none
}

// open opens an address, and goes on until it stops.
func (b *browser) open(address string) landing {
	b.t.Helper()
	return b.run(step{url: address})
}

func (b *browser) run(next step) landing {
	b.t.Helper()
	for range 20 {
		at, err := url.Parse(next.url)
		require.NoError(b.t, err)
		if strings.HasPrefix(next.url, b.party+"/") {
			return landing{url: at, posted: next.form}
		}
		require.True(b.t, strings.HasPrefix(next.url, b.issuer+"/"), "the browser was sent to %s", next.url)
		response := b.send(next)
		if response.StatusCode >= 300 && response.StatusCode < 400 {
			to, err := response.Location()
			require.NoError(b.t, err)
			require.NoError(b.t, response.Body.Close())
			next = step{url: to.String()}
			continue
		}
		page, err := html.Parse(response.Body)
		require.NoError(b.t, err)
		require.NoError(b.t, response.Body.Close())
		var ok bool
		if next, ok = b.answer(at, page); !ok {
			return landing{url: at, status: response.StatusCode, page: page}
		}
	}
	require.Fail(b.t, "the browser does not stop", "it has pressed %s", b.pressed)
	return landing{}
}

func (b *browser) send(s step) *http.Response {
	b.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if s.form != nil {
		method, body = http.MethodPost, strings.NewReader(s.form.Encode())
	}
	request, err := http.NewRequestWithContext(b.t.Context(), method, s.url, body)
	require.NoError(b.t, err)
	if s.form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", b.party)
	}
	if s.by != nil {
		request.Header.Set("Origin", b.issuer)
		request.Header.Set("Referer", s.by.String())
	}
	response, err := b.client.Do(request)
	require.NoError(b.t, err)
	return response
}

// answer returns what a user does on a page, if anything can be done.
func (b *browser) answer(at *url.URL, page *html.Node) (step, bool) {
	if refresh := find(page, "http-equiv", "refresh"); refresh != nil {
		_, to, _ := strings.Cut(attribute(refresh, "content"), "url=")
		return b.link(at, to), true
	}
	for _, button := range []string{"login-submit", "consent-allow", "sign-out-submit", "continue"} {
		element := find(page, "id", button)
		if element == nil || element.Data != "button" {
			continue
		}
		if button != "continue" {
			b.pressed = append(b.pressed, button)
		}
		form := element.Parent
		for form.Data != "form" {
			form = form.Parent
		}
		next := b.link(at, attribute(form, "action"))
		next.by, next.form = at, url.Values{}
		for field := range form.Descendants() {
			if name := attribute(field, "name"); name != "" && field.Data == "input" {
				next.form.Set(name, attribute(field, "value"))
			}
		}
		if name := attribute(element, "name"); name != "" {
			next.form.Set(name, attribute(element, "value"))
		}
		if button == "login-submit" {
			next.form.Set("username", b.user)
			next.form.Set("password", password)
		}
		return next, true
	}
	return step{}, false
}

// link returns the step of a link on a page.
func (b *browser) link(at *url.URL, to string) step {
	b.t.Helper()
	u, err := at.Parse(to)
	require.NoError(b.t, err)
	return step{url: u.String()}
}

// find returns the first element of a page with an attribute, or nil.
func find(page *html.Node, name, value string) *html.Node {
	for node := range page.Descendants() {
		if node.Type == html.ElementNode && attribute(node, name) == value {
			return node
		}
	}
	return nil
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
