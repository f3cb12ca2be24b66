package redis

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/lingpai/lingpai/identity"
)

// DefaultTimeout is long for Redis, and short for a person who waits for a sign-in.
const DefaultTimeout = 500 * time.Millisecond

// Options of a Store.
type Options struct {
	// URL says where Redis is; see CheckURL.
	URL string
	// KeyPrefix begins the name of every key, so that others may use the same Redis. It has no braces: they
	// choose the hash slot.
	KeyPrefix string
	// Timeout bounds one call. 0: DefaultTimeout.
	Timeout time.Duration
}

// Store is identity.Volatile in Redis. Use Open to make one.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
}

var _ identity.Volatile = (*Store)(nil)

// Open makes a store. It does not dial; Ping tells whether Redis answers.
func Open(options Options) (*Store, error) {
	if strings.ContainsAny(options.KeyPrefix, "{}") {
		return nil, errors.New("the prefix of the keys in Redis has no braces")
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

// Ping reports why Redis does not answer, if it does not.
func (s *Store) Ping(ctx context.Context) error {
	return told(ctx, s.send(ctx, "PING").Err())
}

// Close ends the connections. Calls after it fail.
func (s *Store) Close() error { return s.client.Close() }

// Put implements identity.Volatile.
func (s *Store) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := identity.CheckVolatileValue(ctx, key, value, ttl); err != nil {
		return err
	}
	return told(ctx, s.send(ctx, "SET", s.valueName(key), value, "PX", countUp(ttl, time.Millisecond)).Err())
}

// Get implements identity.Volatile.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := identity.CheckVolatileKey(ctx, key); err != nil {
		return nil, err
	}
	value, err := s.send(ctx, "GET", s.valueName(key)).Text()
	if err != nil {
		return nil, told(ctx, err)
	}
	return []byte(value), nil
}

// Take implements identity.Volatile.
func (s *Store) Take(ctx context.Context, key string) ([]byte, error) {
	if err := identity.CheckVolatileKey(ctx, key); err != nil {
		return nil, err
	}
	value, err := s.run(ctx, taking, []string{s.valueName(key), s.rateName(key)}).Text()
	if err != nil {
		return nil, told(ctx, err)
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
	return err == nil, told(ctx, err)
}

// Allow implements identity.Volatile. A share of less than a microsecond counts as one.
func (s *Store) Allow(ctx context.Context, key string, limit int, per time.Duration) (time.Duration, error) {
	if err := identity.CheckRate(ctx, key, limit, per); err != nil {
		return 0, err
	}
	each := countUp(per/time.Duration(limit), time.Microsecond)
	wait, err := s.run(ctx, counting, []string{s.rateName(key)}, each, limit).Int64()
	return time.Duration(wait) * time.Microsecond, told(ctx, err)
}

// valueName and rateName are of the same hash slot, so that one script may touch both. The dot keeps what is
// between the braces from being empty, also when the key is, or begins with a brace: Redis would choose the
// slot by the whole name then.
func (s *Store) valueName(key string) string { return s.prefix + "{." + key + "}v" }
func (s *Store) rateName(key string) string  { return s.prefix + "{." + key + "}r" }

// countUp is how many units a duration takes; one that is begun counts.
func countUp(duration, unit time.Duration) int64 {
	units := int64(duration / unit)
	if duration%unit > 0 {
		units++
	}
	return units
}
