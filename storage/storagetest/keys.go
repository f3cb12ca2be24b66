package storagetest

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

func signingKeys() []testCase {
	return []testCase{
		{"a store without keys has none", noKeys},
		{"a key is read as added", keyComesBack},
		{"changing a key changes nothing else", keyIsChanged},
		{"a failing plan changes nothing, nor does one that cannot be stored completely", planFails},
		{"an action is recorded together with its change, and with its actor", actionIsRecorded},
		{"each of several parallel plans sees the changes of the others", often(parallelPlans)},
		{"one of several parallel plans adds the first key", often(firstPlans)},
	}
}

// newKey returns a key with a new purpose, so that it is unique.
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

// adding returns a plan that only adds records.
func adding(records ...keys.Record) func(time.Time, []keys.Record) (keys.Change, error) {
	return func(time.Time, []keys.Record) (keys.Change, error) { return keys.Change{Records: records}, nil }
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
	require.NoError(t, f.Keys.Update(t.Context(), func(now time.Time, records []keys.Record) (keys.Change, error) {
		between(t, before, now, now)
		require.Contains(t, keysInUTC(records), first)
		return keys.Change{Records: []keys.Record{changed}}, nil
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
	require.ErrorIs(t, f.Keys.Update(t.Context(), func(time.Time, []keys.Record) (keys.Change, error) {
		return keys.Change{Records: []keys.Record{first}}, broken
	}), broken)
	second.ID = "not\x00storable"
	require.Error(t, f.Keys.Update(t.Context(), adding(first, second)))
	require.Empty(t, keysFor(t, f, first.Purpose), "all or nothing")
	require.NoError(t, f.Keys.Update(t.Context(), adding()))
}

func actionIsRecorded(t *testing.T, f fixture) {
	actor := identity.Actor{Name: "lingpai keys revoke (root)"}
	by := identity.WithActor(t.Context(), actor)
	for action, kind := range map[keys.ActionKind]string{
		keys.ActionRotate: identity.EventKeyRotated, keys.ActionRevoke: identity.EventKeyRevoked,
		keys.ActionImport: identity.EventKeyImported, keys.ActionRewrap: identity.EventKeysRewrapped,
	} {
		record := newKey(1)
		update := func(ctx context.Context, with ...keys.Record) error {
			return f.Keys.Update(ctx, func(time.Time, []keys.Record) (keys.Change, error) {
				return keys.Change{Records: with, Action: keys.Action{Kind: action, ID: record.ID}}, nil
			})
		}
		broken := newKey(1)
		broken.ID = "not\x00storable"
		require.Error(t, update(by, record, broken))
		require.Empty(t, actionsOn(t, f, kind, record.ID), "nothing was changed")
		hostile := identity.WithActor(t.Context(), identity.Actor{Name: "\x00"})
		require.Error(t, update(hostile, record))
		require.Empty(t, keysFor(t, f, record.Purpose), "without the event there must be no change")
		require.NoError(t, update(by, record))
		events := actionsOn(t, f, kind, record.ID)
		require.Len(t, events, 1)
		require.Equal(t, actor, events[0].Actor)
	}
	require.Error(t, f.Keys.Update(by, func(time.Time, []keys.Record) (keys.Change, error) {
		return keys.Change{Action: keys.Action{Kind: "unknown"}}, nil
	}), "an action without a kind of event")
}

// actionsOn returns the events of a kind about a key.
func actionsOn(t *testing.T, f fixture, kind, id string) []identity.Event {
	t.Helper()
	events, err := f.Events.List(t.Context(), identity.EventsOf{Kind: kind}, math.MaxInt32)
	require.NoError(t, err)
	return slices.DeleteFunc(events, func(event identity.Event) bool { return event.Detail != id })
}

// parallelPlans: each caller adds a key after those that it sees.
func parallelPlans(t *testing.T, f fixture) {
	purpose := newKey(1).Purpose
	for n, err := range inParallel(callers, func(n int) error {
		return f.at(n).Keys.Update(t.Context(), func(_ time.Time, records []keys.Record) (keys.Change, error) {
			next := newKey(1)
			next.Purpose = purpose
			for _, r := range records {
				if r.Purpose == purpose {
					next.Sequence++
				}
			}
			return keys.Change{Records: []keys.Record{next}}, nil
		})
	}) {
		require.NoError(t, err, "caller %d", n)
	}
	require.Len(t, keysFor(t, f, purpose), callers)
}

// firstPlans: each caller adds the first key if there is none, so exactly one does.
func firstPlans(t *testing.T, f fixture) {
	purpose := newKey(1).Purpose
	for n, err := range inParallel(callers, func(n int) error {
		return f.at(n).Keys.Update(t.Context(), func(_ time.Time, records []keys.Record) (keys.Change, error) {
			for _, r := range records {
				if r.Purpose == purpose {
					return keys.Change{}, nil
				}
			}
			first := newKey(1)
			first.Purpose = purpose
			return keys.Change{Records: []keys.Record{first}}, nil
		})
	}) {
		require.NoError(t, err, "caller %d", n)
	}
	require.Len(t, keysFor(t, f, purpose), 1)
}
