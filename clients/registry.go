package clients

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Registry knows all clients. Use NewRegistry to make one. It is safe for parallel use.
type Registry struct {
	store  identity.Clients
	logger *slog.Logger
	known  atomic.Pointer[[]identity.Client] // as they were read last, for AllowsOrigin
}

// NewRegistry returns a registry over a store.
func NewRegistry(store identity.Clients, logger *slog.Logger) *Registry {
	return &Registry{store: store, logger: logger}
}

// Find returns a client, which may be disabled. Errors are the store's: identity.ErrNotFound for an unknown id.
func (r *Registry) Find(ctx context.Context, id string) (Client, error) {
	client, err := r.store.Find(ctx, id)
	return Client{client}, err
}

// AllowsOrigin reports whether scripts of a web origin may call the endpoints: some enabled client has registered
// it. While clients cannot be read, those known before count, so that scripts can read that we are out of order,
// and when to come again.
func (r *Registry) AllowsOrigin(ctx context.Context, origin string) bool {
	clients, err := r.store.List(ctx)
	if err != nil {
		r.logger.ErrorContext(ctx, "cannot read the clients' origins; those known before count", "error", err)
		if known := r.known.Load(); known != nil {
			clients = *known
		}
	} else {
		r.known.Store(&clients)
	}
	return slices.ContainsFunc(clients, func(client identity.Client) bool {
		return !client.Disabled() && slices.Contains(client.Origins, origin)
	})
}

// WantsSessionKeys reports whether some enabled client of an app may ask for the scope wechat.data, which session
// keys are kept for. If that cannot be found out, it may. The client that is signing somebody in comes first: the
// list of all may be a second old, and not have it yet.
func (r *Registry) WantsSessionKeys(ctx context.Context, signingIn Client, appID string) bool {
	if slices.Contains(signingIn.Scopes, oauth.ScopeWechatData) {
		return true
	}
	clients, err := r.store.List(ctx)
	return err != nil || slices.ContainsFunc(clients, func(client identity.Client) bool {
		return slices.Contains(client.Scopes, oauth.ScopeWechatData) && slices.Contains(client.Apps, appID) &&
			!client.Disabled()
	})
}
