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

// records keeps what a slower store said, also that there is nothing, for a bounded age. One caller loads,
// the others wait for it.
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
	found, err := r.cache.Get(ctx, key, otter.LoaderFunc[string, answer[V]](func(ctx context.Context,
		_ string) (answer[V], error) {
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

// forget drops what was read of a key, and what is just being read of it, after a change of it that ended
// with err. A change that failed may have happened all the same.
func (r records[V]) forget(err error, key string) error {
	r.cache.Invalidate(key)
	return err
}
