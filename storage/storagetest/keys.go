package storagetest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/keys"
)

func signingKeys() []trial {
	return []trial{
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
func (h house) keysFor(t *testing.T, purpose keys.Purpose) []keys.Record {
	t.Helper()
	all, err := h.Keys.Keys(t.Context())
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

func noKeys(t *testing.T, h house) {
	all, err := h.Keys.Keys(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

// adding is a plan that adds records and does nothing else.
func adding(records ...keys.Record) func(time.Time, []keys.Record) ([]keys.Record, error) {
	return func(time.Time, []keys.Record) ([]keys.Record, error) { return records, nil }
}

func (h house) addKeys(t *testing.T, records ...keys.Record) {
	t.Helper()
	require.NoError(t, h.Keys.Update(t.Context(), adding(records...)))
}

func keyComesBack(t *testing.T, h house) {
	planned, unplanned := newKey(1), newKey(1)
	unplanned.AnnouncedAt, unplanned.SigningAt, unplanned.RetiredAt, unplanned.GoneAt = time.Time{}, time.Time{},
		time.Time{}, time.Time{}
	second := newKey(2)
	second.Purpose = planned.Purpose
	h.addKeys(t, planned, unplanned)
	h.addKeys(t, second)
	require.ElementsMatch(t, []keys.Record{planned, second}, h.keysFor(t, planned.Purpose))
	require.Equal(t, []keys.Record{unplanned}, h.keysFor(t, unplanned.Purpose))
}

func keyIsChanged(t *testing.T, h house) {
	first, bystander := newKey(1), newKey(1)
	h.addKeys(t, first, bystander)
	changed := newKey(1)
	changed.Purpose, changed.GoneAt, changed.Sealed = first.Purpose, time.Time{}, []byte{}
	before := h.now(t)
	require.NoError(t, h.Keys.Update(t.Context(), func(now time.Time, records []keys.Record) ([]keys.Record, error) {
		between(t, before, now, now)
		require.Contains(t, keysInUTC(records), first)
		return []keys.Record{changed}, nil
	}))
	found := h.keysFor(t, first.Purpose)
	require.Len(t, found, 1)
	require.Empty(t, found[0].Sealed)
	found[0].Sealed = changed.Sealed
	require.Equal(t, changed, found[0])
	require.Equal(t, []keys.Record{bystander}, h.keysFor(t, bystander.Purpose))
}

func keysInUTC(records []keys.Record) []keys.Record {
	utc := make([]keys.Record, len(records))
	for n, record := range records {
		utc[n] = keyInUTC(record)
	}
	return utc
}

func planFails(t *testing.T, h house) {
	first, second := newKey(1), newKey(1)
	broken := errors.New("broken")
	require.ErrorIs(t, h.Keys.Update(t.Context(), func(time.Time, []keys.Record) ([]keys.Record, error) {
		return []keys.Record{first}, broken
	}), broken)
	second.ID = "not\x00storable"
	require.Error(t, h.Keys.Update(t.Context(), adding(first, second)))
	require.Empty(t, h.keysFor(t, first.Purpose), "all or nothing")
	require.NoError(t, h.Keys.Update(t.Context(), adding()))
}

// parallelPlans counts in the number of records: each of the crowd adds one behind the last that it sees.
func parallelPlans(t *testing.T, h house) {
	purpose := newKey(1).Purpose
	for n, err := range together(crowd, func(n int) error {
		return h.at(n).Keys.Update(t.Context(), func(_ time.Time, records []keys.Record) ([]keys.Record, error) {
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
	require.Len(t, h.keysFor(t, purpose), crowd)
}

// firstPlans adds a first key each, if there is none: one does.
func firstPlans(t *testing.T, h house) {
	purpose := newKey(1).Purpose
	for n, err := range together(crowd, func(n int) error {
		return h.at(n).Keys.Update(t.Context(), func(_ time.Time, records []keys.Record) ([]keys.Record, error) {
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
	require.Len(t, h.keysFor(t, purpose), 1)
}
