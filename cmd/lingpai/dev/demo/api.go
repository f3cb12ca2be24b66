package demo

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// apiPath is the path of the API, below the site's.
const apiPath = "/api"

// api is an API that verifies access tokens offline, with the issuer's key set (RFC 9068 §4).
func (s *Site) api(w http.ResponseWriter, r *http.Request) {
	issuer, err := s.issuer.read()
	if err != nil {
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "the key set cannot be read"})
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	var claims struct {
		Subject string `json:"sub"`
		Client  string `json:"client_id"`
		Scope   string `json:"scope"`
	}
	verified, err := issuer.atAPI.Verify(calling(r), token)
	if err == nil {
		err = verified.Claims(&claims)
	}
	switch {
	case err != nil || typeOf(token) != "at+jwt":
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
	case !slices.Contains(strings.Fields(claims.Scope), s.config.Scope):
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
		answer(w, http.StatusForbidden, map[string]string{"error": "insufficient_scope"})
	default:
		answer(w, http.StatusOK, map[string]string{"message": "Hello " + claims.Subject, "client_id": claims.Client,
			"scope": claims.Scope})
	}
}

// typeOf returns the type of a verified token, which is in its header.
func typeOf(token string) string {
	part, _, _ := strings.Cut(token, ".")
	text, _ := base64.RawURLEncoding.DecodeString(part)
	var header struct {
		Type string `json:"typ"`
	}
	_ = json.Unmarshal(text, &header)
	return header.Type
}

// answer writes JSON that people can read.
func answer(w http.ResponseWriter, status int, members map[string]string) {
	text, _ := json.MarshalIndent(members, "", "  ") // strings have no errors
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
