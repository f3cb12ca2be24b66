package provider

import (
	"net/http"

	"github.com/lingpai/lingpai/grants"
)

// revocationEndpoint is RFC 7009. Its answer is the status: an empty body says neither whether there was such
// a token nor what became of it.
type revocationEndpoint struct {
	manager *grants.Manager
	answers answers
}

// ServeHTTP implements http.Handler.
func (e *revocationEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	err := readForm(w, r)
	if err == nil {
		err = e.manager.Revoke(r.Context(), r)
	}
	if err != nil {
		e.answers.writeError(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}
