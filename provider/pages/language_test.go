package pages_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/lingpai/lingpai/provider/pages"
)

// TestLanguage: ui_locales comes before Accept-Language, and that before the default.
func TestLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ locales, accept, fallback, want string }{
		{"", "", "en", "en"}, {"", "", "zh-CN", "zh-CN"}, {"", "fr, de;q=0.5", "en", "en"},
		{"", "de, zh;q=0.5", "en", "zh-CN"}, {"", "en-GB,en;q=0.9", "zh-CN", "en"}, {"", "zh-Hans-SG", "en", "zh-CN"},
		{"", "zh-TW", "en", "zh-CN"}, {"", "%%%", "en", "en"},
		{"en", "zh-CN", "zh-CN", "en"}, {"fr zh-CN", "en", "en", "zh-CN"}, {"zh", "en", "en", "zh-CN"},
		{"fr", "zh-CN", "en", "zh-CN"}, {"not_a_language! en", "zh-CN", "zh-CN", "en"},
		{strings.Repeat("fr ", 1000) + "zh-CN", "", "en", "en"},
	} {
		theme := newTheme(t)
		theme.Language = c.fallback
		r := httptest.NewRequest(http.MethodGet, "/id/x?"+url.Values{"ui_locales": {c.locales}}.Encode(), nil)
		r.Header.Set("Accept-Language", c.accept)
		response := renderFor(newPages(t, theme), r, pages.SignIn{})
		require.Equal(t, c.want, response.Header.Get("Content-Language"), "%+v", c)
	}
}

// TestOtherLanguage: the link changes nothing but the language, and is not there where it would repeat a form.
func TestOtherLanguage(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	r := httptest.NewRequest(http.MethodGet, "/id/x?b=1%262&ui_locales=en+fr&a=%22%3E", nil)
	links := inChinese(parsed(t, renderFor(p, r, pages.SignIn{})))
	require.Len(t, links, 1)
	require.Equal(t, "中文", textOf(links[0]))
	followed, err := r.URL.Parse(attribute(links[0], "href"))
	require.NoError(t, err)
	require.Equal(t, "/id/x", followed.Path)
	require.Equal(t, url.Values{"a": {`">`}, "b": {"1&2"}, "ui_locales": {"zh-CN"}}, followed.Query())
	response := renderFor(p, httptest.NewRequest(http.MethodGet, followed.String(), nil), pages.SignIn{})
	require.Equal(t, "zh-CN", response.Header.Get("Content-Language"))
	r = httptest.NewRequest(http.MethodPost, "/id/x", nil)
	require.Empty(t, inChinese(parsed(t, renderFor(p, r, pages.SignIn{}))))
}

// inChinese returns the links to pages in Chinese.
func inChinese(document *html.Node) (found []*html.Node) {
	for _, link := range elements(document, "a") {
		if attribute(link, "hreflang") == "zh-CN" {
			found = append(found, link)
		}
	}
	return found
}
