package provider

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/bounds"
)

// documentation is the prefix of error_uri; the page has an entry for every error code, in English and Chinese.
const documentation = "https://github.com/lingpai/lingpai/blob/main/docs/errors.md#"

func badRequest(description string) error { return oauth.NewError(oauth.InvalidRequest, description) }

// errorWriter writes and logs errors for all endpoints.
type errorWriter struct {
	logger      *slog.Logger
	unavailable *bounds.Sampler
}

// samplePeriod is how often lines about the same reason for 503 are logged: in an outage all requests fail alike.
const samplePeriod = 10 * time.Second

func newErrorWriter(logger *slog.Logger) errorWriter {
	return errorWriter{logger, bounds.NewSampler(samplePeriod)}
}

// writeError logs an error and writes it as the response. Causes are logged and never sent to the caller.
func (ew errorWriter) writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	ew.logError(r, e)
	ew.write(w, r, e)
}

// write writes an error as the response, and does not log it.
func (ew errorWriter) write(w http.ResponseWriter, r *http.Request, e *oauth.Error) {
	header := w.Header()
	header["Cache-Control"] = noStore
	if e.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	challenge(header, e)
	writeJSON(w, e.Code.Status(), errorMembers(e, requestID(r.Context())))
}

// logError logs an error. Of many answers 503 for the same reason it logs one, with how many it omitted before.
func (ew errorWriter) logError(r *http.Request, e *oauth.Error) {
	status, level, omitted := e.Code.Status(), slog.LevelInfo, 0
	if status == http.StatusServiceUnavailable {
		var through bool
		if omitted, through = ew.unavailable.Next(e.Description, time.Now()); !through {
			return
		}
	}
	if e.Code == oauth.AuthorizationPending { // devices poll for minutes
		level = slog.LevelDebug
	}
	if status >= http.StatusInternalServerError && r.Context().Err() == nil { // not if the client disconnected
		level = slog.LevelError
	}
	fields := []any{"path", shortened(r.URL.Path), "status", status, "error", e.Code.Error(),
		"description", e.Description, "cause", cause(e), "client", e.ClientID}
	if omitted > 0 {
		fields = append(fields, "omitted", omitted)
	}
	ew.logger.Log(r.Context(), level, "request refused", fields...)
}

// maxLoggedPath is the maximum length of a path in the log, in bytes. Those of all endpoints are shorter.
const maxLoggedPath = 200

func shortened(path string) string {
	if len(path) <= maxLoggedPath {
		return path
	}
	return strings.ToValidUTF8(path[:maxLoggedPath], "") + "…"
}

// errorMembers returns the body of an error response (RFC 6749 §5.2).
func errorMembers(e *oauth.Error, requestID string) map[string]any {
	members := map[string]any{
		"error":             e.Code.Error(),
		"error_description": e.Description,
		"error_uri":         documentation + e.Code.Error(),
	}
	if requestID != "" {
		members["request_id"] = requestID
	}
	maps.Copy(members, e.Members)
	return members
}

// asError returns an error as the caller sees it. An error of another type is an internal error whose details are
// only logged.
func asError(err error) *oauth.Error {
	if known, ok := errors.AsType[*oauth.Error](err); ok {
		return known
	}
	return &oauth.Error{
		Code:        oauth.ServerError,
		Description: "Internal server error. Give the request_id to the operator.",
		Cause:       err,
	}
}

func cause(e *oauth.Error) string {
	if e.Cause == nil {
		return ""
	}
	return e.Cause.Error()
}

// challenge sets WWW-Authenticate for errors that other credentials can resolve (RFC 6749 §5.2, RFC 6750 §3, RFC 9470
// §3).
func challenge(header http.Header, e *oauth.Error) {
	switch e.Code {
	case oauth.InvalidClient:
		header.Set("WWW-Authenticate", `Basic realm="lingpai"`)
	case oauth.InvalidToken, oauth.InsufficientScope, oauth.InsufficientUserAuthentication:
		value := `Bearer realm="lingpai"`
		if e != errNoToken {
			value += ", error=" + quoted(e.Code.Error()) + ", error_description=" + quoted(e.Description)
		}
		if e.Scope != "" {
			value += ", scope=" + quoted(e.Scope)
		}
		header.Set("WWW-Authenticate", value)
	}
}

// quoted returns a text as a quoted-string (RFC 9110 §5.6.4), with ? for what RFC 6750 §3 does not allow there.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r < ' ' || r > '~':
			r = '?'
		case r == '"' || r == '\\':
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}

// endpoint returns a handler that calls serve and writes the error that it returns. Responses must not be cached.
func (ew errorWriter) endpoint(serve func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Cache-Control"] = noStore
		if err := serve(w, r); err != nil {
			ew.writeError(w, r, err)
		}
	})
}

// recovering returns a handler that answers a panic of next as an internal error. If the answer has begun, it only logs
// the error, and aborts the connection. http.ErrAbortHandler is passed on.
func (ew errorWriter) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(writer http.ResponseWriter, r *http.Request) {
		w := &response{ResponseWriter: writer}
		defer func() {
			p := recover()
			if p == http.ErrAbortHandler { // net/http closes the connection, and logs nothing
				panic(p)
			}
			if p == nil {
				return
			}
			err := fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			if w.begun {
				ew.logError(r, asError(err))
				panic(http.ErrAbortHandler)
			}
			ew.writeError(w, r, err)
		}()
		next.ServeHTTP(w, r)
	})
}

func (ew errorWriter) notFound(w http.ResponseWriter, r *http.Request) {
	ew.writeError(w, r, oauth.NewError(oauth.NotFound,
		"Unknown endpoint. See /.well-known/openid-configuration."))
}
