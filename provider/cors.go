package provider

import (
	"net/http"

	"github.com/rs/cors"

	"github.com/lingpai/lingpai/clients"
)

// corsPolicy determines the origins whose scripts may call an endpoint.
type corsPolicy int

const (
	corsNone       corsPolicy = iota // no origin: for endpoints that only APIs and gateways call
	corsRegistered                   // origins that a client registered, by GET and POST
	corsAccount                      // origins that a client registered, by PUT and DELETE too
	corsAny                          // all origins: for public documents
)

// withCORS adds CORS headers to all responses of next, including errors, and answers preflight requests.
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
// credentials stay off. The function is also called for requests without an origin; these need no look-up.
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

// anyCORS lets scripts of every origin read a document.
func anyCORS() *cors.Cors {
	return cors.New(cors.Options{
		AllowedOrigins: []string{"*"},
		AllowedMethods: readMethods,
		AllowedHeaders: []string{"*"},
		ExposedHeaders: []string{"Etag"},
		MaxAge:         600,
	})
}
