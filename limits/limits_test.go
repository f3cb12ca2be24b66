package limits_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/storage/memory"
)

func TestAllowCountsByKey(t *testing.T) {
	now := time.Now()
	limiter := limits.New(memory.New(memory.Options{Now: func() time.Time { return now }}))
	rate := limits.Rate{Uses: 2, Period: time.Minute}
	allow := func(key string) error { return limiter.Allow(t.Context(), key, rate, "Wait.") }
	require.NoError(t, allow("a"))
	require.NoError(t, allow("a"))
	err := allow("a")
	require.ErrorIs(t, err, oauth.TooManyRequests)
	refused, ok := errors.AsType[*oauth.Error](err)
	require.True(t, ok)
	require.Equal(t, "Wait.", refused.Description)
	require.Equal(t, 30*time.Second, refused.RetryAfter, "one more every Period/Uses")
	require.NoError(t, allow("b"), "another key")
	now = now.Add(30 * time.Second)
	require.NoError(t, allow("a"))
	require.ErrorIs(t, allow("a"), oauth.TooManyRequests)
}

// brokenStore is a store that cannot be reached.
type brokenStore struct{ identity.Volatile }

func (brokenStore) Allow(context.Context, string, int, time.Duration) (time.Duration, error) {
	return 0, errors.New("connection refused")
}

// TestFailingStoreAllowsNothing: otherwise an attack on the store would remove the limits.
func TestFailingStoreAllowsNothing(t *testing.T) {
	err := limits.New(brokenStore{}).Allow(t.Context(), "a", limits.Rate{Uses: 2, Period: time.Minute}, "Wait.")
	require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
	require.NotErrorIs(t, err, oauth.TooManyRequests)
}
