package conformance

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/keys"
)

func signingKeys() []trial {
	return []trial{
		{"a store without keys has none", noKeys},
		{"a key comes back as added", keyComesBack},
		{"a taken place is refused and changes nothing", placeIsTaken},
		{"of parallel additions in one place one wins", often(parallelKeys)},
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

func keyComesBack(t *testing.T, h house) {
	planned, unplanned := newKey(1), newKey(1)
	unplanned.AnnouncedAt, unplanned.SigningAt, unplanned.RetiredAt, unplanned.GoneAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	second := newKey(2)
	second.Purpose = planned.Purpose
	for _, record := range []keys.Record{planned, unplanned, second} {
		added, err := h.Keys.AddKey(t.Context(), record)
		require.NoError(t, err)
		require.True(t, added)
	}
	require.ElementsMatch(t, []keys.Record{planned, second}, h.keysFor(t, planned.Purpose))
	require.Equal(t, []keys.Record{unplanned}, h.keysFor(t, unplanned.Purpose))
}

func placeIsTaken(t *testing.T, h house) {
	first := newKey(1)
	added, err := h.Keys.AddKey(t.Context(), first)
	require.NoError(t, err)
	require.True(t, added)
	second := newKey(1)
	second.Purpose, second.Sealed = first.Purpose, []byte("other")
	added, err = h.Keys.AddKey(t.Context(), second)
	require.NoError(t, err)
	require.False(t, added)
	require.Equal(t, []keys.Record{first}, h.keysFor(t, first.Purpose))
}

func parallelKeys(t *testing.T, h house) {
	records := make([]keys.Record, crowd)
	for n := range records {
		records[n] = newKey(1)
		records[n].Purpose, records[n].Sealed = records[0].Purpose, fmt.Append(nil, n)
	}
	winner := requireOneWinner(t, together(crowd, func(n int) (added won) {
		added.won, added.err = h.at(n).Keys.AddKey(t.Context(), records[n])
		return added
	}))
	require.Equal(t, []keys.Record{records[winner]}, h.keysFor(t, records[0].Purpose))
}
