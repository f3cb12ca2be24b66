package identity

import (
	"context"
	"errors"
	"time"
)

// Volatile is a small store for what may be lost: attempts, rates, one-time codes. Losing all of it logs
// nobody out and opens no door for longer than a rate's period. Keys are up to 256 bytes; values up to 64
// KiB.
type Volatile interface {
	// Put keeps a value until its time to live is over.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Get returns ErrNotFound when there is nothing (any more).
	Get(ctx context.Context, key string) ([]byte, error)
	// Take gets and deletes in one atomic step: of any number of callers exactly one gets the value. ErrNotFound.
	Take(ctx context.Context, key string) ([]byte, error)
	// PutIfAbsent reports whether it kept the value: of any number of callers exactly one does.
	PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)
	// Allow counts one use and returns 0, or counts nothing and returns how long to wait. A key may be used
	// limit times at once and regains one use every per/limit. Counting is atomic, so a parallel burst gets
	// no more than limit. Take of the key forgets the count.
	Allow(ctx context.Context, key string, limit int, per time.Duration) (time.Duration, error)
}

const (
	maxVolatileKey   = 256
	maxVolatileValue = 64 << 10
)

// CheckVolatileKey is what every store asks of a key before it looks.
func CheckVolatileKey(ctx context.Context, key string) error {
	if len(key) > maxVolatileKey {
		return errors.New("a key has at most 256 bytes")
	}
	return ctx.Err()
}

// CheckVolatileValue is what every store asks of a value before it keeps it.
func CheckVolatileValue(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	switch {
	case len(value) > maxVolatileValue:
		return errors.New("a value has at most 64 KiB")
	case ttl <= 0:
		return errors.New("a time to live is positive")
	}
	return CheckVolatileKey(ctx, key)
}

// CheckRate is what every store asks of a rate before it counts.
func CheckRate(ctx context.Context, key string, limit int, per time.Duration) error {
	if limit <= 0 || per < time.Duration(limit) {
		return errors.New("a rate has at least one use, and a nanosecond for each")
	}
	return CheckVolatileKey(ctx, key)
}
