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
func (f *refusal) answer(w http.ResponseWriter, realm string) {
	header := w.Header()
	if f.status < http.StatusInternalServerError {
		header.Set("WWW-Authenticate", f.challenge(realm))
	}
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(f) // an error means that the caller is gone
}

// challenge returns the value of WWW-Authenticate (RFC 6750 §3). The realm is the audience, so there is always a
// parameter.
func (f *refusal) challenge(realm string) string {
	value := "Bearer realm=" + quoted(realm)
	if f.Error != "" {
		value += ", error=" + quoted(f.Error) + ", error_description=" + quoted(f.Description)
	}
	if f.Scope != "" {
		value += ", scope=" + quoted(f.Scope)
	}
	return value
}

// quoted returns a quoted-string (RFC 9110 §5.6.4).
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
