package provider

import (
	"net/http"

	"github.com/rs/cors"

	"github.com/lingpai/lingpai/grants"
)

// clientCORS lets scripts of origins that a client registered call an endpoint by its methods. There are no
// cookies, so credentials stay off. It is asked about requests without an origin too, of which nothing is to
// be looked up.
func clientCORS(manager *grants.Manager, methods ...string) *cors.Cors {
	return cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			return origin != "" && manager.AllowsOrigin(r.Context(), origin), nil
		},
		AllowedMethods: methods,
		AllowedHeaders: []string{"Authorization", "Content-Type", "Idempotency-Key"},
		ExposedHeaders: []string{"Retry-After", "WWW-Authenticate", "X-Request-Id"},
		MaxAge:         600,
	})
}

// publicCORS lets any script read what is public.
func publicCORS() *cors.Cors {
	return cors.New(cors.Options{
		AllowedOrigins: []string{"*"},
		AllowedMethods: []string{http.MethodGet, http.MethodHead},
		AllowedHeaders: []string{"*"},
		ExposedHeaders: []string{"Etag"},
		MaxAge:         600,
	})
}
