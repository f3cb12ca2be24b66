package verify

import (
	"net/http"
	"slices"
)

// RequireScope passes on requests whose token has all of these scopes, and answers others with 403 and the required
// scopes (RFC 6750 §3.1). It must be used behind Middleware; otherwise every answer is 500.
func RequireScope(scope string, more ...string) func(http.Handler) http.Handler {
	needed := append([]string{scope}, more...)
	return require(lacksScope(needed), func(c *Claims) bool {
		held := c.Scopes()
		return !slices.ContainsFunc(needed, func(name string) bool { return !slices.Contains(held, name) })
	})
}

// RequireRole passes on requests whose user has at least one of these roles, and answers others with 403. Tokens have
// roles only if their scope includes "roles". It must be used behind Middleware; otherwise every answer is 500.
func RequireRole(role string, more ...string) func(http.Handler) http.Handler {
	enough := append([]string{role}, more...)
	return require(lacksRole(), func(c *Claims) bool { return slices.ContainsFunc(enough, c.HasRole) })
}

func require(lacking *refusal, allowed func(*Claims) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			found, ok := callerOf(r.Context())
			switch {
			case !ok:
				notWired().answer(w, "")
			case !allowed(found.claims):
				lacking.answer(w, found.challenge)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}
