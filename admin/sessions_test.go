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
	require.Equal(t, first.ID, listed[0].ID)
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

// TestSessionsInBrowsers are listed with the sessions that came from them, and end together with these.
func TestSessionsInBrowsers(t *testing.T) {
	e := newEnv(t)
	ctx, alice := t.Context(), e.addUser(t, "alice")
	browser, err := e.database.BrowserSessions().Open(ctx, identity.BrowserSession{ID: identity.NewSessionID(),
		UserID: alice.ID, Epoch: alice.AuthEpoch, Method: identity.MethodPassword},
		identity.Lifetimes{Idle: time.Hour, Absolute: time.Hour}, "")
	require.NoError(t, err)
	from, other := e.open(t, alice, browser.ID), e.signIn(t, alice)
	listed, err := e.sessions.List(ctx, operator, alice.ID)
	require.NoError(t, err)
	require.Len(t, listed, 3)
	require.Equal(t, []string{browser.ID, from.ID, other.ID}, []string{listed[0].ID, listed[1].ID, listed[2].ID})
	require.Equal(t, []string{"browser", "client", "client"},
		[]string{listed[0].Kind, listed[1].Kind, listed[2].Kind})
	require.Equal(t, browser.ID, listed[1].Browser)

	require.NoError(t, e.sessions.End(ctx, operator, browser.ID))
	listed, err = e.sessions.List(ctx, operator, alice.ID)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.Equal(t, other.ID, listed[0].ID)
	requireUnknown(t, e.sessions.End(ctx, operator, browser.ID), "active session", browser.ID)
}

func TestConsentsAreListedAndWithdrawn(t *testing.T) {
	e := newEnv(t)
	ctx, alice := t.Context(), e.addUser(t, "alice")
	for _, consent := range []identity.Consent{{ClientID: "forum"}, {ClientID: "shop"},
		{ClientID: "shop", Resource: "https://api.example.com"}, {ClientID: "wiki"}} {
		consent.UserID, consent.Scopes = alice.ID, []string{"openid"}
		require.NoError(t, e.database.Consents().Grant(ctx, consent))
	}
	e.signIn(t, alice)
	require.NoError(t, e.consents.Withdraw(ctx, operator, alice.ID, "wiki"))
	requireUnknown(t, e.consents.Withdraw(ctx, operator, alice.ID, "wiki"), "consent of this user to client", "wiki")
	listed, err := e.consents.List(ctx, operator, alice.ID)
	require.NoError(t, err)
	require.Len(t, listed, 3)
	require.Equal(t, "https://api.example.com", admin.ViewConsent(listed[2]).Resource)
	withdrawn, err := e.consents.WithdrawAll(ctx, operator, alice.ID)
	require.NoError(t, err)
	require.Equal(t, 2, withdrawn)
	sessions, err := e.sessions.List(ctx, operator, alice.ID)
	require.NoError(t, err)
	require.Empty(t, sessions, "those at the client have ended")
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
