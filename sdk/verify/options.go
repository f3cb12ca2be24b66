package verify

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// Option is an option of New.
type Option func(*settings)

type settings struct {
	client    *http.Client
	leeway    time.Duration
	floor     time.Duration
	cacheSize int
	lazy      bool
	now       func() time.Time
	logger    *slog.Logger

	resource    *Resource // nil: WithResource is not used
	revocations bool
	interval    time.Duration
	withoutList RevocationPolicy
}

const (
	defaultLeeway    = 10 * time.Second
	maxLeeway        = time.Minute
	defaultFloor     = 10 * time.Second
	minFloor         = time.Second
	maxFloor         = 5 * time.Minute
	defaultCacheSize = 4096 // tokens
	maxCacheSize     = 1 << 20
)

// WithHTTPClient sets the client for the metadata and the key set, for example one that trusts a company's own root
// certificate. Its redirect policy is not used: redirects are not followed. Each fetch may take 5 s.
func WithHTTPClient(client *http.Client) Option { return func(s *settings) { s.client = client } }

// WithLeeway sets how much the clocks of the issuer and of this machine may differ: default 10 s, at most a minute.
func WithLeeway(leeway time.Duration) Option { return func(s *settings) { s.leeway = leeway } }

// WithRefreshFloor sets the minimum time between two fetches of the key set, whatever tokens arrive: default 10 s,
// from 1 s to 5 min.
func WithRefreshFloor(floor time.Duration) Option { return func(s *settings) { s.floor = floor } }

// WithCache sets how many verified tokens are cached, of about 1 KiB each: default 4096; 0 disables the cache.
func WithCache(tokens int) Option { return func(s *settings) { s.cacheSize = tokens } }

// WithLazyStart lets New succeed without a request to the issuer, so that an API can start before it. The keys are
// fetched for the first token. Until they could be fetched, Verify returns ErrUnavailable, and a wrong issuer is only
// noticed then.
func WithLazyStart() Option { return func(s *settings) { s.lazy = true } }

// WithClock sets the clock, for tests.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// WithLogger sets the logger for the reasons why requests are rejected (Debug) and for failed fetches of keys
// (Warn). Tokens are never logged. The default logs nothing.
func WithLogger(logger *slog.Logger) Option { return func(s *settings) { s.logger = logger } }

func newSettings(options []Option) settings {
	s := settings{
		client: &http.Client{}, leeway: defaultLeeway, floor: defaultFloor, cacheSize: defaultCacheSize, now: time.Now,
		logger: slog.New(discard{}),
	}
	for _, option := range options {
		option(&s)
	}
	return s
}

// check returns all errors of the arguments, joined.
func (s settings) check(issuer, audience string) error {
	var faults []error
	if err := checkURL(issuer); err != nil {
		faults = append(faults, fmt.Errorf("the issuer %q %w", issuer, err))
	} else if strings.ContainsAny(issuer, "?#") {
		faults = append(faults, fmt.Errorf("the issuer %q has a query or a fragment (RFC 8414 §2)", issuer))
	}
	if audience == "" || strings.ContainsFunc(audience, unicode.IsControl) {
		faults = append(faults, errors.New(
			"the audience is empty or has control characters: it is the name of this API in tokens, and "+
				"required (RFC 9068 §4)"))
	}
	if s.resource != nil {
		faults = append(faults, s.resource.check(audience)...)
	}
	if s.client == nil || s.now == nil || s.logger == nil {
		faults = append(faults, errors.New("the arguments of WithHTTPClient, WithClock and WithLogger must not be nil"))
	}
	if s.revocations && (s.interval < minInterval || s.interval > maxInterval ||
		s.withoutList != RefuseWithoutList && s.withoutList != AcceptWithoutList) {
		faults = append(faults, fmt.Errorf(
			"WithRevocations(%s, …): from %s to %s, with RefuseWithoutList or AcceptWithoutList", s.interval,
			minInterval, maxInterval))
	}
	if s.leeway < 0 || s.leeway > maxLeeway {
		faults = append(faults, fmt.Errorf("WithLeeway(%s): from 0 to %s", s.leeway, maxLeeway))
	}
	if s.floor < minFloor || s.floor > maxFloor {
		faults = append(faults, fmt.Errorf("WithRefreshFloor(%s): from %s to %s", s.floor, minFloor, maxFloor))
	}
	if s.cacheSize < 0 || s.cacheSize > maxCacheSize {
		faults = append(faults, fmt.Errorf("WithCache(%d): from 0 to %d", s.cacheSize, maxCacheSize))
	}
	return errors.Join(faults...)
}

// checkURL accepts https, and http on loopback, since keys that were fetched otherwise could be anybody's.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Opaque != "":
		return errors.New("is not a URL of the form https://host[/path]")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("must be https; http is for loopback only")
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
