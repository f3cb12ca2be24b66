package memory

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// DefaultMaxEntries is what a machine with 1 GiB of memory can spare: that many rates take about 65 MiB, and that
// many values of 1 KiB about 320 MiB.
const DefaultMaxEntries = 1 << 18

// Options are the options of a Store. The zero value is valid.
type Options struct {
	// Now returns the time; nil: time.Now.
	Now func() time.Time
	// MaxEntries limits the values and, separately, the rates, so that neither can displace the other. A value counts
	// as one entry, and one more for every full KiB. 0: DefaultMaxEntries.
	MaxEntries int
}

// Store is an identity.Volatile in the memory of the process. Create it with New.
//
// If it is full, expired entries are removed first. Of the values the least recently written one is removed next, so
// that every value survives MaxEntries later writes, whatever its lifetime. Of the rates it is the one with the
// fewest uses, so that a flood of new keys displaces its own rates and not the one under attack.
type Store struct {
	now func() time.Time

	mutex  sync.Mutex // also serializes readings of the clock
	values *expiringMap
	rates  *expiringMap // entries without values; a rate expires when it has recovered all uses
}

var _ identity.Volatile = (*Store)(nil)

// New returns an empty store.
func New(options Options) *Store {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.MaxEntries <= 0 {
		options.MaxEntries = DefaultMaxEntries
	}
	return &Store{
		now:    options.Now,
		values: newExpiringMap(options.MaxEntries, oldest),
		rates:  newExpiringMap(options.MaxEntries, soonest),
	}
}

// Put implements identity.Volatile.
func (s *Store) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := identity.CheckVolatileValue(ctx, key, value, ttl); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := s.now()
	s.values.put(key, bytes.Clone(value), now.Add(ttl), now)
	return nil
}

// Get implements identity.Volatile.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := identity.CheckVolatileKey(ctx, key); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.values.find(key, s.now())
	if found == nil {
		return nil, identity.ErrNotFound
	}
	return bytes.Clone(found.value), nil
}

// GetAll implements identity.Volatile.
func (s *Store) GetAll(ctx context.Context, keys ...string) ([][]byte, error) {
	for _, key := range keys {
		if err := identity.CheckVolatileKey(ctx, key); err != nil {
			return nil, err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now, values := s.now(), make([][]byte, len(keys))
	for n, key := range keys {
		if found := s.values.find(key, now); found != nil {
			values[n] = append([]byte{}, found.value...) // not nil, even if it is empty
		}
	}
	return values, nil
}

// Take implements identity.Volatile.
func (s *Store) Take(ctx context.Context, key string) ([]byte, error) {
	if err := identity.CheckVolatileKey(ctx, key); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	taken := s.values.take(key, s.now())
	if taken == nil {
		return nil, identity.ErrNotFound
	}
	return taken.value, nil
}

// PutIfAbsent implements identity.Volatile.
func (s *Store) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if err := identity.CheckVolatileValue(ctx, key, value, ttl); err != nil {
		return false, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := s.now()
	if s.values.find(key, now) != nil {
		return false, nil
	}
	s.values.put(key, bytes.Clone(value), now.Add(ttl), now)
	return true, nil
}

// AllowAll implements identity.Volatile with the generic cell rate algorithm (GCRA): each use postpones the time at
// which the key has recovered all its uses, to at most a period from now.
func (s *Store) AllowAll(ctx context.Context, group string, rates ...identity.Rate) (wait time.Duration, longest int,
	err error) {
	if err := identity.CheckRates(ctx, group, rates); err != nil {
		return 0, 0, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := s.now()
	ahead := make([]time.Duration, len(rates))
	for n, rate := range rates {
		each := rate.Period / time.Duration(rate.Uses)
		all := each * time.Duration(rate.Uses)
		ahead[n] = min(s.ahead(rateName(group, rate), now), all) + each
		if rate.Lenient {
			ahead[n] = min(ahead[n], all)
		}
		if ahead[n]-all > wait {
			wait, longest = ahead[n]-all, n
		}
	}
	if wait > 0 {
		return wait, longest, nil
	}
	for n, rate := range rates {
		s.rates.put(rateName(group, rate), nil, now.Add(ahead[n]), now)
	}
	return 0, 0, nil
}

// GiveBack implements identity.Volatile.
func (s *Store) GiveBack(ctx context.Context, group string, rates ...identity.Rate) error {
	if err := identity.CheckRates(ctx, group, rates); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := s.now()
	for _, rate := range rates {
		name := rateName(group, rate)
		ahead := min(s.ahead(name, now), rate.Period) - rate.Period/time.Duration(rate.Uses)
		s.rates.take(name, now)
		if ahead > 0 {
			s.rates.put(name, nil, now.Add(ahead), now)
		}
	}
	return nil
}

// ahead returns how far in the future a rate has recovered all its uses.
func (s *Store) ahead(name string, now time.Time) time.Duration {
	if rate := s.rates.find(name, now); rate != nil {
		return rate.expires.Sub(now)
	}
	return 0
}

// rateName returns a name that no rate of another group has.
func rateName(group string, rate identity.Rate) string {
	return strconv.Itoa(len(group)) + ":" + group + rate.Key
}
