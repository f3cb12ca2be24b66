package provider

import (
	"net/http"

	"github.com/lingpai/lingpai/access"
)

// userinfoEndpoint is OpenID Connect Core §5.3.
type userinfoEndpoint struct{ access *access.Service }

func (e userinfoEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	bearer, err := readBearer(r)
	if err != nil {
		return err
	}
	info, err := e.access.UserInfo(r.Context(), bearer)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, info)
	return nil
}
