package signin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
)

// AttemptPolicy says how many password attempts may run.
type AttemptPolicy struct {
	// PerAddress is how many one address may make in ten minutes, for any users together; 0: no bound. Many
	// people can share one.
	PerAddress int
}

// pairRates bound the attempts on one user from one address. Together they make the delay grow: none for five
// attempts, then twelve seconds, ninety seconds, 48 minutes. They count by address, so that nobody is locked
// out by somebody elsewhere.
func pairRates() []limits.Rate {
	return []limits.Rate{{Uses: 5, Period: time.Minute}, {Uses: 10, Period: 15 * time.Minute},
		{Uses: 30, Period: 24 * time.Hour}}
}

// userRate bounds the attempts on one user from all addresses together.
func userRate() limits.Rate { return limits.Rate{Uses: 100, Period: time.Hour} }

// addressPeriod is what AttemptPolicy.PerAddress counts in.
const addressPeriod = 10 * time.Minute

// attempt names what is counted. Names are hashed: what people type into the wrong field must not be kept.
type attempt struct{ user, address string }

func newAttempt(username, address string) attempt {
	canonical, err := identity.CanonicalUsername(username)
	if err != nil {
		canonical = username
	}
	sum := sha256.Sum256([]byte(canonical))
	return attempt{user: base64.RawURLEncoding.EncodeToString(sum[:16]), address: address}
}

func (a attempt) pairKey(n int) string {
	return fmt.Sprintf("attempts/pair%d/%s/%s", n, a.user, a.address)
}
func (a attempt) userKey() string    { return "attempts/user/" + a.user }
func (a attempt) addressKey() string { return "attempts/address/" + a.address }

// countAttempt counts an attempt, for unknown names as for known ones, or refuses it. It runs before the
// hash, and counting is atomic, so a parallel burst gets no further than a slow one.
func (s *Service) countAttempt(ctx context.Context, a attempt) error {
	if s.attempts.PerAddress > 0 { // first, so that an address beyond its bound uses up nobody's attempts
		rate := limits.Rate{Uses: s.attempts.PerAddress, Period: addressPeriod}
		if err := s.limiter.Allow(ctx, a.addressKey(), rate, tooManyAttempts); err != nil {
			return err
		}
	}
	for n, rate := range pairRates() {
		if err := s.limiter.Allow(ctx, a.pairKey(n), rate, tooManyAttempts); err != nil {
			return err
		}
	}
	return s.limiter.Allow(ctx, a.userKey(), userRate(), tooManyAttempts)
}

const tooManyAttempts = "Too many attempts. Wait before trying again."

// forgetAttempts clears what was counted against a user who proved to be one. The address keeps its count:
// its owner may have an account of his own and try others' between.
func (s *Service) forgetAttempts(ctx context.Context, a attempt) {
	keys := []string{a.userKey()}
	for n := range pairRates() {
		keys = append(keys, a.pairKey(n))
	}
	for _, key := range keys {
		if _, err := s.volatile.Take(ctx, key); err != nil && !isNotFound(err) {
			s.logger.WarnContext(ctx, "cannot clear password attempts", "error", err)
			return
		}
	}
}

// badCodes is how many codes that WeChat refuses one address may send at once; it regains one every two
// seconds. Whoever makes codes up would otherwise use up the app's quota at WeChat for everybody. Good codes
// count nothing, since many phones share an address.
func badCodes() limits.Rate { return limits.Rate{Uses: 300, Period: 10 * time.Minute} }

// checkBadCodes refuses an address that has sent too many bad codes lately.
func (s *Service) checkBadCodes(ctx context.Context, address string) error {
	until, err := s.volatile.Get(ctx, blockKey(address))
	if err != nil { // nothing there; or the store is out of reach, which must not keep good codes from working
		return nil
	}
	if at, err := time.Parse(time.RFC3339Nano, string(until)); err == nil && s.now().Before(at) {
		return &oauth.Error{Code: oauth.TooManyRequests,
			Description: "Too many codes that WeChat refused. Wait before trying again.", RetryAfter: at.Sub(s.now())}
	}
	return nil
}

// countBadCode notes a code that WeChat refused.
func (s *Service) countBadCode(ctx context.Context, address string) {
	rate := badCodes()
	wait, err := s.volatile.Allow(ctx, "bad_codes/"+address, rate.Uses, rate.Period)
	if err == nil && wait > 0 {
		err = s.volatile.Put(ctx, blockKey(address), s.now().Add(wait).AppendFormat(nil, time.RFC3339Nano), wait)
	}
	if err != nil {
		s.logger.WarnContext(ctx, "cannot count bad codes", "error", err)
	}
}

func blockKey(address string) string { return "bad_codes/blocked/" + address }
