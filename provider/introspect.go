package provider

import (
	"net/http"

	"github.com/lingpai/lingpai/grants"
)

// introspectionEndpoint is RFC 7662. It answers JSON whatever Accept says: signed answers (RFC 9701) are not made here.
type introspectionEndpoint struct {
	manager *grants.Manager
	answers answers
}

// ServeHTTP implements http.Handler.
func (e *introspectionEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	answer, err := e.introspect(w, r)
	if err != nil {
		e.answers.writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (e *introspectionEndpoint) introspect(w http.ResponseWriter, r *http.Request) (grants.Introspection, error) {
	if err := readForm(w, r); err != nil {
		return grants.Introspection{}, err
	}
	return e.manager.Introspect(r.Context(), r)
}
