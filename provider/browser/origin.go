package browser

import (
	"net/http"
	"net/url"
	"strings"
)

// origin is the origin of the issuer, whose pages alone may post forms here.
type origin string

func newOrigin(issuer *url.URL) origin { return origin(issuer.Scheme + "://" + issuer.Host) }

// isForeign reports whether a form may have been posted by another site's page. Browsers since 2023 say so in
// Sec-Fetch-Site. Older ones tell the page's origin in Origin, or at least the page in Referer, unless the page of
// another site has forbidden it. The scheme counts: on http, anybody on the network can be this host.
func (o origin) isForeign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		if from := r.Header.Get("Origin"); from != "" {
			return from != string(o)
		}
		return !strings.HasPrefix(r.Referer(), string(o)+"/")
	}
	return true
}
