package provider

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
)

type requestKey struct{}

// requestOrigin is what log lines contain about a request.
type requestOrigin struct {
	id      string
	request *http.Request
	proxies []netip.Prefix // trusted, see clientAddress
}

// noSniff makes browsers respect Content-Type.
var noSniff = []string{"nosniff"}

// withCommonHeaders gives each request an id, which is in its response and in all log lines about it, and sets the
// headers that all responses have. Log lines also have the caller's address.
func withCommonHeaders(next http.Handler, proxies []netip.Prefix) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()
		w.Header()["X-Request-Id"] = []string{id}
		w.Header()["X-Content-Type-Options"] = noSniff
		// A Content-Length next to Transfer-Encoding is no longer visible here, so do not trust what follows on
		// the connection.
		if len(r.TransferEncoding) > 0 {
			w.Header()["Connection"] = closing
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, &requestOrigin{id, r, proxies})))
	})
}

func requestID(ctx context.Context) string {
	if origin, ok := ctx.Value(requestKey{}).(*requestOrigin); ok {
		return origin.id
	}
	return ""
}

// LogRequestIDs returns a log handler that adds to each line the id of the request in its context, if any, and the
// caller's address.
func LogRequestIDs(log slog.Handler) slog.Handler { return requestIDs{log} }

type requestIDs struct{ slog.Handler }

// Handle implements slog.Handler.
func (h requestIDs) Handle(ctx context.Context, line slog.Record) error {
	if origin, ok := ctx.Value(requestKey{}).(*requestOrigin); ok {
		line = line.Clone()
		line.AddAttrs(slog.String("request_id", origin.id),
			slog.String("address", clientAddress(origin.request, origin.proxies)))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h requestIDs) WithAttrs(attributes []slog.Attr) slog.Handler {
	return requestIDs{h.Handler.WithAttrs(attributes)}
}

// WithGroup implements slog.Handler.
func (h requestIDs) WithGroup(name string) slog.Handler { return requestIDs{h.Handler.WithGroup(name)} }
