package clients

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Registry finds and authenticates clients. It is safe for concurrent use.
type Registry struct {
	store    identity.Clients
	issuer   string
	volatile identity.Volatile
	keySets  *keySets
	now      func() time.Time
	logger   *slog.Logger
	known    atomic.Pointer[[]identity.Client] // the last list that AllowsOrigin read
}

// Config configures a Registry. All fields are required.
type Config struct {
	Store    identity.Clients
	Issuer   string            // the audience of assertions
	Volatile identity.Volatile // remembers which assertions were used
	Now      func() time.Time
	Logger   *slog.Logger
}

// NewRegistry returns a registry over a store.
func NewRegistry(c Config) *Registry {
	return &Registry{store: c.Store, issuer: c.Issuer, volatile: c.Volatile, keySets: newKeySets(c.Issuer, c.Now),
		now: c.Now, logger: c.Logger}
}

// Find returns a client, which may be disabled. It returns identity.ErrNotFound if the id is unknown, or another error
// of the store.
func (r *Registry) Find(ctx context.Context, id string) (Client, error) {
	client, err := r.store.Find(ctx, id)
	return Client{client}, err
}

// AllowsOrigin reports whether scripts of a web origin may call the endpoints, which is the case if an enabled client
// has registered it. If the store fails, AllowsOrigin uses the last list of clients, so that scripts can read the error
// response and its Retry-After.
func (r *Registry) AllowsOrigin(ctx context.Context, origin string) bool {
	clients, err := r.store.List(ctx)
	if err != nil {
		r.logger.ErrorContext(ctx, "cannot read the clients' origins; the last known ones are used", "error", err)
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

// WantsSessionKeys reports whether an enabled client of an app may have the scope wechat.data, for which session keys
// are stored. It returns true if the store fails. It first checks the client that is signing a user in, because the
// list of all clients may be a second old and not contain it yet.
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
