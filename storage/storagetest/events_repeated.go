package storagetest

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// repeatedRows is how many rows an event has at most if it is repeated within an hour.
const repeatedRows = 10

// requireCounted requires rows of a kind and user that stand for a number of events, and returns the rows.
func requireCounted(t *testing.T, f fixture, kind, userID string, rows, events int) []identity.Event {
	t.Helper()
	listed, total := f.eventsOf(t, kind, userID), 0
	for _, event := range listed {
		require.Positive(t, event.Count)
		require.False(t, event.LastAt.Before(event.At))
		total += event.Count
	}
	require.Len(t, listed, rows, kind)
	require.Equal(t, events, total, kind)
	return listed
}

func repeat(ctx context.Context, t *testing.T, f fixture, event identity.Event, times int) {
	t.Helper()
	for range times {
		require.NoError(t, f.Events.Record(ctx, event))
	}
}

func repeatedEvents(t *testing.T, f fixture) {
	event := identity.Event{Kind: newName(), UserID: identity.NewUserID(), ClientID: newName(),
		Detail: "limit 1", SessionID: identity.NewSessionID()}
	repeat(t.Context(), t, f, event, repeatedRows)
	f.advance(time.Minute)
	other := event
	other.SessionID, other.Detail = identity.NewSessionID(), "limit 2"
	repeat(t.Context(), t, f, other, 90)
	listed := requireCounted(t, f, event.Kind, event.UserID, repeatedRows, 100)
	last, first := listed[0], listed[repeatedRows-1]
	require.Equal(t, 91, last.Count)
	require.GreaterOrEqual(t, last.LastAt.Sub(last.At), time.Minute)
	require.Equal(t, event.SessionID, last.SessionID, "the row is about the first of them")
	require.Equal(t, event.Detail, last.Detail)
	require.Equal(t, 1, first.Count)
	require.Equal(t, first.At, first.LastAt)

	f.advance(time.Hour)
	repeat(t.Context(), t, f, event, 100)
	requireCounted(t, f, event.Kind, event.UserID, 2*repeatedRows, 200)
}

// repeatedFromAnAddress: events of requests have an address, but no operator. Those of strangers are sampled before they
// are recorded, so each keeps its address.
func repeatedFromAnAddress(t *testing.T, f fixture) {
	from := identity.WithActor(t.Context(), identity.Actor{Address: "192.0.2.1", RequestID: newName()})
	event := identity.Event{Kind: newName(), UserID: identity.NewUserID(), ClientID: newName(), Detail: "limit"}
	repeat(from, t, f, event, 3*repeatedRows)
	repeat(t.Context(), t, f, event, 3*repeatedRows)
	requireCounted(t, f, event.Kind, event.UserID, repeatedRows, 6*repeatedRows)
	event.Kind = identity.EventSignInFailed
	repeat(from, t, f, event, 3*repeatedRows)
	requireCounted(t, f, event.Kind, event.UserID, 3*repeatedRows, 3*repeatedRows)
}

func differentEvents(t *testing.T, f fixture) {
	event := identity.Event{Kind: newName(), UserID: identity.NewUserID(), ClientID: newName(), Detail: "limit"}
	by := identity.WithActor(t.Context(), identity.Actor{Name: "lingpai test (root)"})
	repeat(by, t, f, event, 2*repeatedRows)
	repeat(t.Context(), t, f, event, 2*repeatedRows)
	repeat(by, t, f, event, 2*repeatedRows)
	requireCounted(t, f, event.Kind, event.UserID, 5*repeatedRows, 6*repeatedRows)
	for n, change := range []func(e *identity.Event){
		func(e *identity.Event) { e.Kind = newName() },
		func(e *identity.Event) { e.UserID = identity.NewUserID() },
		func(e *identity.Event) { e.ClientID = newName() },
		func(e *identity.Event) { e.Detail = "theft" },
		func(e *identity.Event) { e.Detail = "limited" },
		func(e *identity.Event) { e.Detail = "" },
	} {
		other := event
		change(&other)
		other.SessionID = fmt.Sprintf("session %d", n)
		repeat(t.Context(), t, f, other, 1)
		listed, err := f.Events.List(t.Context(), identity.EventsOf{SessionID: other.SessionID}, math.MaxInt32)
		require.NoError(t, err)
		require.Len(t, listed, 1, n)
		require.Equal(t, 1, listed[0].Count)
	}
}

func repeatedActions(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	const times = 30
	for range times {
		found := f.user(t, user.ID)
		for range 3 {
			_, err := f.Sessions.Open(t.Context(), newSession(user, client), found.AuthEpoch, lifetimes(), 1)
			require.NoError(t, err)
		}
		require.NoError(t, f.Users.SetPassword(t.Context(), user.ID, "new hash"))
		require.NoError(t, f.Profiles.SetPhone(t.Context(), user.ID, identity.Phone{Number: "+8613800000000"}))
		require.NoError(t, f.Profiles.SetPhone(t.Context(), user.ID, identity.Phone{}))
	}
	requireCounted(t, f, identity.EventPasswordSet, user.ID, repeatedRows, times)
	requireCounted(t, f, identity.EventPhoneSet, user.ID, 2*repeatedRows, 2*times)
	requireCounted(t, f, identity.EventSessionEnded, user.ID, repeatedRows, 2*times)
}

func parallelRepeatedEvents(t *testing.T, f fixture) {
	event := identity.Event{Kind: newName(), UserID: identity.NewUserID()}
	repeat(t.Context(), t, f, event, repeatedRows)
	for _, err := range inParallel(callers, func(n int) error {
		return f.at(n).Events.Record(t.Context(), event)
	}) {
		require.NoError(t, err)
	}
	requireCounted(t, f, event.Kind, event.UserID, repeatedRows, repeatedRows+callers)
}

// pruneEvents deletes events older than keep in batches, and returns how many it deleted.
func pruneEvents(t *testing.T, f fixture, keep time.Duration, batch int) (total int) {
	t.Helper()
	for {
		pruned, err := f.Events.Prune(t.Context(), keep, batch)
		require.NoError(t, err)
		require.LessOrEqual(t, pruned, batch)
		total += pruned
		if pruned < batch {
			return total
		}
	}
}

func oldEventsArePruned(t *testing.T, f fixture) {
	kind, keep := newName(), 30*24*time.Hour
	f.advance(2 * keep)
	pruneEvents(t, f, keep, 1000)
	for n := range 5 {
		repeat(t.Context(), t, f, identity.Event{Kind: kind, Detail: fmt.Sprint(n)}, 1)
		f.advance(time.Hour)
	}
	f.advance(keep - 3*time.Hour - time.Minute)
	first, err := f.Events.Prune(t.Context(), keep, 1)
	require.NoError(t, err)
	require.Equal(t, 1, first)
	require.Len(t, f.eventsOf(t, kind, ""), 4)
	require.Equal(t, 1, pruneEvents(t, f, keep, 1), "the first two are older")
	left := f.eventsOf(t, kind, "")
	require.Equal(t, "4", left[0].Detail)
	require.Equal(t, "2", left[len(left)-1].Detail)
	require.Zero(t, pruneEvents(t, f, keep, 10))
	require.Zero(t, pruneEvents(t, f, time.Since(time.Unix(0, 0))+10*365*24*time.Hour, 10), "longer than ever")
	f.advance(keep)
	require.Equal(t, 3, pruneEvents(t, f, keep, 2))
}

func parallelPruning(t *testing.T, f fixture) {
	f.advance(3 * time.Hour)
	pruneEvents(t, f, time.Hour, 1000)
	kind := newName()
	for n := range 100 {
		repeat(t.Context(), t, f, identity.Event{Kind: kind, Detail: fmt.Sprint(n)}, 1)
	}
	f.advance(2 * time.Hour)
	repeat(t.Context(), t, f, identity.Event{Kind: kind, Detail: "new"}, 1)
	type answer struct {
		pruned int
		err    error
	}
	total := 0
	for _, a := range inParallel(8, func(n int) (a answer) {
		for range 20 {
			pruned, err := f.at(n).Events.Prune(t.Context(), time.Hour, 7)
			if err != nil {
				return answer{err: err}
			}
			a.pruned += pruned
		}
		return a
	}) {
		require.NoError(t, a.err)
		total += a.pruned
	}
	require.Equal(t, 100, total)
	require.Equal(t, "new", f.eventsOf(t, kind, "")[0].Detail)
}
