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

// Option changes what New does.
type Option func(*settings)

type settings struct {
	client    *http.Client
	leeway    time.Duration
	floor     time.Duration
	cacheSize int
	lazy      bool
	now       func() time.Time
	logger    *slog.Logger

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

// WithHTTPClient sets what fetches the metadata and the key set, such as one that trusts a company's own
// root. Its redirect policy is not used: no redirect is followed. Each fetch is given 5 s.
func WithHTTPClient(client *http.Client) Option { return func(s *settings) { s.client = client } }

// WithLeeway sets by how much the clocks of the issuer and of this machine may differ: 10 s unless said, at
// most a minute.
func WithLeeway(leeway time.Duration) Option { return func(s *settings) { s.leeway = leeway } }

// WithRefreshFloor sets the least time between two fetches of the key set, whatever tokens come: 10 s unless
// said, from 1 s to 5 min.
func WithRefreshFloor(floor time.Duration) Option { return func(s *settings) { s.floor = floor } }

// WithCache sets how many verified tokens are remembered, of about 1 KiB each: 4096 unless said; 0 remembers none.
func WithCache(tokens int) Option { return func(s *settings) { s.cacheSize = tokens } }

// WithLazyStart lets New succeed without having asked the issuer, so that an API can come up before it. The
// first token fetches the keys; until they could be had, every answer is ErrUnavailable, and a wrong issuer
// shows only then.
func WithLazyStart() Option { return func(s *settings) { s.lazy = true } }

// WithClock sets what tells the time, for tests.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// WithLogger sets where it is told why a request was refused (Debug) and that keys could not be fetched
// (Warn). No token is logged. Nothing is logged unless this is set.
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

// check returns all that is wrong, joined.
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
	if s.client == nil || s.now == nil || s.logger == nil {
		faults = append(faults, errors.New("WithHTTPClient, WithClock and WithLogger do not take nil"))
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

// checkURL takes https, and http where nobody is between: on loopback. Keys that came another way would be anybody's.
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
