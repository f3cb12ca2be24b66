package provider

import (
	"net/http"

	"github.com/rs/cors"

	"github.com/lingpai/lingpai/clients"
)

// corsPolicy says scripts of which origins may call an endpoint.
type corsPolicy int

const (
	corsNone       corsPolicy = iota // APIs and gateways are no scripts
	corsRegistered                   // origins that a client registered, by GET and POST
	corsAccount                      // the same, by PUT and DELETE too
	corsAny                          // what is public
)

// withCORS lets scripts call an endpoint, and read why a method is refused.
func withCORS(policy corsPolicy, clients *clients.Registry, next http.Handler) http.Handler {
	switch policy {
	case corsRegistered:
		return registeredCORS(clients, http.MethodGet, http.MethodPost).Handler(next)
	case corsAccount:
		return registeredCORS(clients, http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete).Handler(next)
	case corsAny:
		return anyCORS().Handler(next)
	}
	return next
}

// registeredCORS lets scripts of origins that a client registered call an endpoint. There are no cookies, so
// credentials stay off. It is asked about requests without an origin too, of which nothing is to be looked up.
func registeredCORS(clients *clients.Registry, methods ...string) *cors.Cors {
	return cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			return origin != "" && clients.AllowsOrigin(r.Context(), origin), nil
		},
		AllowedMethods: methods,
		AllowedHeaders: []string{"Authorization", "Content-Type", "Idempotency-Key"},
		ExposedHeaders: []string{"Retry-After", "WWW-Authenticate", "X-Request-Id"},
		MaxAge:         600,
	})
}

// anyCORS lets any script read.
func anyCORS() *cors.Cors {
	return cors.New(cors.Options{
		AllowedOrigins: []string{"*"},
		AllowedMethods: readMethods,
		AllowedHeaders: []string{"*"},
		ExposedHeaders: []string{"Etag"},
		MaxAge:         600,
	})
}
