package verify

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// RevocationPolicy decides about users' tokens while there is no valid list of revocations.
type RevocationPolicy int

const (
	// RefuseWithoutList returns ErrUnavailable: no token of an ended session is accepted, and no other one either
	// until the issuer answers.
	RefuseWithoutList RevocationPolicy = iota + 1
	// AcceptWithoutList uses the last list, however old it is, or none if there never was one: tokens are then
	// accepted until they expire.
	AcceptWithoutList
)

const (
	minInterval = time.Second
	maxInterval = 5 * time.Minute
)

// WithRevocations rejects tokens of ended sessions, by the signed list of all ended sessions that the issuer
// publishes. While tokens arrive, the list is fetched at most once in an interval, from 1 s to 5 min. With a shorter
// interval, tokens are rejected sooner after a logout; 5 s is a good interval. The list is valid for 5 minutes after
// the issuer signed it; policy decides what happens then.
//
// If so many sessions of one user end that they would fill the list, tokens that were issued before to that user, and
// to one of 65 536 others, are rejected too. A client whose session is still active refreshes once more.
//
// Tokens of clients that act for themselves have no session and are not affected.
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
	fetcher fetcher // used by the running fetch
	url     string  // used by the running fetch; empty until the metadata was read
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

// check returns an error for the claims of an ended session.
func (s *revocationSource) check(ctx context.Context, claims *Claims, now time.Time) error {
	if claims.Session == "" {
		return nil
	}
	list := s.current(ctx, now)
	if s.policy == RefuseWithoutList && (list == nil || !s.good(list, now)) {
		return fmt.Errorf("%w: its list of revocations is missing or too old", ErrUnavailable)
	}
	if list != nil {
		return list.check(claims)
	}
	return nil
}

// current returns the last list, and starts to fetch the next one. Callers wait for it only if the last fetch was
// long ago, and not while the issuer is down.
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

// good reports whether a list has not expired, and the issuer still has its key: when a stolen key is removed, its
// lists become invalid like its tokens.
func (s *revocationSource) good(list *revocations, now time.Time) bool {
	keys := s.keys.set.Load()
	return now.Before(list.expires.Add(s.leeway)) && keys != nil && keys.keys[list.key.id] == list.key
}

// load fetches the list. A list that is older than the current valid one, for example from a cache or an attacker, is
// ignored.
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
			err = s.fetcher.checkMember("revocation_list_uri", found.RevocationList)
		}
		if err != nil {
			return nil, err
		}
		s.url = found.RevocationList
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
