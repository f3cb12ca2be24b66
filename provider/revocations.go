package provider

import (
	"net/http"

	"github.com/lingpai/lingpai/grants"
)

// revocationsEndpoint is the signed list of sessions that ended before their access tokens expired. Whoever
// may verify tokens may read it: it holds hashes of session ids, and tells a stranger only how many people
// left.
type revocationsEndpoint struct {
	manager *grants.Manager
	answers answers
}

var (
	revocationsType = []string{"application/revocations+jwt"}
	// as old as what we serve may be: a cache between doubles it at most
	briefCache = []string{"public, max-age=1"}
)

// ServeHTTP implements http.Handler.
func (e *revocationsEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	list, etag, err := e.manager.Revocations(r.Context())
	if err != nil {
		e.answers.writeError(w, r, err)
		return
	}
	serveDocument(w, r, list, etag, revocationsType, briefCache)
}
