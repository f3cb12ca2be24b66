package provider

import (
	"net/http"

	"github.com/lingpai/lingpai/access"
)

// revocationsEndpoint serves the signed list of sessions that ended before their access tokens expired. It is public:
// it contains hashes of session ids, and reveals only how many sessions ended.
type revocationsEndpoint struct{ access *access.Service }

var (
	revocationsType = []string{"application/revocations+jwt"}
	// as old as the list itself may be, so a shared cache at most doubles its age
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
