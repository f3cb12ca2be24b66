package browser

import (
	"net/http"
	"net/url"
	"strings"
)

// origin is the origin of the issuer, whose pages alone may post forms here.
type origin struct {
	name       string
	protection *http.CrossOriginProtection
}

func newOrigin(issuer *url.URL) (origin, error) {
	o := origin{issuer.Scheme + "://" + issuer.Host, http.NewCrossOriginProtection()}
	return o, o.protection.AddTrustedOrigin(o.name)
}

// isForeign reports whether a form may have been posted by another site's page. CrossOriginProtection takes a request
// without Sec-Fetch-Site and Origin for that of a program. No program posts forms here, but browsers that are older
// than both headers do; these tell the page in Referer, unless the page of another site has forbidden it.
func (o origin) isForeign(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return !strings.HasPrefix(r.Referer(), o.name+"/")
	}
	return o.protection.Check(r) != nil
}
