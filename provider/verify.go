package provider

import (
	"net/http"
	"net/url"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/oauth"
)

// verifyEndpoint answers gateways (nginx's auth_request, Traefik's and Caddy's forward auth) that ask before they pass
// a request on: 204 with headers that identify the caller, 401, or 403. The gateway's own configuration is in the query
// string:
//
//	/verify?audience=https://api.example.com&scope=orders.read
//
// audience is required: without it a token that any client got for any other API would pass (RFC 9068 §4). An unknown
// parameter is an error, so that a misspelt requirement is not ignored. Errors of the gateway are answered with 400
// before the caller's token is checked, so they show at the first request.
type verifyEndpoint struct{ access *access.Service }

func (e verifyEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	caller, err := e.verify(r)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("X-Auth-Subject", caller.Subject)
	header.Set("X-Auth-Client", caller.ClientID)
	// X-Auth-Session and X-Auth-Scope are set even if empty, so that the gateway overwrites what the caller sent.
	// The session is empty for a client that acts for itself: then the subject is not a user.
	header.Set("X-Auth-Session", caller.Session)
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

// readRequirement parses the query of a gateway: audience, and scope if any is needed, each once and nothing else. An
// empty value is an error, since it is probably a variable that the gateway's configuration forgot to set.
func readRequirement(rawQuery string) (access.Requirement, error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return access.Requirement{}, errBadRequirement
	}
	for name, values := range query {
		known := name == "audience" || name == "scope"
		if !known || len(values) > 1 || values[0] == "" || name != "scope" && !oauth.CleanText(values[0]) {
			return access.Requirement{}, errBadRequirement
		}
	}
	return access.NewRequirement(query.Get("audience"), query.Get("scope"))
}

var errBadRequirement = badRequest(
	"The query must contain audience and may contain scope, each once and not empty, and nothing else.")
