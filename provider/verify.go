package provider

import (
	"net/http"
	"net/url"

	"github.com/lingpai/lingpai/access"
)

// verifyEndpoint answers gateways (nginx's auth_request, Traefik's and Caddy's forward auth) that ask before
// they pass a request on: 204 and who is calling, 401, or 403. The gateway's own configuration stands in the
// query string:
//
//	/verify?audience=https://api.example.com&scope=orders.read
//
// audience is required: without it a token that any client got for any other API would pass (RFC 9068 §4). So
// is the right spelling: a misspelt requirement must not pass for none. What the gateway got wrong is 400,
// and is found before anything of the caller's is looked at, so it shows at the very first request.
type verifyEndpoint struct{ access *access.Service }

func (e verifyEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	caller, err := e.verify(r)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("X-Auth-Subject", caller.Subject)
	header.Set("X-Auth-Client", caller.ClientID)
	// empty for a client that acts for itself: then the subject is no user
	header.Set("X-Auth-Session", caller.Session)
	// these two are there though they be empty, for the gateway to overwrite what the caller made up
	header.Set("X-Auth-Scope", caller.Scope)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (e verifyEndpoint) verify(r *http.Request) (access.Verified, error) {
	need, err := readRequirement(r.URL.RawQuery)
	if err != nil {
		return access.Verified{}, err
	}
	bearer, err := headerBearer(r.Header)
	if err != nil {
		return access.Verified{}, err
	}
	return e.access.Verify(r.Context(), bearer, need)
}

// readRequirement takes what a gateway asks for: audience, and scope if any is needed, each once and nothing
// else. An empty value is a variable that its configuration forgot to set, so it counts as wrong and not as
// absent.
func readRequirement(rawQuery string) (access.Requirement, error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return access.Requirement{}, errBadRequirement
	}
	for name, values := range query {
		known := name == "audience" || name == "scope"
		if !known || len(values) > 1 || values[0] == "" || !cleanText(values[0]) {
			return access.Requirement{}, errBadRequirement
		}
	}
	return access.NewRequirement(query.Get("audience"), query.Get("scope"))
}

var errBadRequirement = badRequest("Ask with audience, and with scope if one is needed: each once, not " +
	"empty, and nothing else.")
