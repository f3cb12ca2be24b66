package redis

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/lingpai/lingpai/identity"
)

// DefaultTimeout is long for Redis, and short for a user who waits for a sign-in.
const DefaultTimeout = 500 * time.Millisecond

// Options are the options of a Store.
type Options struct {
	// URL is the URL of Redis; see CheckURL.
	URL string
	// KeyPrefix is the prefix of all keys, so that Redis can be shared. It must not contain braces, which determine
	// the hash slot.
	KeyPrefix string
	// Timeout limits the duration of one call. 0: DefaultTimeout.
	Timeout time.Duration
}

// Store is an identity.Volatile in Redis. Create it with Open.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
}

var _ identity.Volatile = (*Store)(nil)

// Open returns a store. It does not connect; use Ping to check whether Redis responds.
func Open(options Options) (*Store, error) {
	if strings.ContainsAny(options.KeyPrefix, "{}") {
		return nil, errors.New("the prefix of keys in Redis must not contain braces")
	}
	if options.Timeout <= 0 {
		options.Timeout = DefaultTimeout
	}
	address, err := parse(options.URL)
	if err != nil {
		return nil, err
	}
	return &Store{client: connect(address, options.Timeout), prefix: options.KeyPrefix, timeout: options.Timeout}, nil
}

// Ping returns an error if Redis does not respond.
func (s *Store) Ping(ctx context.Context) error {
	return loggable(ctx, s.send(ctx, "PING").Err())
}

// Close closes the connections. Later calls fail.
func (s *Store) Close() error { return s.client.Close() }

// Put implements identity.Volatile.
func (s *Store) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := identity.CheckVolatileValue(ctx, key, value, ttl); err != nil {
		return err
	}
	return loggable(ctx, s.send(ctx, "SET", s.valueName(key), value, "PX", countUp(ttl, time.Millisecond)).Err())
}

// Get implements identity.Volatile.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := identity.CheckVolatileKey(ctx, key); err != nil {
		return nil, err
	}
	value, err := s.send(ctx, "GET", s.valueName(key)).Text()
	if err != nil {
		return nil, loggable(ctx, err)
	}
	return []byte(value), nil
}

// Take implements identity.Volatile.
func (s *Store) Take(ctx context.Context, key string) ([]byte, error) {
	if err := identity.CheckVolatileKey(ctx, key); err != nil {
		return nil, err
	}
	value, err := s.run(ctx, takeScript, []string{s.valueName(key), s.rateName(key)}).Text()
	if err != nil {
		return nil, loggable(ctx, err)
	}
	return []byte(value), nil
}

// PutIfAbsent implements identity.Volatile.
func (s *Store) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if err := identity.CheckVolatileValue(ctx, key, value, ttl); err != nil {
		return false, err
	}
	err := s.send(ctx, "SET", s.valueName(key), value, "PX", countUp(ttl, time.Millisecond), "NX").Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, loggable(ctx, err)
}

// Allow implements identity.Volatile. A share below a microsecond is rounded up to one.
func (s *Store) Allow(ctx context.Context, key string, limit int, per time.Duration) (time.Duration, error) {
	if err := identity.CheckRate(ctx, key, limit, per); err != nil {
		return 0, err
	}
	each := countUp(per/time.Duration(limit), time.Microsecond)
	wait, err := s.run(ctx, countScript, []string{s.rateName(key)}, each, limit).Int64()
	return time.Duration(wait) * time.Microsecond, loggable(ctx, err)
}

// valueName and rateName have the same hash slot, so that one script can use both. Without the dot the braces would be
// empty if the key is empty or begins with a closing brace, and Redis would then hash the whole name.
func (s *Store) valueName(key string) string { return s.prefix + "{." + key + "}v" }
func (s *Store) rateName(key string) string  { return s.prefix + "{." + key + "}r" }

// countUp returns a duration in units, rounded up.
func countUp(duration, unit time.Duration) int64 {
	units := int64(duration / unit)
	if duration%unit > 0 {
		units++
	}
	return units
}
