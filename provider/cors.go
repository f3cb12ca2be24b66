package provider

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/rs/cors"

	"github.com/lingpai/lingpai/clients"
)

// corsPolicy determines the origins whose scripts may call an endpoint.
type corsPolicy int

const (
	corsNone       corsPolicy = iota // no origin: for endpoints that only APIs and gateways call
	corsRegistered                   // origins that a client registered
	corsAny                          // all origins: for public documents
)

// withCORS adds CORS headers to all responses of next, including errors, and answers preflight requests. At an endpoint
// for registered origins it refuses requests of pages of other origins.
func (t *router) withCORS(policy corsPolicy, next http.Handler) http.Handler {
	switch policy {
	case corsRegistered:
		return registeredCORS(t.clients).Handler(t.withoutStrangers(next))
	case corsAny:
		return allowing(cors.Options{AllowedOrigins: []string{"*"}, ExposedHeaders: []string{"Etag"}}).Handler(next)
	default:
		return next
	}
}

var errStranger = badRequest("Pages of this origin may not call this endpoint. Register the origin with the client.")

// withoutStrangers refuses requests of pages whose origin no client has registered, before anything is counted: any
// page can make its visitors' browsers send a form, and so try passwords from their addresses. Browsers send Origin
// with every such request; mini-programs, servers and apps send none. That the origin is one of the client's own is
// checked when the client is known.
func (t *router) withoutStrangers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := w.Header().Get("Access-Control-Allow-Origin") // registeredCORS has found it
		origins := slices.DeleteFunc(slices.Clone(r.Header.Values("Origin")), t.own)
		for _, origin := range origins {
			if origin != allowed && !t.clients.AllowsOrigin(r.Context(), origin) {
				t.errs.writeError(w, r, errStranger)
				return
			}
		}
		if len(origins) == 0 {
			r.Header.Del("Origin") // clients need not register it
		}
		next.ServeHTTP(w, r)
	})
}

// own reports whether an origin is that of the issuer, or one that no stranger's page can have. WeChat DevTools runs
// mini-programs as pages of servicewechat.com or of loopback. No browser sends an empty origin.
func (t *router) own(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return origin == "" || origin == t.origin || origin == "https://servicewechat.com" || u.Hostname() == "localhost" ||
		err == nil && address.IsLoopback()
}

// registeredCORS lets scripts of origins that a client registered call an endpoint. There are no cookies, so
// credentials stay off. The function is also called for requests without an origin; these need no look-up.
func registeredCORS(clients *clients.Registry) *cors.Cors {
	return allowing(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			return origin != "" && clients.AllowsOrigin(r.Context(), origin), nil
		},
		ExposedHeaders: []string{"Retry-After", "WWW-Authenticate", "X-Request-Id"},
	})
}

// allowing adds to options that scripts may send requests by any method, so that they can read a 405, and with any
// header: libraries for tracing add their own.
func allowing(options cors.Options) *cors.Cors {
	options.AllowedMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete}
	options.AllowedHeaders = []string{"*"}
	options.MaxAge = 600
	return cors.New(options)
}
