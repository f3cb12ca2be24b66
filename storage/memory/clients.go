package memory

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// cachedClients is an identity.Clients with cached look-ups.
type cachedClients struct {
	identity.Clients
	byID records[identity.Client]
	all  records[[]identity.Client]
}

// CacheClients saves requests a look-up in the database. Changes through the returned store are visible immediately,
// all others after age at the latest. Callers must not modify the slices in the results.
func CacheClients(clients identity.Clients, age time.Duration) identity.Clients {
	return cachedClients{clients, newRecords[identity.Client](age), newRecords[[]identity.Client](age)}
}

// Find implements identity.Clients.
func (c cachedClients) Find(ctx context.Context, id string) (identity.Client, error) {
	return c.byID.find(ctx, id, func(ctx context.Context) (identity.Client, error) { return c.Clients.Find(ctx, id) })
}

// List implements identity.Clients.
func (c cachedClients) List(ctx context.Context) ([]identity.Client, error) {
	return c.all.find(ctx, "", c.Clients.List)
}

// Create implements identity.Clients.
func (c cachedClients) Create(ctx context.Context, client identity.Client) error {
	return c.changed(client.ID, c.Clients.Create(ctx, client))
}

// Update implements identity.Clients.
func (c cachedClients) Update(ctx context.Context, client identity.Client) error {
	return c.changed(client.ID, c.Clients.Update(ctx, client))
}

// SetSecret implements identity.Clients.
func (c cachedClients) SetSecret(ctx context.Context, id string, hash []byte, keep time.Duration) error {
	return c.changed(id, c.Clients.SetSecret(ctx, id, hash, keep))
}

// SetRefreshKeys implements identity.Clients.
func (c cachedClients) SetRefreshKeys(ctx context.Context, id string, on bool) error {
	return c.changed(id, c.Clients.SetRefreshKeys(ctx, id, on))
}

// SetLegacyAudience implements identity.Clients.
func (c cachedClients) SetLegacyAudience(ctx context.Context, id string, until time.Time) error {
	return c.changed(id, c.Clients.SetLegacyAudience(ctx, id, until))
}

// Disable implements identity.Clients.
func (c cachedClients) Disable(ctx context.Context, id string) error {
	return c.changed(id, c.Clients.Disable(ctx, id))
}

func (c cachedClients) changed(id string, err error) error {
	return c.all.forget(c.byID.forget(err, id), "")
}
