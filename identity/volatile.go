package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// Volatile stores data that may be lost: attempts, rates, one-time codes. Losing all of it signs nobody out, and
// lifts limits for no longer than one period of a rate. Keys are up to 256 bytes; values are up to 64 KiB.
type Volatile interface {
	// Put stores a value for ttl.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Get returns a value, or ErrNotFound if there is none or it has expired.
	Get(ctx context.Context, key string) ([]byte, error)
	// GetAll returns the values of keys, in their order: nil for a key that Get would return ErrNotFound for. They need
	// not be of the same instant.
	GetAll(ctx context.Context, keys ...string) ([][]byte, error)
	// Take returns and deletes a value in one atomic step: of any number of callers exactly one gets it. It returns
	// ErrNotFound if there is none.
	Take(ctx context.Context, key string) ([]byte, error)
	// PutIfAbsent stores a value for ttl if there is none, and reports whether it did: of any number of callers
	// exactly one does.
	PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)
	// AllowAll counts one use of every rate of a group and returns 0, or counts nothing and returns how long to wait
	// and the index of the rate that needs the longest wait. It is one atomic step, so parallel calls get no more than
	// a rate allows. No two of the rates may have the same key.
	AllowAll(ctx context.Context, group string, rates ...Rate) (wait time.Duration, longest int, err error)
	// GiveBack takes back one use of every rate. A rate with Uses 1 gives back all uses of its period.
	GiveBack(ctx context.Context, group string, rates ...Rate) error
}

// Rate allows Uses of a key in a burst, and one more every Period/Uses.
type Rate struct {
	Key     string // within its group; the key and the group have at most 256 bytes together
	Uses    int
	Period  time.Duration
	Lenient bool // counts as far as Uses, but refuses nothing
}

// VolatileKey returns a short key for a Volatile: equal if and only if the kind and all parts are. It does not reveal
// the parts, which may be as long as callers like.
func VolatileKey(kind string, parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(hash, "%d %s", len(part), part)
	}
	return kind + "/" + base64.RawURLEncoding.EncodeToString(hash.Sum(nil))
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

// CheckRates validates rates and their group. Every store calls it before it counts.
func CheckRates(ctx context.Context, group string, rates []Rate) error {
	for _, rate := range rates {
		if rate.Uses <= 0 || rate.Period < time.Duration(rate.Uses) {
			return errors.New("a rate must have at least one use, and a period of at least one nanosecond for each")
		}
		if err := CheckVolatileKey(ctx, group+rate.Key); err != nil {
			return err
		}
	}
	return ctx.Err()
}
