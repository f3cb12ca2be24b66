package grants

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// AttemptPolicy says how many password attempts may run.
type AttemptPolicy struct {
	// PerAddress is how many one address may make in ten minutes, for any users together; 0: no bound. Many
	// people can share one.
	PerAddress int
}

// rate lets uses through at once and one more every period/uses.
type rate struct {
	uses   int
	period time.Duration
}

// pairRates bound the attempts on one user from one address. Together they make the delay grow: none for five
// attempts, then twelve seconds, ninety seconds, 48 minutes. They count by address, so that nobody is locked
// out by somebody elsewhere.
func pairRates() []rate {
	return []rate{{5, time.Minute}, {10, 15 * time.Minute}, {30, 24 * time.Hour}}
}

// userRate bounds the attempts on one user from all addresses together.
func userRate() rate { return rate{100, time.Hour} }

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
func (m *Manager) countAttempt(ctx context.Context, a attempt) error {
	if m.Attempts.PerAddress > 0 { // first, so that an address beyond its bound uses up nobody's attempts
		if err := m.allow(ctx, a.addressKey(), rate{m.Attempts.PerAddress, addressPeriod}); err != nil {
			return err
		}
	}
	for n, rate := range pairRates() {
		if err := m.allow(ctx, a.pairKey(n), rate); err != nil {
			return err
		}
	}
	return m.allow(ctx, a.userKey(), userRate())
}

func (m *Manager) allow(ctx context.Context, key string, r rate) error {
	wait, err := m.Volatile.Allow(ctx, key, r.uses, r.period)
	if err != nil {
		return oauth.StoreFailed(err)
	}
	if wait > 0 {
		return &oauth.Error{Code: oauth.TooManyRequests, Description: "Too many attempts. Wait before trying again.",
			RetryAfter: wait}
	}
	return nil
}

// forgetAttempts clears what was counted against a user who proved to be one. The address keeps its count:
// its owner may have an account of his own and try others' between.
func (m *Manager) forgetAttempts(ctx context.Context, a attempt) {
	keys := []string{a.userKey()}
	for n := range pairRates() {
		keys = append(keys, a.pairKey(n))
	}
	for _, key := range keys {
		if _, err := m.Volatile.Take(ctx, key); err != nil && !isNotFound(err) {
			m.Logger.WarnContext(ctx, "cannot clear password attempts", "error", err)
			return
		}
	}
}
