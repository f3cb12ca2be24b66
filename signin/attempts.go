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

// AttemptPolicy limits password attempts.
type AttemptPolicy struct {
	// PerAddress is how many attempts one IP address may make in ten minutes, for all users together; 0 means no
	// limit. Many people can share an address.
	PerAddress int
}

// pairRates returns the limits of attempts on one user from one address. Together they make the delay grow: none for
// five attempts, then twelve seconds, ninety seconds, 48 minutes. They count by address, so that an attacker elsewhere
// cannot lock a user out.
func pairRates() []limits.Rate {
	return []limits.Rate{{Uses: 5, Period: time.Minute}, {Uses: 10, Period: 15 * time.Minute},
		{Uses: 30, Period: 24 * time.Hour}}
}

// userRate returns the limit of attempts on one user from all addresses together.
func userRate() limits.Rate { return limits.Rate{Uses: 100, Period: time.Hour} }

// addressPeriod is the period of AttemptPolicy.PerAddress.
const addressPeriod = 10 * time.Minute

// attempt identifies what is counted. The user name is hashed, because people may type a password into its field.
type attempt struct{ user, address string }

func newAttempt(username, address string) attempt {
	sum := sha256.Sum256([]byte(canonical(username)))
	return attempt{user: base64.RawURLEncoding.EncodeToString(sum[:16]), address: address}
}

// canonical returns the canonical form of a name, or an invalid name as it is.
func canonical(username string) string {
	canonical, err := identity.CanonicalUsername(username)
	if err != nil {
		return username
	}
	return canonical
}

func (a attempt) pairKey(n int) string {
	return fmt.Sprintf("attempts/pair%d/%s/%s", n, a.user, a.address)
}
func (a attempt) userKey() string    { return "attempts/user/" + a.user }
func (a attempt) addressKey() string { return "attempts/address/" + a.address }

// countAttempt counts an attempt, for unknown names too, or rejects it with oauth.TooManyRequests. It runs before
// the password is hashed, and counting is atomic, so parallel attempts do not get around the limits.
func (s *Service) countAttempt(ctx context.Context, a attempt) error {
	if s.attempts.PerAddress > 0 { // first, so that an address over its limit does not use up a user's attempts
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

// forgetAttempts resets the counters of a user who has signed in. It keeps the address's counter: an attacker could
// otherwise reset it by signing in to an account of their own between guesses.
func (s *Service) forgetAttempts(ctx context.Context, a attempt) {
	keys := []string{a.userKey()}
	for n := range pairRates() {
		keys = append(keys, a.pairKey(n))
	}
	for _, key := range keys {
		if _, err := s.volatile.Take(ctx, key); err != nil && !isNotFound(err) {
			s.logger.WarnContext(ctx, "cannot reset password attempts", "error", err)
			return
		}
	}
}

// badCodes returns the limit of codes from one address that WeChat rejects: 300 at once, then one every two seconds.
// Without it, invented codes would use up the app's quota at WeChat. Valid codes are not counted, since many phones
// share an address.
func badCodes() limits.Rate { return limits.Rate{Uses: 300, Period: 10 * time.Minute} }

// checkBadCodes returns oauth.TooManyRequests if an address has sent too many bad codes recently.
func (s *Service) checkBadCodes(ctx context.Context, address string) error {
	until, err := s.volatile.Get(ctx, blockKey(address))
	if err != nil { // not blocked; or the store failed, which must not keep valid codes from working
		return nil
	}
	if at, err := time.Parse(time.RFC3339Nano, string(until)); err == nil && s.now().Before(at) {
		return &oauth.Error{Code: oauth.TooManyRequests,
			Description: "Too many codes were rejected. Wait before trying again.", RetryAfter: at.Sub(s.now())}
	}
	return nil
}

// countBadCode counts a code that WeChat rejected, and blocks its address if it exceeds the limit.
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
