package redis

import (
	"context"
	"errors"
	"strconv"
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

// GetAll implements identity.Volatile. On a Cluster, the keys may be on several nodes, so each has a command of its
// own; otherwise they have one together, which takes a fraction of the time.
func (s *Store) GetAll(ctx context.Context, keys ...string) ([][]byte, error) {
	for _, key := range keys {
		if err := identity.CheckVolatileKey(ctx, key); err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 {
		return nil, ctx.Err()
	}
	if _, clustered := s.client.(*redis.ClusterClient); clustered {
		return s.getEach(ctx, keys)
	}
	words := []any{"MGET"}
	for _, key := range keys {
		words = append(words, s.valueName(key))
	}
	found, err := s.send(ctx, words...).Slice()
	if err != nil {
		return nil, loggable(ctx, err)
	}
	if len(found) != len(keys) {
		return nil, errors.New("redis returned another number of values")
	}
	values := make([][]byte, len(keys))
	for n, value := range found {
		if text, ok := value.(string); ok {
			values[n] = []byte(text)
		}
	}
	return values, nil
}

func (s *Store) getEach(ctx context.Context, keys []string) ([][]byte, error) {
	commands := make([]*redis.Cmd, len(keys))
	for n, key := range keys {
		commands[n] = redis.NewCmd(ctx, "GET", s.valueName(key))
	}
	s.sendAll(ctx, commands)
	values := make([][]byte, len(keys))
	for n, command := range commands {
		value, err := command.Text()
		switch {
		case errors.Is(err, redis.Nil):
		case err != nil:
			return nil, loggable(ctx, err)
		default:
			values[n] = []byte(value)
		}
	}
	return values, nil
}

// Take implements identity.Volatile.
func (s *Store) Take(ctx context.Context, key string) ([]byte, error) {
	if err := identity.CheckVolatileKey(ctx, key); err != nil {
		return nil, err
	}
	value, err := s.run(ctx, takeScript, []string{s.valueName(key)}).Text()
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

// AllowAll implements identity.Volatile. A share of a period below a microsecond is rounded up to one.
func (s *Store) AllowAll(ctx context.Context, group string, rates ...identity.Rate) (wait time.Duration, longest int,
	err error) {
	if err := identity.CheckRates(ctx, group, rates); err != nil || len(rates) == 0 {
		return 0, 0, err
	}
	answer, err := s.runRates(ctx, countScript, group, rates).Int64Slice()
	if err != nil {
		return 0, 0, loggable(ctx, err)
	}
	if len(answer) != 2 {
		return 0, 0, errors.New("redis returned no wait")
	}
	return time.Duration(answer[0]) * time.Microsecond, int(answer[1]), nil
}

// GiveBack implements identity.Volatile.
func (s *Store) GiveBack(ctx context.Context, group string, rates ...identity.Rate) error {
	if err := identity.CheckRates(ctx, group, rates); err != nil || len(rates) == 0 {
		return err
	}
	return loggable(ctx, s.runRates(ctx, giveBackScript, group, rates).Err())
}

// runRates runs a script on the rates of a group, with three arguments for each rate: the share of one use in
// microseconds, the number of uses, and whether the rate is lenient.
func (s *Store) runRates(ctx context.Context, script script, group string, rates []identity.Rate) *redis.Cmd {
	var names []string
	var args []any
	for _, rate := range rates {
		names = append(names, s.rateName(group, rate.Key))
		lenient := 0
		if rate.Lenient {
			lenient = 1
		}
		args = append(args, countUp(rate.Period/time.Duration(rate.Uses), time.Microsecond), rate.Uses, lenient)
	}
	return s.run(ctx, script, names, args...)
}

// The braces determine the hash slot: one script can use all rates of a group. Without the dot they would be empty if
// the key is empty or begins with a closing brace, and Redis would then hash the whole name. The length makes the
// names of two groups differ.
func (s *Store) valueName(key string) string { return s.prefix + "{." + key + "}v" }
func (s *Store) rateName(group, key string) string {
	return s.prefix + strconv.Itoa(len(group)) + "{." + group + "}" + key
}

// countUp returns a duration in units, rounded up.
func countUp(duration, unit time.Duration) int64 {
	units := int64(duration / unit)
	if duration%unit > 0 {
		units++
	}
	return units
}
