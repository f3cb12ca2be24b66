package storagetest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func events() []testCase {
	return []testCase{
		{"an event is listed as recorded, with the time of the store's clock", eventIsListed},
		{"the newest events come first, and no more than asked for", newestEventsFirst},
		{"events are selected by their fields", eventsAreChosen},
		{"parallel events are all kept", often(parallelEvents)},
		{"a change of a client, app or user is recorded with its actor, or not made", actionsAreRecorded},
		{"an event has its actor, in the transaction of the change", eventsHaveTheirActor},
		{"an event that a user repeats is counted in one row, and the audit log stays small", repeatedEvents},
		{"events that differ, and those of operators, have rows of their own", differentEvents},
		{"actions that a user repeats are counted, too", repeatedActions},
		{"events from an address are counted, too, except sampled ones", repeatedFromAnAddress},
		{"parallel repeated events are all counted", often(parallelRepeatedEvents)},
		{"events older than the retention are deleted, the oldest first", oldEventsArePruned},
		{"servers that prune events at the same time delete each once", often(parallelPruning)},
	}
}

// eventsOf returns the events of a user.
func (f fixture) eventsOf(t *testing.T, kind, userID string) []identity.Event {
	t.Helper()
	listed, err := f.Events.List(t.Context(), identity.EventsOf{Kind: kind, UserID: userID}, math.MaxInt32)
	require.NoError(t, err)
	// here an empty user id selects events without a user, but List returns those of all users
	return slices.DeleteFunc(listed, func(e identity.Event) bool { return e.UserID != userID })
}

func eventIsListed(t *testing.T, f fixture) {
	before := f.now(t)
	event := identity.Event{
		At:   before.AddDate(-1, 0, 0), // overwritten by the store
		Kind: identity.EventRefreshAhead, UserID: identity.NewUserID(), ClientID: newName(),
		SessionID: identity.NewSessionID(),
		Detail:    "generation 3 → 5",
	}
	require.NoError(t, f.Events.Record(t.Context(), event))
	listed := f.eventsOf(t, event.Kind, event.UserID)
	require.Len(t, listed, 1)
	between(t, before, f.now(t), listed[0].At)
	event.At, event.LastAt, event.Count = listed[0].At, listed[0].At, 1
	require.Equal(t, event, listed[0])

	require.NoError(t, f.Events.Record(t.Context(), identity.Event{Kind: identity.EventUserBlocked}), "only a kind")
}

func newestEventsFirst(t *testing.T, f fixture) {
	for n := range 5 {
		f.advance(time.Second)
		require.NoError(t, f.Events.Record(t.Context(), identity.Event{Kind: "order", Detail: fmt.Sprint(n)}))
	}
	listed, err := f.Events.List(t.Context(), identity.EventsOf{}, 3)
	require.NoError(t, err)
	require.Len(t, listed, 3)
	for n, event := range listed {
		require.Equal(t, fmt.Sprint(4-n), event.Detail)
	}
}

func eventsAreChosen(t *testing.T, f fixture) {
	event := identity.Event{Kind: newName(), UserID: identity.NewUserID(), ClientID: newName(),
		SessionID: identity.NewSessionID()}
	others := identity.Event{Kind: "other", UserID: "other", ClientID: "other", SessionID: "other"}
	for range 3 {
		require.NoError(t, f.Events.Record(t.Context(), event))
		require.NoError(t, f.Events.Record(t.Context(), others))
	}
	for _, of := range []identity.EventsOf{
		{Kind: event.Kind}, {UserID: event.UserID}, {ClientID: event.ClientID}, {SessionID: event.SessionID},
		{Kind: event.Kind, UserID: event.UserID, ClientID: event.ClientID, SessionID: event.SessionID},
	} {
		listed, err := f.Events.List(t.Context(), of, 2)
		require.NoError(t, err)
		require.Len(t, listed, 2, of)
		for _, found := range listed {
			require.Equal(t, event.SessionID, found.SessionID, of)
		}
		all, err := f.Events.List(t.Context(), of, math.MaxInt32)
		require.NoError(t, err)
		require.Len(t, all, 3, of)
	}
	none, err := f.Events.List(t.Context(), identity.EventsOf{Kind: event.Kind, UserID: "other"}, 2)
	require.NoError(t, err)
	require.Empty(t, none, "all fields must match")
}

func parallelEvents(t *testing.T, f fixture) {
	userID := identity.NewUserID()
	for _, err := range inParallel(callers, func(n int) error {
		return f.Events.Record(t.Context(), identity.Event{Kind: "parallel", UserID: userID, Detail: fmt.Sprint(n)})
	}) {
		require.NoError(t, err)
	}
	details := map[string]bool{}
	for _, event := range f.eventsOf(t, "parallel", userID) {
		details[event.Detail] = true
	}
	require.Len(t, details, callers)
}

// recordedAction is an action of an operator, and its event.
type recordedAction struct {
	event identity.Event
	do    func(ctx context.Context) error
}

func recordedActions(f fixture, client identity.Client, app identity.App) []recordedAction {
	detail := app.Platform + " " + app.ID
	of := func(kind string) identity.Event { return identity.Event{Kind: kind, ClientID: client.ID} }
	about := func(kind, more string) identity.Event { return identity.Event{Kind: kind, Detail: detail + more} }
	return []recordedAction{
		{of(identity.EventClientCreated), func(ctx context.Context) error { return f.Clients.Create(ctx, client) }},
		{of(identity.EventClientSecret), func(ctx context.Context) error {
			return f.Clients.SetSecret(ctx, client.ID, identity.HashSecret("new"), 0)
		}},
		{of(identity.EventClientDisabled), func(ctx context.Context) error {
			return f.Clients.Disable(ctx, client.ID)
		}},
		{about(identity.EventAppAdded, ""), func(ctx context.Context) error { return f.Apps.Add(ctx, app) }},
		{about(identity.EventAppSecret, ""), func(ctx context.Context) error {
			return f.Apps.SetSecret(ctx, app.Platform, app.ID, "simulator-new")
		}},
		{about(identity.EventAppOpen, ""), func(ctx context.Context) error {
			return f.Apps.SetOpenPlatform(ctx, app.Platform, app.ID, "other")
		}},
		{about(identity.EventAppPhoneBudget, " 5"), func(ctx context.Context) error {
			return f.Apps.SetPhoneBudget(ctx, app.Platform, app.ID, 5)
		}},
	}
}

func actionsAreRecorded(t *testing.T, f fixture) {
	client, app := identity.Client{ID: identity.NewClientID()}, newApp()
	by := identity.WithActor(t.Context(), identity.Actor{Name: "lingpai test (root)"})
	hostile := identity.WithActor(t.Context(), identity.Actor{Name: "\x00"})
	for _, action := range recordedActions(f, client, app) {
		kind, before := action.event.Kind, stateOf(t, f, client, app)
		require.Error(t, action.do(hostile), "%s: without the event there must be no change", kind)
		require.Equal(t, before, stateOf(t, f, client, app), kind)
		require.NoError(t, action.do(by), kind)
		require.NotEqual(t, before, stateOf(t, f, client, app), kind)
		of := identity.EventsOf{Kind: kind, ClientID: action.event.ClientID}
		listed, err := f.Events.List(t.Context(), of, math.MaxInt32)
		require.NoError(t, err)
		listed = slices.DeleteFunc(listed, func(e identity.Event) bool { return e.Detail != action.event.Detail })
		require.Len(t, listed, 1, kind)
		require.Equal(t, identity.ActorFrom(by), listed[0].Actor, kind)
	}
	name := newName()
	require.Error(t, errorOf(f.Users.Create(hostile, name, "hash")))
	user, err := f.Users.Create(by, name, "hash")
	require.NoError(t, err, "the name is free: nothing was changed")
	require.Len(t, f.eventsOf(t, identity.EventUserCreated, user.ID), 1)
}

// stateOf returns what is stored about a client and an app; empty if they do not exist.
func stateOf(t *testing.T, f fixture, client identity.Client, app identity.App) [2]any {
	t.Helper()
	foundClient, err := f.Clients.Find(t.Context(), client.ID)
	if err != nil {
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
	foundApp, err := f.Apps.Find(t.Context(), app.Platform, app.ID)
	if err != nil {
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
	return [2]any{foundClient, foundApp}
}

func eventsHaveTheirActor(t *testing.T, f fixture) {
	actor := identity.Actor{Name: "lingpai users disable (root)", Address: "2001:db8::7", RequestID: `r"1`}
	by := identity.WithActor(t.Context(), actor)
	user, err := f.Users.Create(t.Context(), newName(), "hash")
	require.NoError(t, err)
	require.NoError(t, f.Users.Disable(by, user.ID))
	require.NoError(t, f.Users.Enable(t.Context(), user.ID))
	require.NoError(t, f.Events.Record(by, identity.Event{Kind: "by.itself", UserID: user.ID}))
	for kind, want := range map[string]identity.Actor{
		identity.EventUserDisabled: actor, identity.EventUserEnabled: {}, "by.itself": actor,
	} {
		listed := f.eventsOf(t, kind, user.ID)
		require.Len(t, listed, 1, kind)
		require.Equal(t, want, listed[0].Actor, kind)
	}
	hostile := identity.WithActor(t.Context(), identity.Actor{Name: "\x00"})
	require.Error(t, f.Users.Disable(hostile, user.ID), "without the event there must be no change")
	found, err := f.Users.Find(t.Context(), user.ID)
	require.NoError(t, err)
	require.False(t, found.Disabled())
}

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

// repeatedFromAnAddress: events of requests have an address, but no operator. Those of strangers are sampled before
// they are recorded, so each keeps its address.
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
