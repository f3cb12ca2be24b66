package storagetest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/keys"
)

func signingKeys() []testCase {
	return []testCase{
		{"a store without keys has none", noKeys},
		{"a key comes back as added", keyComesBack},
		{"a key is changed in its place, and nothing else is", keyIsChanged},
		{"a plan that fails changes nothing, nor does half of one", planFails},
		{"of parallel plans each sees what the others did", often(parallelPlans)},
		{"of parallel plans for the first key one makes it", often(firstPlans)},
	}
}

// newKey has a purpose of its own, so that its place is free.
func newKey(sequence int) keys.Record {
	at := time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC)
	return keys.Record{
		Purpose: keys.Purpose(newName()), Sequence: sequence, ID: newName(), Sealed: []byte("sealed\x00\xff\xfe"),
		CreatedAt: at, AnnouncedAt: at.Add(time.Millisecond), SigningAt: at.Add(time.Hour),
		RetiredAt: at.AddDate(0, 1, 0), GoneAt: at.AddDate(1, 0, 0),
	}
}

// keysFor returns the records of one purpose.
func keysFor(t *testing.T, f fixture, purpose keys.Purpose) []keys.Record {
	t.Helper()
	all, err := f.Keys.Keys(t.Context())
	require.NoError(t, err)
	var found []keys.Record
	for _, record := range all {
		if record.Purpose == purpose {
			found = append(found, keyInUTC(record))
		}
	}
	return found
}

func keyInUTC(record keys.Record) keys.Record {
	for _, at := range []*time.Time{
		&record.CreatedAt, &record.AnnouncedAt, &record.SigningAt, &record.RetiredAt, &record.GoneAt,
	} {
		*at = at.UTC()
	}
	return record
}

func noKeys(t *testing.T, f fixture) {
	all, err := f.Keys.Keys(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

// adding is a plan that adds records and does nothing else.
func adding(records ...keys.Record) func(time.Time, []keys.Record) ([]keys.Record, error) {
	return func(time.Time, []keys.Record) ([]keys.Record, error) { return records, nil }
}

func addKeys(t *testing.T, f fixture, records ...keys.Record) {
	t.Helper()
	require.NoError(t, f.Keys.Update(t.Context(), adding(records...)))
}

func keyComesBack(t *testing.T, f fixture) {
	planned, unplanned := newKey(1), newKey(1)
	unplanned.AnnouncedAt, unplanned.SigningAt, unplanned.RetiredAt, unplanned.GoneAt = time.Time{}, time.Time{},
		time.Time{}, time.Time{}
	second := newKey(2)
	second.Purpose = planned.Purpose
	addKeys(t, f, planned, unplanned)
	addKeys(t, f, second)
	require.ElementsMatch(t, []keys.Record{planned, second}, keysFor(t, f, planned.Purpose))
	require.Equal(t, []keys.Record{unplanned}, keysFor(t, f, unplanned.Purpose))
}

func keyIsChanged(t *testing.T, f fixture) {
	first, bystander := newKey(1), newKey(1)
	addKeys(t, f, first, bystander)
	changed := newKey(1)
	changed.Purpose, changed.GoneAt, changed.Sealed = first.Purpose, time.Time{}, []byte{}
	before := f.now(t)
	require.NoError(t, f.Keys.Update(t.Context(), func(now time.Time, records []keys.Record) ([]keys.Record, error) {
		between(t, before, now, now)
		require.Contains(t, keysInUTC(records), first)
		return []keys.Record{changed}, nil
	}))
	found := keysFor(t, f, first.Purpose)
	require.Len(t, found, 1)
	require.Empty(t, found[0].Sealed)
	found[0].Sealed = changed.Sealed
	require.Equal(t, changed, found[0])
	require.Equal(t, []keys.Record{bystander}, keysFor(t, f, bystander.Purpose))
}

func keysInUTC(records []keys.Record) []keys.Record {
	utc := make([]keys.Record, len(records))
	for n, record := range records {
		utc[n] = keyInUTC(record)
	}
	return utc
}

func planFails(t *testing.T, f fixture) {
	first, second := newKey(1), newKey(1)
	broken := errors.New("broken")
	require.ErrorIs(t, f.Keys.Update(t.Context(), func(time.Time, []keys.Record) ([]keys.Record, error) {
		return []keys.Record{first}, broken
	}), broken)
	second.ID = "not\x00storable"
	require.Error(t, f.Keys.Update(t.Context(), adding(first, second)))
	require.Empty(t, keysFor(t, f, first.Purpose), "all or nothing")
	require.NoError(t, f.Keys.Update(t.Context(), adding()))
}

// parallelPlans counts in the number of records: each of the crowd adds one behind the last that it sees.
func parallelPlans(t *testing.T, f fixture) {
	purpose := newKey(1).Purpose
	for n, err := range together(crowd, func(n int) error {
		return f.at(n).Keys.Update(t.Context(), func(_ time.Time, records []keys.Record) ([]keys.Record, error) {
			next := newKey(1)
			next.Purpose = purpose
			for _, r := range records {
				if r.Purpose == purpose {
					next.Sequence++
				}
			}
			return []keys.Record{next}, nil
		})
	}) {
		require.NoError(t, err, "caller %d", n)
	}
	require.Len(t, keysFor(t, f, purpose), crowd)
}

// firstPlans adds a first key each, if there is none: one does.
func firstPlans(t *testing.T, f fixture) {
	purpose := newKey(1).Purpose
	for n, err := range together(crowd, func(n int) error {
		return f.at(n).Keys.Update(t.Context(), func(_ time.Time, records []keys.Record) ([]keys.Record, error) {
			for _, r := range records {
				if r.Purpose == purpose {
					return nil, nil
				}
			}
			first := newKey(1)
			first.Purpose = purpose
			return []keys.Record{first}, nil
		})
	}) {
		require.NoError(t, err, "caller %d", n)
	}
	require.Len(t, keysFor(t, f, purpose), 1)
}
