package verify

import (
	"encoding/json"
	"net/http"
	"strings"
)

// refusal is the answer to a rejected request (RFC 6750 §3).
type refusal struct {
	status      int
	Error       string `json:"error,omitempty"`
	Description string `json:"error_description"`
	Scope       string `json:"scope,omitempty"`
}

// noToken has no error code (RFC 6750 §3.1).
func noToken() *refusal {
	return &refusal{status: http.StatusUnauthorized, Description: "Send the access token as Authorization: Bearer."}
}

func twoTokens() *refusal {
	return &refusal{status: http.StatusBadRequest, Error: "invalid_request",
		Description: "Send one Authorization header."}
}

func badToken() *refusal {
	return &refusal{status: http.StatusUnauthorized, Error: "invalid_token",
		Description: "The access token is invalid or has expired."}
}

func unavailable() *refusal {
	return &refusal{status: http.StatusServiceUnavailable, Error: "temporarily_unavailable",
		Description: "Tokens cannot be checked at the moment."}
}

// notWired is for a handler that is not behind Middleware: an error of the API that no token can fix.
func notWired() *refusal {
	return &refusal{status: http.StatusInternalServerError, Error: "server_error",
		Description: "This API is misconfigured."}
}

func lacksScope(scopes []string) *refusal {
	return &refusal{
		status: http.StatusForbidden, Error: "insufficient_scope", Description: "The access token lacks a scope.",
		Scope: strings.Join(scopes, " "),
	}
}

func lacksRole() *refusal {
	return &refusal{status: http.StatusForbidden, Error: "insufficient_scope", Description: "The user lacks a role."}
}

// answer writes the refusal, with a challenge unless it is an error of the server.
func (f *refusal) answer(w http.ResponseWriter, challenge string) {
	header := w.Header()
	if f.status < http.StatusInternalServerError {
		header.Set("WWW-Authenticate", challenge+f.parameters())
	}
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(f) // an error means that the caller is gone
}

// parameters returns what the refusal adds to the challenge (RFC 6750 §3).
func (f *refusal) parameters() (text string) {
	if f.Error != "" {
		text = ", error=" + quoted(f.Error) + ", error_description=" + quoted(f.Description)
	}
	if f.Scope != "" {
		text += ", scope=" + quoted(f.Scope)
	}
	return text
}

// challengeOf returns the challenge of a request without a token (RFC 6750 §3), without resource_metadata if the API
// has none (RFC 9728 §5.1). The realm is the audience, so that there always is a parameter.
func challengeOf(audience string, m *resourceMetadata) string {
	challenge := "Bearer realm=" + quoted(audience)
	if m != nil {
		challenge += ", resource_metadata=" + quoted(m.url)
	}
	return challenge
}

// quoted returns a quoted-string (RFC 9110 §5.6.4).
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
