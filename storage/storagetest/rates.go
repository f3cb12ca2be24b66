package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// rates returns the test cases of identity.Volatile's AllowAll and GiveBack. Their periods are hours, so that the
// duration of a test does not matter.
func rates() []volatileCase {
	return []volatileCase{
		{"a key may be used limit times in a burst", rateBurst},
		{"a parallel burst gets no more than limit", rateParallelBurst},
		{"a key regains one use every per/limit", rateRegains},
		{"an unused key regains no more than limit", rateIsFull},
		{"a use is allowed after the returned wait", rateWaitIsHonest},
		{"rejected uses are not counted", rateRefusalIsFree},
		{"keys are counted separately", rateKeysApart},
		{"groups are counted separately", rateGroupsApart},
		{"all rates are counted or none", ratesTogether},
		{"the longest wait is returned", ratesLongestWait},
		{"a parallel burst of several rates counts all of them or none", ratesParallel},
		{"a lenient rate counts and refuses nothing", rateLenient},
		{"what is given back can be used again", rateGivenBack},
		{"no more is given back than was used", rateGivenBackTwice},
		{"a rate of one use gives back the whole period", rateForgotten},
		{"parallel uses that are given back leave nothing", ratesParallelBack},
		{"a limit that does not divide its period is kept", rateUneven},
		{"a rate without uses or period allows nothing", rateOfNothing},
	}
}

func (f volatileFixture) allow(t *testing.T, key string, limit int, per time.Duration) time.Duration {
	t.Helper()
	wait, longest, err := f.AllowAll(t.Context(), "group", identity.Rate{Key: key, Uses: limit, Period: per})
	require.NoError(t, err)
	require.Zero(t, longest)
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
		wait, _, err := f.AllowAll(t.Context(), "group", identity.Rate{Key: "key", Uses: limit, Period: time.Hour})
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

func rateGroupsApart(t *testing.T, f volatileFixture) {
	for _, group := range []string{"", "a", "A", "a1", "1a", "}", "{", "a}b", "{}"} {
		for _, key := range []string{"", "a", "1", "}", "}b", "b"} {
			rate := identity.Rate{Key: key, Uses: 1, Period: time.Hour}
			wait, _, err := f.AllowAll(t.Context(), group, rate)
			require.NoError(t, err)
			require.Zero(t, wait, "%q %q", group, key)
		}
	}
}

// several are two rates of one group.
func several(first, second int) []identity.Rate {
	return []identity.Rate{{Key: "first", Uses: first, Period: time.Duration(first) * time.Hour},
		{Key: "second", Uses: second, Period: time.Duration(second) * time.Hour}}
}

func (f volatileFixture) requireAll(t *testing.T, rates []identity.Rate) {
	t.Helper()
	wait, _, err := f.AllowAll(t.Context(), "group", rates...)
	require.NoError(t, err)
	require.Zero(t, wait)
}

// requireLeft requires a rate to allow exactly that many uses more.
func (f volatileFixture) requireLeft(t *testing.T, rate identity.Rate, left int) {
	t.Helper()
	for range left {
		f.requireAll(t, []identity.Rate{rate})
	}
	f.requireRefused(t, rate.Key, rate.Uses, rate.Period)
}

func ratesTogether(t *testing.T, f volatileFixture) {
	rates := several(2, 5)
	f.requireAll(t, rates)
	f.requireAll(t, rates)
	for range 10 {
		wait, longest, err := f.AllowAll(t.Context(), "group", rates...)
		require.NoError(t, err)
		require.Positive(t, wait)
		require.Zero(t, longest, "the first one refuses")
	}
	wait, longest, err := f.AllowAll(t.Context(), "group", rates[1], rates[0])
	require.NoError(t, err)
	require.Positive(t, wait)
	require.Equal(t, 1, longest)
	f.requireLeft(t, rates[1], 3)
	_, _, err = f.AllowAll(t.Context(), "group")
	require.NoError(t, err, "no rates allow everything")
}

func ratesLongestWait(t *testing.T, f volatileFixture) {
	rates := []identity.Rate{{Key: "minutes", Uses: 1, Period: 10 * time.Minute},
		{Key: "hours", Uses: 1, Period: 10 * time.Hour}, {Key: "free", Uses: 5, Period: time.Hour}}
	f.requireAll(t, rates)
	wait, longest, err := f.AllowAll(t.Context(), "group", rates...)
	require.NoError(t, err)
	require.Equal(t, 1, longest)
	require.InDelta(t, 10*time.Hour, wait, float64(time.Minute))
}

func ratesParallel(t *testing.T, f volatileFixture) {
	rates := several(callers, 5)
	passed := 0
	for _, allowed := range inParallel(callers, func(int) (allowed won) {
		wait, _, err := f.AllowAll(t.Context(), "group", rates...)
		return won{wait == 0, err}
	}) {
		require.NoError(t, allowed.err)
		if allowed.won {
			passed++
		}
	}
	require.Equal(t, 5, passed)
	f.requireLeft(t, rates[0], callers-5)
}

func rateLenient(t *testing.T, f volatileFixture) {
	strict := identity.Rate{Key: "key", Uses: 3, Period: 3 * time.Hour}
	lenient := strict
	lenient.Lenient = true
	f.requireAll(t, []identity.Rate{lenient})
	f.requireLeft(t, strict, 2)
	for range 10 {
		f.requireAll(t, []identity.Rate{lenient})
	}
	wait := f.requireRefused(t, "key", 3, 3*time.Hour)
	f.advance(wait)
	f.requireAll(t, []identity.Rate{strict})
}

func rateGivenBack(t *testing.T, f volatileFixture) {
	rates := several(2, 5)
	f.requireAll(t, rates)
	f.requireAll(t, rates)
	require.NoError(t, f.GiveBack(t.Context(), "group", rates...))
	f.requireAll(t, rates)
	wait, _, err := f.AllowAll(t.Context(), "group", rates...)
	require.NoError(t, err)
	require.Positive(t, wait)
	f.requireLeft(t, rates[1], 3)
}

func rateGivenBackTwice(t *testing.T, f volatileFixture) {
	rate := identity.Rate{Key: "key", Uses: 3, Period: 3 * time.Hour}
	require.NoError(t, f.GiveBack(t.Context(), "group", rate), "never used")
	f.requireAll(t, []identity.Rate{rate})
	f.advance(30 * time.Minute)
	for range 5 {
		require.NoError(t, f.GiveBack(t.Context(), "group", rate))
	}
	require.NoError(t, f.GiveBack(t.Context(), "other", rate))
	f.useUp(t, "key", 3, 3*time.Hour)
	require.NoError(t, f.GiveBack(t.Context(), "group"), "nothing to give back")
}

func rateForgotten(t *testing.T, f volatileFixture) {
	f.useUp(t, "key", 3, 3*time.Hour)
	f.useUp(t, "other", 3, 3*time.Hour)
	require.NoError(t, f.GiveBack(t.Context(), "group", identity.Rate{Key: "key", Uses: 1, Period: 3 * time.Hour}))
	f.useUp(t, "key", 3, 3*time.Hour)
	f.requireRefused(t, "other", 3, 3*time.Hour)
}

func ratesParallelBack(t *testing.T, f volatileFixture) {
	rates := several(2*callers, 3*callers)
	for _, allowed := range inParallel(callers, func(int) (allowed won) {
		wait, _, err := f.AllowAll(t.Context(), "group", rates...)
		if err == nil {
			err = f.GiveBack(t.Context(), "group", rates...)
		}
		return won{wait == 0, err}
	}) {
		require.NoError(t, allowed.err)
		require.True(t, allowed.won)
	}
	f.requireLeft(t, rates[0], 2*callers)
	f.requireLeft(t, rates[1], 3*callers)
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
		of := identity.Rate{Key: "key", Uses: rate.limit, Period: rate.per}
		wait, _, err := f.AllowAll(t.Context(), "group", of)
		require.True(t, err != nil || wait > 0, rate)
		require.Error(t, f.GiveBack(t.Context(), "group", of))
	}
}
