package verify

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"
)

// keySource finds the keys of tokens. Between fetches it is read without a lock. Tokens with made-up kids cannot
// cause a flood of requests to the issuer, since fetches begin at least the floor interval apart. A failed fetch
// keeps the last key set.
type keySource struct {
	flights
	now    func() time.Time
	logger *slog.Logger

	set     atomic.Pointer[keySet]
	unknown unknownKeys
	fetcher fetcher // used by the running fetch
}

// keySet is immutable.
type keySet struct {
	fetched
	fresh time.Time // until then no newer one is fetched
	aged  time.Time // after it callers wait for a newer one: the API was idle, and the set is too old
}

func newKeySource(issuer string, s settings) *keySource {
	source := &keySource{
		now: s.now, logger: s.logger, fetcher: newFetcher(issuer, s.client),
		unknown: unknownKeys{seed: maphash.MakeSeed()},
	}
	source.flights = flights{floor: s.floor, load: source.load}
	return source
}

// find returns a key by its kid. It returns ErrInvalidToken if there is none, and ErrUnavailable if there is no key
// set.
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

// renew begins a fetch unless it is too soon. Callers wait for it only if the set is too old, and not while the
// issuer is down.
func (s *keySource) renew(ctx context.Context, set *keySet, now time.Time) *keySet {
	under := s.fetch(now)
	if under == nil || now.Before(set.aged) || s.failing(now) {
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

// load fetches the key set.
func (s *keySource) load(ctx context.Context) error {
	var last fetched
	if set := s.set.Load(); set != nil {
		last = set.fetched
	}
	found, err := s.fetcher.fetch(ctx, last)
	if err != nil {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "cannot fetch the issuer's keys", slog.Any("error", err),
			slog.Int("keys", len(last.keys)))
		return err
	}
	lifetime, now := max(found.lifetime, s.floor), s.now()
	s.set.Store(&keySet{fetched: found, fresh: now.Add(lifetime), aged: now.Add(2 * lifetime)})
	return nil
}
