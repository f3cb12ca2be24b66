package admin_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
)

func TestSessionsAreListedAndEnded(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	alice := e.addUser(t, "alice")
	first := e.signIn(t, alice)
	listed, err := e.sessions.List(ctx, operator, alice.ID)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.Equal(t, first.ID, admin.ViewSession(listed[0]).ID)
	require.NoError(t, e.sessions.End(ctx, operator, first.ID))
	for _, id := range []string{first.ID, "nothing"} {
		err := e.sessions.End(ctx, operator, id)
		requireUnknown(t, err, "active session", id)
		require.EqualError(t, err, `there is no active session "`+id+`"`)
	}
	for _, end := range []func() (int64, error){
		func() (int64, error) { return e.sessions.EndAll(ctx, operator, alice.ID) },
		func() (int64, error) { return e.sessions.EndBefore(ctx, operator, time.Now().Add(time.Minute)) },
		func() (int64, error) { return e.sessions.EndSince(ctx, operator, time.Now().Add(-time.Hour)) },
	} {
		e.signIn(t, alice)
		ended, err := end()
		require.NoError(t, err)
		require.EqualValues(t, 1, ended)
	}
	events, err := e.events.List(ctx, operator, identity.EventsOf{Kind: identity.EventSessionEnded}, 10)
	require.NoError(t, err)
	require.Len(t, events, 4)
	for _, event := range events {
		require.Contains(t, event.Detail, identity.EndedByOperator)
	}
}

func TestEventsOfOneUserAndOfAll(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	alice, bob := e.addUser(t, "alice"), e.addUser(t, "bob")
	require.NoError(t, e.users.Disable(ctx, operator, alice.ID))
	require.NoError(t, e.users.GrantRole(ctx, operator, bob.ID, "editor"))
	kinds := func(name string) (kinds []string) {
		events, err := e.events.List(ctx, operator, identity.EventsOf{UserID: name}, 10)
		require.NoError(t, err)
		for _, event := range events {
			kinds = append(kinds, admin.ViewEvent(event).Kind)
		}
		return kinds
	}
	require.Equal(t, []string{identity.EventUserDisabled, identity.EventUserCreated}, kinds("alice"))
	require.Equal(t, []string{identity.EventRoleGranted, identity.EventUserDisabled, identity.EventUserCreated,
		identity.EventUserCreated}, kinds(""))

	_, err := e.users.Delete(ctx, operator, alice.ID, 0)
	require.NoError(t, err)
	_, err = e.database.Deletions().PurgeDeleted(ctx, 10)
	require.NoError(t, err)
	require.NotEmpty(t, kinds(alice.ID), "the id of a deleted user works")
	_, err = e.events.List(ctx, operator, identity.EventsOf{UserID: "alice"}, 10)
	requireUnknown(t, err, "user", "alice")
	for _, limit := range []int{0, 100_001} {
		_, err = e.events.List(ctx, operator, identity.EventsOf{}, limit)
		requireField(t, err, "limit", "1 to 100000")
	}
}
