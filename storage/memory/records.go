package memory

import (
	"context"
	"errors"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/lingpai/lingpai/identity"
)

// maxRecords limits the cached records of one kind, so that a flood of unknown ids uses a bounded amount of memory.
const maxRecords = 10_000

// records caches the results of a slower store for a limited time, including the result that there is no record. If
// several callers ask for a record, one loads it and the others wait.
type records[V any] struct {
	cache *otter.Cache[string, result[V]]
}

type result[V any] struct {
	value V
	err   error // nil or identity.ErrNotFound; other errors are not cached
}

func newRecords[V any](age time.Duration) records[V] {
	return records[V]{otter.Must(&otter.Options[string, result[V]]{
		MaximumSize:      maxRecords,
		ExpiryCalculator: otter.ExpiryWriting[string, result[V]](age),
	})}
}

func (r records[V]) find(ctx context.Context, key string, load func(context.Context) (V, error)) (V, error) {
	found, err := r.cache.Get(ctx, key, otter.LoaderFunc[string, result[V]](func(ctx context.Context,
		_ string) (result[V], error) {
		value, err := load(context.WithoutCancel(ctx)) // other callers wait for it too
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return result[V]{}, err
		}
		return result[V]{value, err}, nil
	}))
	if err != nil {
		return found.value, err
	}
	return found.value, found.err
}

// forget removes the record of a key, and discards a load that is in progress, after a change that returned err. It
// does so even if err is not nil, since the change may have happened nevertheless.
func (r records[V]) forget(err error, key string) error {
	r.cache.Invalidate(key)
	return err
}
