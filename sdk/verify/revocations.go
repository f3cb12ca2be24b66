package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sort"
	"sync/atomic"
	"time"
)

// RevocationPolicy says what becomes of a user's token while there is no list of revocations that is still good.
type RevocationPolicy int

const (
	// RefuseWithoutList makes it ErrUnavailable: nobody whose session has ended gets in, and nobody else
	// either until the issuer answers.
	RefuseWithoutList RevocationPolicy = iota + 1
	// AcceptWithoutList goes by the last list, however old it is, and by none if there never was one: tokens
	// then live until they expire.
	AcceptWithoutList
)

const (
	minInterval = time.Second
	maxInterval = 5 * time.Minute
)

// WithRevocations refuses tokens of sessions that have ended, by the list that the issuer publishes: signed,
// one for all sessions, and asked for at most once in an interval, from 1 s to 5 min, while tokens come. Each
// second asked sooner is a second that somebody who logged out is not taken for logged in; 5 s is a good
// interval. The list is good for 5 minutes after the issuer signed it; policy says what happens then.
//
// Tokens of clients that act for themselves have no session and are not concerned.
func WithRevocations(interval time.Duration, policy RevocationPolicy) Option {
	return func(s *settings) { s.revocations, s.interval, s.withoutList = true, interval, policy }
}

// revocationSource keeps the list. Between fetches it is read without a lock.
type revocationSource struct {
	flights
	now     func() time.Time
	leeway  time.Duration
	policy  RevocationPolicy
	logger  *slog.Logger
	keys    *keySource
	fetcher fetcher // of the fetch that is under way
	url     string  // likewise; empty until the metadata told
	list    atomic.Pointer[revocations]
}

func newRevocationSource(issuer string, s settings, keys *keySource) *revocationSource {
	source := &revocationSource{
		now: s.now, leeway: s.leeway, policy: s.withoutList, logger: s.logger, keys: keys,
		fetcher: newFetcher(issuer, s.client),
	}
	source.flights = flights{floor: s.interval, load: source.load}
	return source
}

// check refuses the claims of a session that has ended.
func (s *revocationSource) check(ctx context.Context, claims *Claims, now time.Time) error {
	if claims.Session == "" {
		return nil
	}
	list := s.current(ctx, now)
	if s.policy == RefuseWithoutList && (list == nil || !s.good(list, now)) {
		return fmt.Errorf("%w: its list of revocations is missing or too old", ErrUnavailable)
	}
	if list != nil && list.has(claims) {
		return sessionEnded
	}
	return nil
}

// current returns the list that there is, and fetches the next one. Only who comes long after the last fetch
// waits for it, and nobody does while the issuer is down.
func (s *revocationSource) current(ctx context.Context, now time.Time) *revocations {
	list := s.list.Load()
	if list != nil && now.Before(list.readAt.Add(s.floor)) && !now.Before(list.readAt) {
		return list
	}
	under := s.fetch(now)
	if under != nil && !s.failing(now) && (list == nil || !now.Before(list.readAt.Add(2*s.floor))) {
		under.wait(ctx)
	}
	return s.list.Load()
}

// good says whether a list has not expired, and the issuer still has the key that signed it: one that was
// stolen ends its lists with its tokens.
func (s *revocationSource) good(list *revocations, now time.Time) bool {
	keys := s.keys.set.Load()
	return now.Before(list.expires.Add(s.leeway)) && keys != nil && keys.keys[list.key.id] == list.key
}

// load fetches the list. One that is older than a good one that is there, as a cache or an attacker may keep
// it, changes nothing.
func (s *revocationSource) load(ctx context.Context) error {
	list, err := s.next(ctx, s.list.Load())
	if err != nil {
		s.url = ""
		s.logger.LogAttrs(ctx, slog.LevelWarn, "cannot fetch the issuer's list of revocations", slog.Any("error", err))
		return err
	}
	read := *list
	read.readAt = s.now()
	s.list.Store(&read)
	return nil
}

func (s *revocationSource) next(ctx context.Context, last *revocations) (*revocations, error) {
	if s.url == "" {
		found, err := s.fetcher.discover(ctx)
		if err == nil {
			err = s.fetcher.checkMember("revocations_uri", found.Revocations)
		}
		if err != nil {
			return nil, err
		}
		s.url = found.Revocations
	}
	etag := ""
	if last != nil && last.url == s.url && s.good(last, s.now()) {
		etag = last.etag
	}
	header, body, err := s.fetcher.get(ctx, s.url, etag, maxListSize)
	if err != nil {
		return nil, fmt.Errorf("list of revocations %s: %w", s.url, err)
	}
	if body == nil {
		return last, nil
	}
	list, err := s.read(ctx, body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("list of revocations %s: %w", s.url, err)
	case last != nil && list.sequence < last.sequence && s.good(last, s.now()):
		return last, nil
	}
	list.etag = header.Get("ETag")
	return list, nil
}

// has looks for a session among those that have ended.
func (r *revocations) has(claims *Claims) bool {
	if claims.IssuedAt.Before(r.allBefore) {
		return true
	}
	sum := sha256.Sum256([]byte(claims.Session))
	at := func(n int) []byte { return r.hashes[n*hashSize : (n+1)*hashSize] }
	count := len(r.hashes) / hashSize
	n := sort.Search(count, func(n int) bool { return bytes.Compare(at(n), sum[:hashSize]) >= 0 })
	return n < count && bytes.Equal(at(n), sum[:hashSize])
}
