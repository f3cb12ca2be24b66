package verify

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
)

// Middleware lets requests with a good access token through to next, whose handlers find its claims with
// FromContext. All others are answered with 401, or 400 if the token is sent in a wrong way, or 503 with
// Retry-After if there are no keys yet (RFC 6750 §3.1).
//
// The token is taken from one Authorization header only (§2.1). A form field or query parameter of the name
// access_token is as good as no token: those end up in logs (§5.3). Let CORS preflights be answered before:
// they carry no token.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, fault := bearer(r.Header)
		if fault != nil {
			fault.answer(w, v.audience)
			return
		}
		claims, err := v.verify(r.Context(), token)
		if err != nil {
			v.refuse(w, r, err)
			return
		}
		ctx := context.WithValue(r.Context(), callerKey{}, &caller{claims: claims, realm: v.audience})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// callerKey is what a request's context has the caller under.
type callerKey struct{}

type caller struct {
	claims *Claims // shared with other requests
	realm  string
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

// bearer takes the token from the Authorization header (RFC 6750 §2.1).
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

// refuse answers for an error of verify. The reason goes to the log and never to the caller.
func (v *Verifier) refuse(w http.ResponseWriter, r *http.Request, err error) {
	v.logger.LogAttrs(r.Context(), slog.LevelDebug, "token refused", slog.Any("error", err))
	if errors.Is(err, ErrUnavailable) {
		w.Header().Set("Retry-After", v.retryAfter)
		unavailable().answer(w, v.audience)
		return
	}
	badToken().answer(w, v.audience)
}
