package identity

import (
	"context"
	"errors"
	"time"
)

// Volatile stores data that may be lost: attempts, rates, one-time codes. Losing all of it signs nobody out, and
// lifts limits for no longer than one period of a rate. Keys are up to 256 bytes; values are up to 64 KiB.
type Volatile interface {
	// Put stores a value for ttl.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Get returns a value, or ErrNotFound if there is none or it has expired.
	Get(ctx context.Context, key string) ([]byte, error)
	// Take returns and deletes a value in one atomic step: of any number of callers exactly one gets it. It returns
	// ErrNotFound if there is none.
	Take(ctx context.Context, key string) ([]byte, error)
	// PutIfAbsent stores a value for ttl if there is none, and reports whether it did: of any number of callers
	// exactly one does.
	PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)
	// Allow counts one use and returns 0, or counts nothing and returns how long to wait. A key may be used limit
	// times in a burst, and regains one use every per/limit. Counting is atomic, so parallel calls get no more than
	// limit. Taking the key resets the count.
	Allow(ctx context.Context, key string, limit int, per time.Duration) (time.Duration, error)
}

const (
	maxVolatileKey   = 256
	maxVolatileValue = 64 << 10
)

// CheckVolatileKey validates a key. Every store calls it before it reads.
func CheckVolatileKey(ctx context.Context, key string) error {
	if len(key) > maxVolatileKey {
		return errors.New("a key must be at most 256 bytes long")
	}
	return ctx.Err()
}

// CheckVolatileValue validates a value, its key and its lifetime. Every store calls it before it writes.
func CheckVolatileValue(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	switch {
	case len(value) > maxVolatileValue:
		return errors.New("a value must be at most 64 KiB long")
	case ttl <= 0:
		return errors.New("a time to live must be positive")
	}
	return CheckVolatileKey(ctx, key)
}

// CheckRate validates a rate and its key. Every store calls it before it counts.
func CheckRate(ctx context.Context, key string, limit int, per time.Duration) error {
	if limit <= 0 || per < time.Duration(limit) {
		return errors.New("a rate must have at least one use, and a period of at least one nanosecond for each")
	}
	return CheckVolatileKey(ctx, key)
}
