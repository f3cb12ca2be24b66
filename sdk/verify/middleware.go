package verify

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
)

// Middleware passes requests with a valid access token on to next, whose handlers get its claims from FromContext.
// All others are answered with 401, or 400 if there is more than one Authorization header, or 503 with Retry-After if
// tokens cannot be checked (RFC 6750 §3.1).
//
// The token must be in the Authorization header (§2.1). A form field or query parameter access_token is ignored,
// since those end up in logs (§5.3). CORS preflights have no token, so they must be answered by an outer
// handler.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, fault := bearer(r.Header)
		if fault != nil {
			fault.answer(w, v.challenge)
			return
		}
		claims, err := v.verify(r.Context(), token)
		if err != nil {
			v.refuse(w, r, err)
			return
		}
		ctx := context.WithValue(r.Context(), callerKey{}, &caller{claims: claims, challenge: v.challenge})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// callerKey is the key of the caller in the context of a request.
type callerKey struct{}

type caller struct {
	claims    *Claims // shared with other requests
	challenge string
}

func callerOf(ctx context.Context) (*caller, bool) {
	found, ok := ctx.Value(callerKey{}).(*caller)
	return found, ok
}

// FromContext returns the claims of the request's token, or false if the request did not come through Middleware.
func FromContext(ctx context.Context) (Claims, bool) {
	found, ok := callerOf(ctx)
	if !ok {
		return Claims{}, false
	}
	return found.claims.clone(), true
}

// bearer returns the token of the Authorization header (RFC 6750 §2.1).
func bearer(header http.Header) (string, *refusal) {
	values := header.Values("Authorization")
	if len(values) > 1 {
		return "", twoTokens()
	}
	scheme, token, _ := strings.Cut(header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", noToken()
	}
	return token, nil
}

// refuse answers a request after an error of verify. The reason is logged and never sent to the caller.
func (v *Verifier) refuse(w http.ResponseWriter, r *http.Request, err error) {
	v.logger.LogAttrs(r.Context(), slog.LevelDebug, "token rejected", slog.Any("error", err))
	if errors.Is(err, ErrUnavailable) {
		w.Header().Set("Retry-After", v.retryAfter)
		unavailable().answer(w, v.challenge)
		return
	}
	badToken().answer(w, v.challenge)
}
