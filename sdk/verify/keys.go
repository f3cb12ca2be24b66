package verify

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// waitForKeys is how long a caller waits for a fetch; what takes longer goes on without it.
const waitForKeys = 2 * time.Second

// keySource finds the keys of tokens. Between fetches it is read without a lock.
//
// All fetches, whatever calls for them, are one at a time and begin no sooner than the floor after each other: tokens with made-up kids are no
// lever against the issuer. A fetch that fails changes nothing but the time of the next one.
type keySource struct {
	now    func() time.Time
	floor  time.Duration
	logger *slog.Logger

	set     atomic.Pointer[keySet]
	flight  atomic.Pointer[flight] // nil if none is under way
	last    atomic.Int64           // when the last one began, in nanoseconds since 1970
	failing atomic.Bool            // the last one failed
	unknown unknownKeys

	mutex   sync.Mutex // held while one begins
	fetcher fetcher    // of the one that is under way
}

// keySet does not change.
type keySet struct {
	fetched
	fresh time.Time // until then nobody asks for a newer one
	aged  time.Time // after it a caller waits for the newer one: the API was idle, and this set is of another day
}

// flight is a fetch that is under way.
type flight struct {
	done chan struct{}
	err  error // when done is closed
}

func newKeySource(issuer string, s settings) *keySource {
	return &keySource{
		now: s.now, floor: s.floor, logger: s.logger, fetcher: newFetcher(issuer, s.client),
		unknown: unknownKeys{seed: maphash.MakeSeed()},
	}
}

// start fetches the keys for the first time.
func (s *keySource) start(ctx context.Context) error {
	first := s.fetch(s.now())
	select {
	case <-first.done:
		return first.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find returns a key by its kid: ErrInvalidToken if there is none, ErrUnavailable if there is no key set.
func (s *keySource) find(ctx context.Context, id string, now time.Time) (*publicKey, error) {
	set := s.set.Load()
	if set == nil {
		return s.findLater(ctx, id, now)
	}
	if !now.Before(set.fresh) {
		set = s.renew(ctx, set, now)
	}
	if key := set.keys[id]; key != nil {
		return key, nil
	}
	return s.findLater(ctx, id, now)
}

// renew begins a fetch if there may be one. Nobody waits for it unless the set has aged, and not even then while the issuer is down.
func (s *keySource) renew(ctx context.Context, set *keySet, now time.Time) *keySet {
	under := s.fetch(now)
	if under == nil || now.Before(set.aged) || s.failing.Load() {
		return set
	}
	under.wait(ctx)
	return s.set.Load()
}

// findLater finds a key in the next key set, if one may be fetched.
func (s *keySource) findLater(ctx context.Context, id string, now time.Time) (*publicKey, error) {
	if s.unknown.has(id, now) {
		return nil, unknownKey
	}
	under := s.fetch(now)
	fetched := under != nil && under.wait(ctx)
	set := s.set.Load()
	if set == nil {
		return nil, s.unavailable(under, fetched)
	}
	if key := set.keys[id]; key != nil {
		return key, nil
	}
	if fetched && under.err == nil {
		s.unknown.add(id, now)
	}
	return nil, unknownKey
}

func (s *keySource) unavailable(under *flight, fetched bool) error {
	if fetched && under.err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, under.err)
	}
	return ErrUnavailable
}

// fetch returns the fetch that is under way, or begins one, or returns nil if it is too soon for one.
func (s *keySource) fetch(now time.Time) *flight {
	if under := s.flight.Load(); under != nil || s.tooSoon(now) {
		return under
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if under := s.flight.Load(); under != nil || s.tooSoon(now) {
		return under
	}
	s.last.Store(now.UnixNano())
	under := &flight{done: make(chan struct{})}
	s.flight.Store(under)
	go s.fly(under)
	return under
}

// tooSoon says whether the last fetch began less than the floor ago. A clock that was set back does not stop fetches.
func (s *keySource) tooSoon(now time.Time) bool {
	since := now.UnixNano() - s.last.Load()
	return since >= 0 && since < int64(s.floor)
}

// fly fetches in its own time: the keys are for all callers, and the one who called for them may hang up.
func (s *keySource) fly(under *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	var last fetched
	if set := s.set.Load(); set != nil {
		last = set.fetched
	}
	found, err := s.fetcher.fetch(ctx, last)
	if err != nil {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "cannot fetch the issuer's keys", slog.Any("error", err), slog.Int("keys", len(last.keys)))
	} else {
		lifetime, now := max(found.lifetime, s.floor), s.now()
		s.set.Store(&keySet{fetched: found, fresh: now.Add(lifetime), aged: now.Add(2 * lifetime)})
	}
	s.failing.Store(err != nil)
	under.err = err
	s.flight.Store(nil)
	close(under.done)
}

// wait says whether the fetch has ended.
func (f *flight) wait(ctx context.Context) bool {
	timer := time.NewTimer(waitForKeys)
	defer timer.Stop()
	select {
	case <-f.done:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}
