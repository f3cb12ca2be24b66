package settings

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPages(t *testing.T) {
	folder := t.TempDir()
	const drawing = `<svg xmlns="http://www.w3.org/2000/svg"/>`
	write(t, folder, "logo.svg", drawing)
	write(t, folder, "scopes.json", `{"orders.read": {"zh-CN": "查看你的订单", "en": "See your orders"}}`)
	c, err := parsed(t, "--pages-name", "示例 ID", "--pages-logo", filepath.Join(folder, "logo.svg"),
		"--pages-scopes", filepath.Join(folder, "scopes.json"),
		"--pages-language", "en", "--pages-colors", "accent=#1a4fa0", "--pages-dark-colors", "accent=#9ec1ff",
		"--pages-terms-url", "https://example.com/terms", "--pages-terms-version", "2026-11")
	require.NoError(t, err)
	require.Equal(t, "示例 ID", c.Pages.Name)
	require.Equal(t, drawing, string(c.Pages.Logo))
	require.Equal(t, "See your orders", c.Pages.Scopes["orders.read"]["en"])
	require.Equal(t, "en", c.Pages.Language)
	require.Equal(t, "#1a4fa0", c.Pages.Light["accent"])
	require.Equal(t, "#9ec1ff", c.Pages.Dark["accent"])
	require.Equal(t, "https://example.com/terms", c.Pages.TermsURL)
	require.Equal(t, "2026-11", c.Pages.TermsVersion)
	require.Equal(t, "#18211d", Defaults().Pages.Light["text"])
}
