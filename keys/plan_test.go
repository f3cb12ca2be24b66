package keys

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func testPolicy() Policy {
	return Policy{
		Signing: Schedule{Interval: 30 * 24 * time.Hour, Announce: 24 * time.Hour, Retire: 25 * time.Hour},
		Refresh: Schedule{Interval: 30 * 24 * time.Hour, Announce: time.Minute, Retire: 90 * 24 * time.Hour},
	}
}

// numbered makes keys with consecutive numbers in their ids.
func numbered() func(Purpose) (SealedKey, error) {
	made := 0
	return func(p Purpose) (SealedKey, error) {
		made++
		return SealedKey{fmt.Sprint(p, "-", made), []byte("sealed")}, nil
	}
}

func hoursAgo(n float64) time.Time { return start.Add(-time.Duration(n * float64(time.Hour))) }

// used returns a signing key in use since some hours; next returns one that was announced some hours ago; old returns
// one that was retired some hours ago.
func used(sequence int, since float64) Record {
	return Record{Purpose: Signing, Sequence: sequence, ID: fmt.Sprint("k", sequence), Sealed: []byte("s"),
		AnnouncedAt: hoursAgo(since + 24), SigningAt: hoursAgo(since)}
}

func next(sequence int, since float64) Record {
	return Record{Purpose: Signing, Sequence: sequence, ID: fmt.Sprint("k", sequence), Sealed: []byte("s"),
		AnnouncedAt: hoursAgo(since)}
}

func old(sequence int, since float64) Record {
	r := used(sequence, since+720)
	r.RetiredAt, r.GoneAt = hoursAgo(since), hoursAgo(since-25)
	return r
}

// described describes what a plan does to the signing keys.
func described(changes []Record) (texts []string) {
	for _, r := range changes {
		text := fmt.Sprint(r.Sequence)
		for n, at := range []time.Time{r.AnnouncedAt, r.SigningAt, r.RetiredAt, r.GoneAt} {
			if at.Equal(start) {
				text += []string{" announced", " used", " retired", " gone"}[n]
			}
		}
		if len(r.Sealed) == 0 {
			text += " erased"
		}
		if r.Purpose == Signing {
			texts = append(texts, text)
		}
	}
	return texts
}

func TestPlan(t *testing.T) {
	month := 30 * 24.0
	for name, test := range map[string]struct {
		keys []Record
		want []string
	}{
		"an empty store: one is used at once, one is announced": {nil, []string{"1 announced used", "2 announced"}},
		"nothing to do":              {[]Record{used(1, 100), next(2, 100)}, nil},
		"there is always a next one": {[]Record{used(1, 100)}, []string{"2 announced"}},
		"the month is over": {[]Record{used(1, month), next(2, month)},
			[]string{"1 retired", "2 used", "3 announced"}},
		"a second before":                          {[]Record{used(1, month-0.001), next(2, month)}, nil},
		"the next one is not known everywhere yet": {[]Record{used(1, month), next(2, 23.9)}, nil},
		"of several the last is not known everywhere yet": {[]Record{used(1, month), next(2, 100), next(3, 1)},
			nil},
		"of several the last is used": {[]Record{used(1, month), next(2, 100), next(3, 24)},
			[]string{"1 retired", "3 used"}},
		"what was retired is kept": {[]Record{old(1, 24.9), used(2, 24.9), next(3, 100)},
			nil},
		"and erased when it is gone": {[]Record{old(1, 25), used(2, 25), next(3, 100)},
			[]string{"1 gone erased"}},
		"none is in use: the next one is used, known or not": {[]Record{old(1, 25), next(2, 1)},
			[]string{"1 gone erased", "2 used", "3 announced"}},
		"all are gone": {[]Record{old(1, 26)},
			[]string{"1 erased", "2 announced used", "3 announced"}},
		"a server's clock was ahead of the store's": {[]Record{used(1, -0.1), next(2, 100)}, nil},
		"of two in use": {[]Record{used(1, month+5), used(2, month),
			next(3, 100)}, []string{"1 retired", "2 retired", "3 used", "4 announced"}},
	} {
		t.Run(name, func(t *testing.T) {
			changes, err := Plan(start, testPolicy(), test.keys, numbered())
			require.NoError(t, err)
			require.Equal(t, test.want, described(changes))
		})
	}
}

// apply applies changes to records like a store.
func apply(records, changes []Record) []Record {
	for _, changed := range changes {
		found := false
		for n, r := range records {
			if r.Purpose == changed.Purpose && r.Sequence == changed.Sequence {
				records[n], found = changed, true
			}
		}
		if !found {
			records = append(records, changed)
		}
	}
	return records
}

// TestPlannedOnceIsPlanned: a second plan, by the same clock, finds nothing to do.
func TestPlannedOnceIsPlanned(t *testing.T) {
	generate := numbered()
	for _, records := range [][]Record{nil, {used(1, 720), next(2, 720)}, {old(1, 26)}, {old(1, 25), next(2, 1)}} {
		changes, err := Plan(start, testPolicy(), records, generate)
		require.NoError(t, err)
		require.NotEmpty(t, changes)
		again, err := Plan(start, testPolicy(), apply(records, changes), generate)
		require.NoError(t, err)
		require.Empty(t, again)
	}
}

// TestTenYearsOfKeys: at any time one key of each purpose is in use, which had been announced long enough, and one is
// announced; a key verifies for as long as its tokens may be valid.
func TestTenYearsOfKeys(t *testing.T) {
	policy, generate := testPolicy(), numbered()
	var records []Record
	lastUse := map[string]time.Time{}
	for now := start; now.Before(start.AddDate(10, 0, 0)); now = now.Add(time.Duration(rand.N(72)) * time.Hour / 2) {
		changes, err := Plan(now, policy, records, generate)
		require.NoError(t, err)
		records = apply(records, changes)
		for _, purpose := range purposes {
			active, found := chooseActive(records, purpose, now)
			require.True(t, found)
			if active.Sequence > 1 {
				require.GreaterOrEqual(t, active.SigningAt.Sub(active.AnnouncedAt), policy.of(purpose).Announce)
			}
			require.NotNil(t, newSuccession(purpose, now, policy.of(purpose), records).next())
			lastUse[active.ID] = now
		}
		for _, r := range records {
			if used := lastUse[r.ID]; !used.IsZero() && now.Sub(used) < policy.of(r.Purpose).Retire {
				require.True(t, r.counts(now), "%s was used %s ago", r.ID, now.Sub(used))
				require.NotEmpty(t, r.Sealed)
			}
		}
	}
	require.InDelta(t, 10*365/31, len(lastUse)/2, 15)
}

func TestPlanRotation(t *testing.T) {
	changes, err := PlanRotation(start, testPolicy(), []Record{used(1, 1), next(2, 24)}, numbered(), Signing)
	require.NoError(t, err)
	require.Equal(t, []string{"1 retired", "2 used", "3 announced"}, described(changes))
	_, err = PlanRotation(start, testPolicy(), []Record{used(1, 1), next(2, 23)}, numbered(), Signing)
	require.ErrorContains(t, err, "k2, is not known everywhere before 2026-11-21T11:00:00Z")
	_, err = PlanRotation(start, testPolicy(), []Record{used(1, 1)}, numbered(), Signing)
	require.ErrorContains(t, err, "no announced signing key")
}

func TestPlanRevocation(t *testing.T) {
	for name, test := range map[string]struct {
		keys []Record
		id   string
		want []string
	}{
		"the one in use: the next is used at once": {[]Record{used(1, 1), next(2, 100)}, "k1",
			[]string{"1 retired gone erased", "2 used", "3 announced"}},
		"though it is not known everywhere": {[]Record{used(1, 1), next(2, 0.01)}, "k1",
			[]string{"1 retired gone erased", "2 used", "3 announced"}},
		"of several the one that is known everywhere": {[]Record{used(1, 1), next(2, 100), next(3, 1)}, "k1",
			[]string{"1 retired gone erased", "2 used"}},
		"of several that are not, the longest announced": {[]Record{used(1, 1), next(2, 3), next(3, 1)}, "k1",
			[]string{"1 retired gone erased", "2 used"}},
		"the next one":  {[]Record{used(1, 1), next(2, 100)}, "k2", []string{"2 gone erased", "3 announced"}},
		"a retired one": {[]Record{old(1, 3), used(2, 3), next(3, 100)}, "k1", []string{"1 gone erased"}},
		"the only one": {[]Record{used(1, 1)}, "k1", []string{"1 retired gone erased", "2 announced used",
			"3 announced"}},
	} {
		t.Run(name, func(t *testing.T) {
			changes, err := PlanRevocation(start, testPolicy(), test.keys, numbered(), test.id)
			require.NoError(t, err)
			require.Equal(t, test.want, described(changes))
		})
	}
	_, err := PlanRevocation(start, testPolicy(), []Record{used(1, 1)}, numbered(), "k9")
	require.ErrorContains(t, err, `no key "k9"`)
	_, err = PlanRevocation(start, testPolicy(), []Record{old(1, 26), used(2, 1)}, numbered(), "k1")
	require.ErrorContains(t, err, "has been gone since")
}

func TestPlanImport(t *testing.T) {
	changes, err := PlanImport(start, testPolicy(), []Record{used(1, 1), next(2, 100)}, numbered(),
		SealedKey{"theirs", []byte("s")})
	require.NoError(t, err)
	require.Equal(t, []string{"3 announced"}, described(changes))
	_, err = PlanImport(start, testPolicy(), []Record{used(1, 1), next(2, 100)}, numbered(),
		SealedKey{"k2", []byte("s")})
	require.ErrorContains(t, err, "already exists")
}

func TestPlanReturnsErrors(t *testing.T) {
	broken := errors.New("no randomness")
	_, err := Plan(start, testPolicy(), nil, func(Purpose) (SealedKey, error) { return SealedKey{}, broken })
	require.ErrorIs(t, err, broken)
}
