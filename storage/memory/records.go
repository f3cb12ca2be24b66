package memory

import (
	"context"
	"errors"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/lingpai/lingpai/identity"
)

// maxRecords bounds how many records of a kind are kept, so that a flood of unknown ids costs no more memory than that.
const maxRecords = 10_000

// records keeps what a slower store said, also that there is nothing, for a bounded age. One caller loads, the others wait for it.
type records[V any] struct {
	cache *otter.Cache[string, answer[V]]
}

type answer[V any] struct {
	value V
	err   error // nil or identity.ErrNotFound; other errors are not kept
}

func newRecords[V any](age time.Duration) records[V] {
	return records[V]{otter.Must(&otter.Options[string, answer[V]]{
		MaximumSize:      maxRecords,
		ExpiryCalculator: otter.ExpiryWriting[string, answer[V]](age),
	})}
}

func (r records[V]) find(ctx context.Context, key string, load func(context.Context) (V, error)) (V, error) {
	found, err := r.cache.Get(ctx, key, otter.LoaderFunc[string, answer[V]](func(ctx context.Context, _ string) (answer[V], error) {
		value, err := load(context.WithoutCancel(ctx)) // others wait for it too
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return answer[V]{}, err
		}
		return answer[V]{value, err}, nil
	}))
	if err != nil {
		return found.value, err
	}
	return found.value, found.err
}

// cachedClients is identity.Clients whose look-ups may be as old as the cache's age.
type cachedClients struct {
	identity.Clients
	byID records[identity.Client]
	all  records[[]identity.Client]
}

// CacheClients spares the database a look-up at every request. A change is seen after age at the latest. Callers must not change the
// slices of what they get.
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

// cachedApps is identity.Apps whose look-ups may be as old as the cache's age.
type cachedApps struct {
	identity.Apps
	byID records[identity.App]
}

// CacheApps spares the database a look-up, and the secret its opening, at every sign-in. A change is seen after age at the latest.
func CacheApps(apps identity.Apps, age time.Duration) identity.Apps {
	return cachedApps{apps, newRecords[identity.App](age)}
}

// Find implements identity.Apps.
func (c cachedApps) Find(ctx context.Context, platform, id string) (identity.App, error) {
	return c.byID.find(ctx, platform+"/"+id, func(ctx context.Context) (identity.App, error) { return c.Apps.Find(ctx, platform, id) })
}
