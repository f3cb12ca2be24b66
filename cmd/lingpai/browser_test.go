package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// visitor is a user with a browser without JavaScript.
type visitor struct {
	t      *testing.T
	client *http.Client
	stopAt string // the path whose request is not sent
	at     *url.URL
	status int
	page   *html.Node
}

func newVisitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	v := &visitor{t: t, client: &http.Client{Jar: jar}}
	v.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == v.stopAt {
			v.at = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}
	return v
}

// open follows a link, and what the pages lead to by themselves.
func (v *visitor) open(target string) {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, target, http.NoBody)
	require.NoError(v.t, err)
	v.send(request)
}

func (v *visitor) send(request *http.Request) {
	v.t.Helper()
	request.Header.Set("Accept-Language", "en")
	v.at = nil
	response, err := v.client.Do(request)
	require.NoError(v.t, err)
	defer response.Body.Close()
	v.page, err = html.Parse(response.Body)
	require.NoError(v.t, err)
	v.status = response.StatusCode
	if v.at != nil { // it was stopped
		return
	}
	v.at = response.Request.URL
	for node := range v.page.Descendants() {
		if _, to, found := strings.Cut(attribute(node, "content"), "0;url="); found {
			next, err := v.at.Parse(to)
			require.NoError(v.t, err)
			v.open(next.String())
			return
		}
	}
}

// press presses a button, given by its id, after filling in fields of its form.
func (v *visitor) press(id string, pairs ...string) {
	v.t.Helper()
	button := v.element(id)
	form := button
	for form.Data != "form" {
		form = form.Parent
		require.NotNil(v.t, form, "%s is not in a form", id)
	}
	values := url.Values{}
	for node := range form.Descendants() {
		if attribute(node, "type") == "hidden" || node == button {
			values.Set(attribute(node, "name"), attribute(node, "value"))
		}
	}
	for n := 0; n < len(pairs); n += 2 {
		values.Set(pairs[n], pairs[n+1])
	}
	target, err := v.at.Parse(attribute(form, "action"))
	require.NoError(v.t, err)
	v.post(target.String(), "same-origin", values)
}

// post posts a form of a page that is at the same origin or cross-site.
func (v *visitor) post(target, site string, values url.Values) {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, target,
		strings.NewReader(values.Encode()))
	require.NoError(v.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sec-Fetch-Site", site)
	v.send(request)
}

// element returns the element with an id.
func (v *visitor) element(id string) *html.Node {
	v.t.Helper()
	for node := range v.page.Descendants() {
		if attribute(node, "id") == id {
			return node
		}
	}
	require.Fail(v.t, "no element "+id, v.text())
	return nil
}

// text returns the text of the page.
func (v *visitor) text() string { return textOf(v.page) }

func textOf(node *html.Node) string {
	var text strings.Builder
	for child := range node.Descendants() {
		if child.Type == html.TextNode {
			text.WriteString(child.Data)
		}
	}
	return text.String()
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
