package provider_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPagesHaveTheirFiles: those that a page refers to are at their paths.
func TestPagesHaveTheirFiles(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	page := w.get("/authorize", nil)
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	href := regexp.MustCompile(`href="([^"]+/style.css)"`).FindStringSubmatch(page.body)
	require.NotNil(t, href)
	style := w.get(href[1], nil)
	require.Equal(t, http.StatusOK, style.status)
	require.Equal(t, "text/css; charset=utf-8", style.header.Get("Content-Type"))
	require.Contains(t, style.header.Get("Cache-Control"), "immutable")
	icon := regexp.MustCompile(`rel="icon" href="([^"]+)"`).FindStringSubmatch(page.body)
	require.NotNil(t, icon, "otherwise browsers request /favicon.ico")
	require.Equal(t, "image/svg+xml", w.get(icon[1], nil).header.Get("Content-Type"))
	require.Equal(t, http.StatusNotFound, w.get("/pages/x/server.go", nil).status)
}
