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
			return f.Clients.SetSecret(ctx, client.ID, identity.HashSecret("new"))
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
