package memory

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// DefaultMaxEntries is as much as a machine of 1 GiB can spare: that many rates take some 65 MiB, and that
// many values of 1 KiB some 320 MiB.
const DefaultMaxEntries = 1 << 18

// Options of a Store. The zero value is useful.
type Options struct {
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// MaxEntries bounds the values and, apart from them, the rates, so that neither can displace the other. A
	// value counts once more for every full KiB of it. 0: DefaultMaxEntries.
	MaxEntries int
}

// Store is identity.Volatile in the process. Use New to make one.
//
// When there is no room, what has expired goes first. Then the value that was written longest ago goes, so
// that any value outlives MaxEntries later writes whatever its time to live; and the rate that is the least
// used up, so that a flood of new names displaces itself and not the name under attack.
type Store struct {
	now func() time.Time

	mutex  sync.Mutex // also orders the readings of the clock
	values *shelf
	rates  *shelf // entries without values: a rate is its instant of recovery, when it expires
}

var _ identity.Volatile = (*Store)(nil)

// New makes an empty store.
func New(options Options) *Store {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.MaxEntries <= 0 {
		options.MaxEntries = DefaultMaxEntries
	}
	return &Store{
		now:    options.Now,
		values: newShelf(options.MaxEntries, oldest),
		rates:  newShelf(options.MaxEntries, soonest),
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

// Allow implements identity.Volatile by GCRA: each use moves the instant at which the key has recovered all
// its uses, which may lie no further ahead than limit uses.
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
