package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// rates returns the test cases of identity.Volatile's Allow. Their periods are hours, so that the duration of a test
// does not matter.
func rates() []volatileCase {
	return []volatileCase{
		{"a key may be used limit times in a burst", rateBurst},
		{"a parallel burst gets no more than limit", rateParallelBurst},
		{"a key regains one use every per/limit", rateRegains},
		{"an unused key regains no more than limit", rateIsFull},
		{"a use is allowed after the returned wait", rateWaitIsHonest},
		{"rejected uses are not counted", rateRefusalIsFree},
		{"keys are counted separately", rateKeysApart},
		{"taking a key resets its count", rateIsForgotten},
		{"a limit that does not divide its period is kept", rateUneven},
		{"a rate without uses or period allows nothing", rateOfNothing},
	}
}

func (f volatileFixture) allow(t *testing.T, key string, limit int, per time.Duration) time.Duration {
	t.Helper()
	wait, err := f.Allow(t.Context(), key, limit, per)
	require.NoError(t, err)
	return wait
}

func (f volatileFixture) requireAllowed(t *testing.T, key string, limit int, per time.Duration) {
	t.Helper()
	require.Zero(t, f.allow(t, key, limit, per))
}

// requireRefused requires a use to be rejected and returns the wait.
func (f volatileFixture) requireRefused(t *testing.T, key string, limit int, per time.Duration) time.Duration {
	t.Helper()
	wait := f.allow(t, key, limit, per)
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, per/time.Duration(limit)+time.Millisecond,
		"the next use is never further away than one share")
	return wait
}

func (f volatileFixture) useUp(t *testing.T, key string, limit int, per time.Duration) {
	t.Helper()
	for range limit {
		f.requireAllowed(t, key, limit, per)
	}
	f.requireRefused(t, key, limit, per)
}

func rateBurst(t *testing.T, f volatileFixture) {
	f.useUp(t, "key", 10, 10*time.Hour)
	f.useUp(t, "once", 1, time.Hour)
	f.useUp(t, "often", 1000, 1000*time.Hour)
}

func rateParallelBurst(t *testing.T, f volatileFixture) {
	const limit = 5
	answers := inParallel(callers, func(int) (allowed won) {
		wait, err := f.Allow(t.Context(), "key", limit, time.Hour)
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

func rateRegains(t *testing.T, f volatileFixture) {
	f.useUp(t, "key", 10, 10*time.Hour)
	for range 5 {
		f.advance(time.Hour)
		f.requireAllowed(t, "key", 10, 10*time.Hour)
		f.requireRefused(t, "key", 10, 10*time.Hour)
	}
	f.advance(3 * time.Hour)
	for range 3 {
		f.requireAllowed(t, "key", 10, 10*time.Hour)
	}
	f.requireRefused(t, "key", 10, 10*time.Hour)
}

func rateIsFull(t *testing.T, f volatileFixture) {
	f.useUp(t, "key", 3, 3*time.Hour)
	f.advance(100 * time.Hour)
	f.useUp(t, "key", 3, 3*time.Hour)
}

func rateWaitIsHonest(t *testing.T, f volatileFixture) {
	f.useUp(t, "key", 4, 4*time.Hour)
	for range 5 {
		f.advance(17 * time.Minute)
		wait := f.requireRefused(t, "key", 4, 4*time.Hour)
		require.Less(t, wait, time.Hour-16*time.Minute, "part of the wait is over")
		f.advance(wait - time.Minute)
		f.requireRefused(t, "key", 4, 4*time.Hour)
		f.advance(time.Minute)
		f.requireAllowed(t, "key", 4, 4*time.Hour)
	}
}

func rateRefusalIsFree(t *testing.T, f volatileFixture) {
	f.useUp(t, "key", 2, 2*time.Hour)
	first := f.requireRefused(t, "key", 2, 2*time.Hour)
	for range 100 {
		require.LessOrEqual(t, f.requireRefused(t, "key", 2, 2*time.Hour), first)
	}
	f.advance(first)
	f.requireAllowed(t, "key", 2, 2*time.Hour)
}

func rateKeysApart(t *testing.T, f volatileFixture) {
	f.useUp(t, "key", 2, time.Hour)
	f.useUp(t, "key2", 2, time.Hour)
	f.useUp(t, "KEY", 2, time.Hour)
}

func rateIsForgotten(t *testing.T, f volatileFixture) {
	f.useUp(t, "key", 2, time.Hour)
	f.useUp(t, "other", 2, time.Hour)
	if _, err := f.Take(t.Context(), "key"); err != nil { // a store may store counts as values or not
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
	f.useUp(t, "key", 2, time.Hour)
	f.requireRefused(t, "other", 2, time.Hour)
}

func rateUneven(t *testing.T, f volatileFixture) {
	for _, limit := range []int{3, 7, 11, 700} {
		f.useUp(t, "key", limit, 1000*time.Hour)
		f.advance(1000 * time.Hour)
	}
}

func rateOfNothing(t *testing.T, f volatileFixture) {
	for _, rate := range []struct {
		limit int
		per   time.Duration
	}{{0, time.Hour}, {-1, time.Hour}, {1, 0}, {1, -time.Hour}} {
		wait, err := f.Allow(t.Context(), "key", rate.limit, rate.per)
		require.True(t, err != nil || wait > 0, rate)
	}
}
