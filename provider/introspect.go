package provider

import (
	"net/http"

	"github.com/lingpai/lingpai/access"
)

// introspectionEndpoint is RFC 7662. It answers JSON whatever Accept says: signed responses (RFC 9701) are not
// supported.
type introspectionEndpoint struct{ access *access.Service }

func (e introspectionEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	answer, err := e.access.Introspect(r.Context(), r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}
