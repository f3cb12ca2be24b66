package provider

import (
	"net/http"
	"strings"

	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/oauth"
)

// userinfoEndpoint is OpenID Connect Core §5.3.
type userinfoEndpoint struct {
	manager *grants.Manager
	answers answers
}

var (
	// errNoToken asks for a token without calling anything invalid (RFC 6750 §3.1).
	errNoToken = &oauth.Error{Code: oauth.InvalidToken,
		Description: "Send the access token as Authorization: Bearer."}
	errTwoTokens = badRequest("Send the access token in one way only.")
)

// ServeHTTP implements http.Handler.
func (e *userinfoEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	bearer, err := readBearer(w, r)
	if err != nil {
		e.answers.writeError(w, r, err)
		return
	}
	info, err := e.manager.UserInfo(r.Context(), bearer)
	if err != nil {
		e.answers.writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, info)
}

// readBearer takes the access token from the header, or for POST from the form (RFC 6750 §2.1, §2.2), never
// from the query string.
func readBearer(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		return "", oauth.NewError(oauth.MethodNotAllowed, "Use GET or POST.")
	}
	if r.URL.Query().Has("access_token") {
		return "", badRequest("Send the access token in the Authorization header: query strings end up in logs.")
	}
	var inForm string
	if r.Method == http.MethodPost && r.ContentLength != 0 {
		if err := readForm(w, r); err != nil {
			return "", err
		}
		inForm = r.PostForm.Get("access_token")
	}
	if inForm == "" {
		return headerBearer(r.Header)
	}
	if len(r.Header.Values("Authorization")) > 0 {
		return "", errTwoTokens
	}
	return inForm, nil
}

// readBearerAndForm reads a form, and takes the access token from the header only.
func readBearerAndForm(w http.ResponseWriter, r *http.Request) (string, error) {
	if err := readForm(w, r); err != nil {
		return "", err
	}
	if r.PostForm.Has("access_token") {
		return "", badRequest("Send the access token in the Authorization header.")
	}
	return headerBearer(r.Header)
}

// headerBearer takes the access token from the Authorization header (RFC 6750 §2.1).
func headerBearer(header http.Header) (string, error) {
	values := header.Values("Authorization")
	if len(values) > 1 {
		return "", errTwoTokens
	}
	scheme, token, _ := strings.Cut(header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errNoToken
	}
	return token, nil
}
