package provider

import (
	"net/http"
	"slices"

	"github.com/rs/cors"

	"github.com/lingpai/lingpai/clients"
)

// corsPolicy says scripts of which origins may call an endpoint.
type corsPolicy int

const (
	corsNone       corsPolicy = iota // APIs and gateways are no scripts
	corsRegistered                   // origins that a client registered
	corsAny                          // what is public
)

// withCORS lets scripts call an endpoint by its methods.
func withCORS(policy corsPolicy, clients *clients.Registry, methods []string, next http.Handler) http.Handler {
	switch policy {
	case corsRegistered:
		return registeredCORS(clients, methods).Handler(next)
	case corsAny:
		return anyCORS().Handler(next)
	}
	return next
}

// registeredCORS lets scripts of origins that a client registered call an endpoint, and read its refusal of GET and
// POST. There are no cookies, so credentials stay off. It is asked about requests without an origin too, of which
// nothing is to be looked up.
func registeredCORS(clients *clients.Registry, methods []string) *cors.Cors {
	return cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			return origin != "" && clients.AllowsOrigin(r.Context(), origin), nil
		},
		AllowedMethods: append(slices.Clone(methods), http.MethodGet, http.MethodPost),
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
