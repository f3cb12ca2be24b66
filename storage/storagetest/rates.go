package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// rates are the trials of identity.Volatile's Allow. Their periods are hours, so that the time that a trial
// takes does not matter.
func rates() []volatileTrial {
	return []volatileTrial{
		{"a key may be used limit times at once", rateBurst},
		{"a parallel burst gets no more than limit", rateParallelBurst},
		{"a key regains one use every per/limit", rateRegains},
		{"an unused key regains no more than limit", rateIsFull},
		{"a use is allowed after the wait that was told", rateWaitIsHonest},
		{"refused uses cost nothing", rateRefusalIsFree},
		{"keys are counted apart", rateKeysApart},
		{"taking a key forgets its count", rateIsForgotten},
		{"a limit that does not divide its period is kept", rateUneven},
		{"a rate without uses or period allows nothing", rateOfNothing},
	}
}

func (l larder) allow(t *testing.T, key string, limit int, per time.Duration) time.Duration {
	t.Helper()
	wait, err := l.Allow(t.Context(), key, limit, per)
	require.NoError(t, err)
	return wait
}

func (l larder) requireAllowed(t *testing.T, key string, limit int, per time.Duration) {
	t.Helper()
	require.Zero(t, l.allow(t, key, limit, per))
}

// requireRefused returns the wait.
func (l larder) requireRefused(t *testing.T, key string, limit int, per time.Duration) time.Duration {
	t.Helper()
	wait := l.allow(t, key, limit, per)
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, per/time.Duration(limit)+time.Millisecond,
		"the next use is never further away than one share")
	return wait
}

func (l larder) useUp(t *testing.T, key string, limit int, per time.Duration) {
	t.Helper()
	for range limit {
		l.requireAllowed(t, key, limit, per)
	}
	l.requireRefused(t, key, limit, per)
}

func rateBurst(t *testing.T, l larder) {
	l.useUp(t, "key", 10, 10*time.Hour)
	l.useUp(t, "once", 1, time.Hour)
	l.useUp(t, "often", 1000, 1000*time.Hour)
}

func rateParallelBurst(t *testing.T, l larder) {
	const limit = 5
	answers := together(crowd, func(int) (allowed won) {
		wait, err := l.Allow(t.Context(), "key", limit, time.Hour)
		return won{wait == 0, err}
	})
	passed := 0
	for _, allowed := range answers {
		require.NoError(t, allowed.err)
		if allowed.won {
			passed++
		}
	}
	require.Equal(t, limit, passed)
}

func rateRegains(t *testing.T, l larder) {
	l.useUp(t, "key", 10, 10*time.Hour)
	for range 5 {
		l.advance(time.Hour)
		l.requireAllowed(t, "key", 10, 10*time.Hour)
		l.requireRefused(t, "key", 10, 10*time.Hour)
	}
	l.advance(3 * time.Hour)
	for range 3 {
		l.requireAllowed(t, "key", 10, 10*time.Hour)
	}
	l.requireRefused(t, "key", 10, 10*time.Hour)
}

func rateIsFull(t *testing.T, l larder) {
	l.useUp(t, "key", 3, 3*time.Hour)
	l.advance(100 * time.Hour)
	l.useUp(t, "key", 3, 3*time.Hour)
}

func rateWaitIsHonest(t *testing.T, l larder) {
	l.useUp(t, "key", 4, 4*time.Hour)
	for range 5 {
		l.advance(17 * time.Minute)
		wait := l.requireRefused(t, "key", 4, 4*time.Hour)
		require.Less(t, wait, time.Hour-16*time.Minute, "some of it is over")
		l.advance(wait - time.Minute)
		l.requireRefused(t, "key", 4, 4*time.Hour)
		l.advance(time.Minute)
		l.requireAllowed(t, "key", 4, 4*time.Hour)
	}
}

func rateRefusalIsFree(t *testing.T, l larder) {
	l.useUp(t, "key", 2, 2*time.Hour)
	first := l.requireRefused(t, "key", 2, 2*time.Hour)
	for range 100 {
		require.LessOrEqual(t, l.requireRefused(t, "key", 2, 2*time.Hour), first)
	}
	l.advance(first)
	l.requireAllowed(t, "key", 2, 2*time.Hour)
}

func rateKeysApart(t *testing.T, l larder) {
	l.useUp(t, "key", 2, time.Hour)
	l.useUp(t, "key2", 2, time.Hour)
	l.useUp(t, "KEY", 2, time.Hour)
}

func rateIsForgotten(t *testing.T, l larder) {
	l.useUp(t, "key", 2, time.Hour)
	l.useUp(t, "other", 2, time.Hour)
	if _, err := l.Take(t.Context(), "key"); err != nil { // whether a count is a value is the store's business
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
	l.useUp(t, "key", 2, time.Hour)
	l.requireRefused(t, "other", 2, time.Hour)
}

func rateUneven(t *testing.T, l larder) {
	for _, limit := range []int{3, 7, 11, 700} {
		l.useUp(t, "key", limit, 1000*time.Hour)
		l.advance(1000 * time.Hour)
	}
}

func rateOfNothing(t *testing.T, l larder) {
	for _, rate := range []struct {
		limit int
		per   time.Duration
	}{{0, time.Hour}, {-1, time.Hour}, {1, 0}, {1, -time.Hour}} {
		wait, err := l.Allow(t.Context(), "key", rate.limit, rate.per)
		require.True(t, err != nil || wait > 0, rate)
	}
}
