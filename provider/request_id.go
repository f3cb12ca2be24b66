package provider

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider/bounds"
)

// noSniff makes browsers respect Content-Type.
var noSniff = []string{"nosniff"}

// withCaller gives each request an id, which is in its response and in all log lines about it, and sets RemoteAddr to
// the caller's address. Its context has both for log lines and audit events. It also sets the headers that all
// responses have.
func withCaller(proxies bounds.Proxies, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()
		w.Header()["X-Request-Id"] = []string{id}
		w.Header()["X-Content-Type-Options"] = noSniff
		// A Content-Length next to Transfer-Encoding is no longer visible here, so do not trust what follows on
		// the connection.
		if len(r.TransferEncoding) > 0 {
			w.Header()["Connection"] = closing
		}
		address := clientAddress(r, proxies)
		r = r.WithContext(identity.WithActor(r.Context(), identity.Actor{Address: address, RequestID: id}))
		r.RemoteAddr = address
		next.ServeHTTP(w, r)
	})
}

func requestID(ctx context.Context) string { return identity.ActorFrom(ctx).RequestID }

// LogRequestIDs returns a log handler that adds to each line the id of the request in its context, if any, and the
// caller's address.
func LogRequestIDs(log slog.Handler) slog.Handler { return requestIDs{log} }

type requestIDs struct{ slog.Handler }

// Handle implements slog.Handler.
func (h requestIDs) Handle(ctx context.Context, line slog.Record) error {
	if caller := identity.ActorFrom(ctx); caller.RequestID != "" {
		line = line.Clone()
		line.AddAttrs(slog.String("request_id", caller.RequestID), slog.String("address", caller.Address))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h requestIDs) WithAttrs(attributes []slog.Attr) slog.Handler {
	return requestIDs{h.Handler.WithAttrs(attributes)}
}

// WithGroup implements slog.Handler.
func (h requestIDs) WithGroup(name string) slog.Handler { return requestIDs{h.Handler.WithGroup(name)} }
