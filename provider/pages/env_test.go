package pages_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/lingpai/lingpai/provider/pages"
)

const issuer = "https://login.example.com/id"

const svg = `<svg xmlns="http://www.w3.org/2000/svg"/>`

// newTheme returns a theme with everything that a theme can have.
func newTheme(t *testing.T) pages.Theme {
	t.Helper()
	light, err := pages.LightColors("")
	require.NoError(t, err)
	dark, err := pages.DarkColors("")
	require.NoError(t, err)
	return pages.Theme{Name: "Example", Logo: []byte(svg), Language: "en", Light: light, Dark: dark,
		TermsURL: "https://example.com/terms", PrivacyURL: "https://example.com/privacy", TermsVersion: "2026-11"}
}

func newPages(t *testing.T, theme pages.Theme) *pages.Pages {
	t.Helper()
	p, err := pages.New(issuer, theme)
	require.NoError(t, err)
	return p
}

// render returns the answer to a GET request of a browser that wants a language.
func render(p *pages.Pages, lang string, page pages.Page) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "/id/here?to=authorize", nil)
	r.Header.Set("Accept-Language", lang)
	return renderFor(p, r, page)
}

func renderFor(p *pages.Pages, r *http.Request, page pages.Page) *http.Response {
	recorder := httptest.NewRecorder()
	p.Render(recorder, r, http.StatusOK, page)
	return recorder.Result()
}

// parsed returns the document of an answer.
func parsed(t *testing.T, response *http.Response) *html.Node {
	t.Helper()
	document, err := html.Parse(response.Body)
	require.NoError(t, err)
	return document
}

// elements returns the elements with a name, or all of them if it is empty.
func elements(document *html.Node, name string) (found []*html.Node) {
	for node := range document.Descendants() {
		if node.Type == html.ElementNode && (name == "" || node.Data == name) {
			found = append(found, node)
		}
	}
	return found
}

// attribute returns the value of an attribute, or "".
func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// byID returns the element with an id.
func byID(t *testing.T, document *html.Node, id string) *html.Node {
	t.Helper()
	for _, node := range elements(document, "") {
		if attribute(node, "id") == id {
			return node
		}
	}
	require.Fail(t, "no element", id)
	return nil
}

// textOf returns the text of a node.
func textOf(node *html.Node) string {
	var text strings.Builder
	for child := range node.Descendants() {
		if child.Type == html.TextNode {
			text.WriteString(child.Data)
		}
	}
	return strings.TrimSpace(text.String())
}
