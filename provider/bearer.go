package provider

import (
	"net/http"
	"strings"

	"github.com/lingpai/lingpai/oauth"
)

var (
	// errNoToken answers a request without a token; its challenge has no error code (RFC 6750 §3.1).
	errNoToken   = oauth.NewError(oauth.InvalidToken, "Send the access token as Authorization: Bearer.")
	errTwoTokens = badRequest("Send the access token only once.")
)

// readBearer takes the access token from the header, or for POST from the form (RFC 6750 §2.1, §2.2), never
// from the query string.
func readBearer(r *http.Request) (string, error) {
	if r.URL.Query().Has("access_token") {
		return "", badRequest("Send the access token in the Authorization header: query strings end up in logs.")
	}
	var inForm string
	if r.Method == http.MethodPost && r.ContentLength != 0 {
		if err := readForm(r); err != nil {
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
func readBearerAndForm(r *http.Request) (string, error) {
	if err := readForm(r); err != nil {
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
