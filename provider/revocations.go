package provider

import (
	"net/http"

	"github.com/lingpai/lingpai/access"
)

// revocationsEndpoint is the signed list of sessions that ended before their access tokens expired. Whoever may
// verify tokens may read it: it holds hashes of session ids, and tells a stranger only how many people left.
type revocationsEndpoint struct{ access *access.Service }

var (
	revocationsType = []string{"application/revocations+jwt"}
	// as old as what we serve may be: a cache between doubles it at most
	briefCache = []string{"public, max-age=1"}
)

func (e revocationsEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	list, etag, err := e.access.Revocations(r.Context())
	if err != nil {
		return err
	}
	content{list, etag, revocationsType, briefCache}.serve(w, r)
	return nil
}
