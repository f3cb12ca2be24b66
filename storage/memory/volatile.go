package memory

import (
	"bytes"
	"context"
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

// Take implements identity.Volatile.
func (s *Store) Take(ctx context.Context, key string) ([]byte, error) {
	if err := identity.CheckVolatileKey(ctx, key); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := s.now()
	s.rates.take(key, now)
	taken := s.values.take(key, now)
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

// Allow implements identity.Volatile with the generic cell rate algorithm (GCRA): each use postpones the time at
// which the key has recovered all its uses, to at most limit uses from now.
func (s *Store) Allow(ctx context.Context, key string, limit int, per time.Duration) (time.Duration, error) {
	if err := identity.CheckRate(ctx, key, limit, per); err != nil {
		return 0, err
	}
	each := per / time.Duration(limit)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := s.now()
	recovered := now
	if rate := s.rates.find(key, now); rate != nil {
		recovered = rate.expires
	}
	recovered = recovered.Add(each)
	if wait := recovered.Sub(now) - each*time.Duration(limit); wait > 0 {
		return wait, nil
	}
	s.rates.put(key, nil, recovered, now)
	return 0, nil
}
