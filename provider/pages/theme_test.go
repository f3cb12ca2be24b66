package pages_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/provider/pages"
)

// asset returns the answer to a request for a path.
func asset(p *pages.Pages, path string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.HandleFunc("/id"+pages.AssetPattern, p.ServeAsset)
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder
}

// TestColors: a theme whose text is hard to read is refused, as is whatever could leave the style sheet.
func TestColors(t *testing.T) {
	t.Parallel()
	for changes, problem := range map[string]string{
		"accent=#07c160": "accent (#07c160) is hard to see on background (#f6f7f6): the contrast is 2.2, and must be " +
			"at least 4.5",
		"muted=#999999":                         "muted (#999999) is hard to see on background",
		"line=#eeeeee":                          "line (#eeeeee) is hard to see on background (#f6f7f6)",
		"accent-text=#777777":                   "accent-text (#777777) is hard to see on accent (#0d6b4f)",
		"accent=red":                            "not the name of a color and its value",
		"brand=#000000":                         "not the name of a color and its value",
		"accent=#000000;}body{display:none}":    "not the name of a color and its value",
		"accent=#00000\n":                       "not the name of a color and its value",
		"accent=#0d6b4f,accent=#0d6b4f":         "accent has two values",
		"background=#000000,surface=#000000":    "text (#18211d) is hard to see on background (#000000)",
		"accent":                                "not the name of a color and its value",
		"text=#18211d, error=#b3261e,line=#000": "not the name of a color and its value",
	} {
		_, err := pages.LightColors(changes)
		require.ErrorContains(t, err, problem, changes)
	}
	_, err := pages.DarkColors("accent=#0d6b4f")
	require.ErrorContains(t, err, "accent (#0d6b4f) is hard to see")
	theme := newTheme(t)
	theme.Light, err = pages.LightColors(" accent=#1A4FA0 , ")
	require.NoError(t, err)
	style := asset(newPages(t, theme), stylePath(t, theme)).Body.String()
	require.Contains(t, style, "--accent:#1A4FA0;")
	require.Contains(t, style, "@media(prefers-color-scheme:dark){:root{--background:#121614;")
}

// stylePath returns the path of the style sheet.
func stylePath(t *testing.T, theme pages.Theme) string {
	t.Helper()
	for _, link := range elements(parsed(t, render(newPages(t, theme), "en", pages.SignIn{})), "link") {
		if attribute(link, "rel") == "stylesheet" {
			return attribute(link, "href")
		}
	}
	require.Fail(t, "no style sheet")
	return ""
}

// TestAssets: a file is kept by browsers until it changes. A replica with another version gives what it has, which
// nobody may keep under that name.
func TestAssets(t *testing.T) {
	t.Parallel()
	theme := newTheme(t)
	p := newPages(t, theme)
	path := stylePath(t, theme)
	found := asset(p, path)
	require.Equal(t, "public, max-age=31536000, immutable", found.Header().Get("Cache-Control"))
	require.Equal(t, "text/css; charset=utf-8", found.Header().Get("Content-Type"))
	var err error
	theme.Light, err = pages.LightColors("accent=#1a4fa0")
	require.NoError(t, err)
	require.NotEqual(t, path, stylePath(t, theme))
	other := asset(p, stylePath(t, theme))
	require.Equal(t, "no-store", other.Header().Get("Cache-Control"))
	require.Equal(t, found.Body, other.Body)
	require.Equal(t, http.StatusNotFound, asset(p, strings.Replace(path, "style.css", "pages.go", 1)).Code)
}

// TestLogo: it is a picture, and what a drawing contains does not run.
func TestLogo(t *testing.T) {
	t.Parallel()
	var picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))))
	for _, file := range []string{svg, `<?xml version="1.0"?><!-- x -->` + svg, picture.String()} {
		require.NoError(t, pages.CheckLogo([]byte(file)))
		theme := newTheme(t)
		theme.Logo = []byte(file)
		p := newPages(t, theme)
		found := asset(p, attribute(elements(parsed(t, render(p, "en", pages.SignIn{})), "img")[0], "src"))
		require.Equal(t, file, found.Body.String())
		require.Contains(t, []string{"image/png", "image/svg+xml"}, found.Header().Get("Content-Type"))
		require.Contains(t, found.Header().Get("Content-Security-Policy"), "default-src 'none'")
	}
	for file, problem := range map[string]string{
		"": "neither", "<svg/>": "neither", "<html></html>": "neither", "GIF89a": "neither",
		"\x89PNG\r\n\x1a\n":                      "neither",
		svg + strings.Repeat(" ", pages.MaxLogo): "the file has 20521 bytes, and may have 20480",
	} {
		require.ErrorContains(t, pages.CheckLogo([]byte(file)), problem)
	}
	theme := newTheme(t)
	theme.Logo = nil
	require.Empty(t, elements(parsed(t, render(newPages(t, theme), "en", pages.SignIn{})), "img"))
}

// TestTheme: the defaults of a theme, and the version that goes with a consent.
func TestTheme(t *testing.T) {
	t.Parallel()
	theme := newTheme(t)
	require.Equal(t, "2026-11", theme.LinkedTerms())
	theme.Name, theme.TermsURL, theme.PrivacyURL = "", "", ""
	p := newPages(t, theme)
	require.Empty(t, theme.LinkedTerms(), "there are no terms")
	require.Equal(t, "Sign in · login.example.com",
		textOf(elements(parsed(t, render(p, "en", pages.SignIn{})), "title")[0]))
	for _, link := range []string{"", "http://example.com", "javascript:alert(1)", "//example.com", "https://a:b@c"} {
		require.Error(t, pages.CheckLink(link), link)
	}
	require.NoError(t, pages.CheckLink("https://example.com/terms?v=2"))
}
