package provider

import (
	"net/http"

	"github.com/lingpai/lingpai/access"
)

// revocationEndpoint is RFC 7009. The body is always empty: it reveals neither whether the token existed nor whether
// it was revoked.
type revocationEndpoint struct{ access *access.Service }

func (e revocationEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(r); err != nil {
		return err
	}
	if err := e.access.Revoke(r.Context(), r); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
