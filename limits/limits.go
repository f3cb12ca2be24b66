// Package limits limits how often callers may do something.
package limits

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Rate allows Uses at once, and one more every Period/Uses.
type Rate struct {
	Uses   int
	Period time.Duration
}

// Limiter counts uses in a volatile store, which all replicas share. It is safe for concurrent use.
type Limiter struct{ store identity.Volatile }

// New returns a Limiter with a store.
func New(store identity.Volatile) *Limiter { return &Limiter{store} }

// Allow counts one use of a key. It returns oauth.TooManyRequests, with the description and the time to wait, if the
// rate is exceeded, and oauth.TemporarilyUnavailable if the store fails.
func (l *Limiter) Allow(ctx context.Context, key string, rate Rate, description string) error {
	wait, err := l.store.Allow(ctx, key, rate.Uses, rate.Period)
	if err != nil {
		return oauth.StoreFailed(err)
	}
	if wait > 0 {
		return &oauth.Error{Code: oauth.TooManyRequests, Description: description, RetryAfter: wait}
	}
	return nil
}
