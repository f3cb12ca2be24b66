// Package limits counts what callers do and tells them when to come again.
package limits

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Rate lets Uses through at once, and one more every Period/Uses.
type Rate struct {
	Uses   int
	Period time.Duration
}

// Limiter counts in a volatile store, so that all replicas count together.
type Limiter struct{ store identity.Volatile }

// New returns a limiter over a store.
func New(store identity.Volatile) *Limiter { return &Limiter{store} }

// Allow counts one use of a key. An error has the code [oauth.TooManyRequests], with the description and how long
// to wait, or says that the store failed: what cannot be counted is refused.
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
