package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	oauth2 "github.com/go-oauth2/oauth2/v4/errors"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/grants"
)

// documentation is where error_uri points; every name has an entry there, in English and Chinese.
const documentation = "https://github.com/lingpai/lingpai/blob/main/docs/errors.md#"

// statuses is the one table from a refusal's name to its HTTP status (RFC 6749 §5.2, RFC 6750 §3.1, RFC 7009
// §2.2.1). Whatever is not in it is a fault of ours.
func statuses() map[error]int {
	return map[error]int{
		oauth2.ErrInvalidRequest:         http.StatusBadRequest,
		oauth2.ErrInvalidGrant:           http.StatusBadRequest,
		oauth2.ErrInvalidScope:           http.StatusBadRequest,
		oauth2.ErrUnauthorizedClient:     http.StatusBadRequest,
		oauth2.ErrUnsupportedGrantType:   http.StatusBadRequest,
		oauth2.ErrInvalidClient:          http.StatusUnauthorized,
		oauth2.ErrTemporarilyUnavailable: http.StatusServiceUnavailable,
		oauth2.ErrServerError:            http.StatusInternalServerError,
		grants.ErrTooManyRequests:        http.StatusTooManyRequests,
		grants.ErrInvalidToken:           http.StatusUnauthorized,
		grants.ErrInsufficientScope:      http.StatusForbidden,
		grants.ErrUnsupportedTokenType:   http.StatusBadRequest,
		grants.ErrInvalidData:            http.StatusBadRequest,
		grants.ErrLoginRequired:          http.StatusBadRequest,
		grants.ErrUnknownUser:            http.StatusBadRequest,
		grants.ErrOverBudget:             http.StatusForbidden,

		accounts.ErrInvalidRequest:             http.StatusBadRequest,
		accounts.ErrInvalidGrant:               http.StatusBadRequest,
		accounts.ErrInvalidToken:               http.StatusUnauthorized,
		accounts.ErrInsufficientScope:          http.StatusForbidden,
		accounts.ErrInsufficientAuthentication: http.StatusUnauthorized,
		accounts.ErrTaken:                      http.StatusConflict,
		accounts.ErrWeakPassword:               http.StatusBadRequest,
		accounts.ErrLinkedElsewhere:            http.StatusConflict,
		accounts.ErrUnknownAccount:             http.StatusNotFound,
		accounts.ErrLastWayIn:                  http.StatusConflict,
		accounts.ErrUnknownSession:             http.StatusNotFound,
		accounts.ErrTooManyRequests:            http.StatusTooManyRequests,
		accounts.ErrUnavailable:                http.StatusServiceUnavailable,
	}
}

// statusError is a refusal whose status HTTP decides, not OAuth.
type statusError struct {
	refusal *grants.Error
	status  int
}

// Error implements error.
func (e statusError) Error() string { return e.refusal.Error() }

func refused(status int, description string) error {
	return statusError{&grants.Error{Name: oauth2.ErrInvalidRequest, Description: description}, status}
}

func badRequest(description string) error { return refused(http.StatusBadRequest, description) }

// errorAnswer is the body of every error (RFC 6749 §5.2).
type errorAnswer struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	URI           string `json:"error_uri"`
	WechatErrcode int    `json:"wechat_errcode,omitempty"`
	RequestID     string `json:"request_id,omitempty"`
}

// answers writes what is common to all endpoints.
type answers struct{ logger *slog.Logger }

// refuse answers an error. Causes go to the log and never to the caller.
func (a answers) refuse(w http.ResponseWriter, r *http.Request, err error) {
	refusal, status := classify(err)
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError && r.Context().Err() == nil { // who hangs up pages nobody
		level = slog.LevelError
	}
	a.logger.Log(r.Context(), level, "request refused", "path", r.URL.Path, "status", status,
		"error", refusal.Name.Error(), "description", refusal.Description, "cause", cause(refusal),
		"client", refusal.ClientID)
	header := w.Header()
	header["Cache-Control"] = noStore
	if refusal.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(refusal.RetryAfter.Seconds()))))
	}
	challenge(header, refusal)
	writeJSON(w, status, errorAnswer{
		Error:         refusal.Name.Error(),
		Description:   refusal.Description,
		URI:           documentation + strings.ReplaceAll(refusal.Name.Error(), " ", "_"),
		WechatErrcode: refusal.WechatErrcode,
		RequestID:     requestID(r.Context()),
	})
}

// classify finds an error's name and status. An unknown error tells nothing of itself.
func classify(err error) (*grants.Error, int) {
	if withStatus, ok := errors.AsType[statusError](err); ok {
		return withStatus.refusal, withStatus.status
	}
	if refusal, ok := errors.AsType[*accounts.Error](err); ok { // before what it came of, which may be a refusal too
		err = &grants.Error{Name: refusal.Name, Description: refusal.Description, RetryAfter: refusal.RetryAfter,
			Cause: refusal.Cause}
	}
	if refusal, ok := errors.AsType[*grants.Error](err); ok {
		if status, known := statuses()[refusal.Name]; known {
			return refusal, status
		}
	}
	return &grants.Error{
		Name:        oauth2.ErrServerError,
		Description: "Something went wrong on the server. Give its operator the request_id.",
		Cause:       err,
	}, http.StatusInternalServerError
}

func cause(refusal *grants.Error) string {
	if refusal.Cause == nil {
		return ""
	}
	return refusal.Cause.Error()
}

// challenge says which credentials would help (RFC 6749 §5.2, RFC 6750 §3).
func challenge(header http.Header, refusal *grants.Error) {
	switch refusal.Name {
	case oauth2.ErrInvalidClient:
		header.Set("WWW-Authenticate", `Basic realm="lingpai"`)
	case grants.ErrInvalidToken, grants.ErrInsufficientScope, accounts.ErrInvalidToken,
		accounts.ErrInsufficientScope, accounts.ErrInsufficientAuthentication:
		value := `Bearer realm="lingpai"`
		if refusal != errNoToken {
			value += fmt.Sprintf(`, error=%q, error_description=%q`, refusal.Name, refusal.Description)
		}
		if refusal.Scope != "" {
			value += fmt.Sprintf(`, scope=%q`, refusal.Scope)
		}
		header.Set("WWW-Authenticate", value)
	}
}

// recovering answers a panic like any other fault of ours.
func (a answers) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				a.refuse(w, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (a answers) notFound(w http.ResponseWriter, r *http.Request) {
	a.refuse(w, r, refused(http.StatusNotFound,
		"There is no such endpoint. Those that are stand in /.well-known/openid-configuration."))
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller is gone; there is nobody to tell
}
