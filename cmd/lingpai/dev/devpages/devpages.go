// Package devpages renders the pages of "lingpai dev": its front page, and those of its demo site. They look like the
// pages of the provider.
package devpages

import (
	"embed"
	"net/http"
	"net/url"

	"github.com/lingpai/lingpai/provider/pages"
)

//go:embed templates/*.html words/*.json style.css
var files embed.FS

// New returns the pages in the look of a theme. Their assets are served below base, which is a URL.
func New(base string, theme pages.Theme) (*pages.Pages, error) {
	theme.Name = "lingpai dev" // not that of the provider's own pages
	return pages.NewWith(base, theme, files)
}

// Locales are the languages that a user has chosen with the link of a page, as ui_locales has them; "": none. The other
// links and the forms of the page carry them on.
type Locales string

// LocalesOf returns the languages that a request carries on.
func LocalesOf(r *http.Request) Locales { return Locales(r.URL.Query().Get("ui_locales")) }

// Query returns the query of a URL that carries the languages on, with its question mark, or "".
func (l Locales) Query() string {
	if l == "" {
		return ""
	}
	return "?" + url.Values{"ui_locales": {string(l)}}.Encode()
}
