package storagetest

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func endedContexts() []testCase {
	return []testCase{
		{"prevent reads", contextEndsReads},
		{"prevent writes", contextEndsWrites},
		{"report a deadline and a cancellation as different errors", contextDeadline},
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// errorOf drops the result of a call.
func errorOf[V any](_ V, err error) error { return err }

func contextEndsReads(t *testing.T, f fixture) {
	ctx := canceled(t)
	for name, read := range map[string]func() error{
		"Users.Find":           func() error { return errorOf(f.Users.Find(ctx, "u_a")) },
		"Users.FindByUsername": func() error { return errorOf(f.Users.FindByUsername(ctx, "alice")) },
		"Accounts.Find": func() error {
			return errorOf(f.Accounts.Find(ctx, identityAt("wx1", "a").AccountKey))
		},
		"Accounts.FindByUser": func() error {
			return errorOf(f.Accounts.FindByUser(ctx, "u_a", identity.PlatformWechat, "wx1"))
		},
		"Users.List":             func() error { return errorOf(f.Users.List(ctx, "", 10)) },
		"Accounts.List":          func() error { return errorOf(f.Accounts.List(ctx, "u_a")) },
		"Profiles.Find":          func() error { return errorOf(f.Profiles.Find(ctx, "u_a")) },
		"Apps.PhoneUse":          func() error { return errorOf(f.Apps.PhoneUse(ctx, identity.PlatformWechat, "wx1")) },
		"Apps.Find":              func() error { return errorOf(f.Apps.Find(ctx, identity.PlatformWechat, "wx1")) },
		"Apps.List":              func() error { return errorOf(f.Apps.List(ctx)) },
		"Clients.Find":           func() error { return errorOf(f.Clients.Find(ctx, "c_a")) },
		"Clients.List":           func() error { return errorOf(f.Clients.List(ctx)) },
		"Sessions.Find":          func() error { _, _, err := f.Sessions.Find(ctx, f.clockSession); return err },
		"Sessions.FindByOpening": func() error { _, _, err := f.Sessions.FindByOpening(ctx, []byte("a")); return err },
		"Sessions.List":          func() error { return errorOf(f.Sessions.List(ctx, "u_a")) },
		"Browsers.Find":          func() error { _, _, err := f.Browsers.Find(ctx, [32]byte{}); return err },
		"Browsers.List":          func() error { return errorOf(f.Browsers.List(ctx, "u_a")) },
		"Consents.Find":          func() error { return errorOf(f.Consents.Find(ctx, "u_a", "c_a", "")) },
		"Consents.List":          func() error { return errorOf(f.Consents.List(ctx, "u_a")) },
		"Notices.Claim":          func() error { _, _, err := f.Notices.Claim(ctx, 1); return err },
		"Events.List":            func() error { return errorOf(f.Events.List(ctx, identity.EventsOf{}, 10)) },
		"Keys.Keys":              func() error { return errorOf(f.Keys.Keys(ctx)) },
	} {
		require.ErrorIs(t, read(), context.Canceled, name)
	}
}

func contextEndsWrites(t *testing.T, f fixture) {
	ctx, user, client, app, key := canceled(t), f.newUser(t), f.newClient(t), newApp(), newKey(1)
	app.PhoneBudget = 2
	require.NoError(t, f.Apps.Add(t.Context(), app))
	requireSpent(t, f, app, true)
	linked, pending, event := newIdentity("wx2"), f.newUser(t), identity.Event{Kind: "kind", UserID: user.ID}
	link := linked.AccountKey
	f.link(t, user, linked)
	f.requestDeletion(t, pending, 0)
	session, external, name := f.signIn(t, user, client), newIdentity("wx1"), newName()
	writes := map[string]func() error{
		"Users.Create": func() error { return errorOf(f.Users.Create(ctx, name, "hash")) },
		"Accounts.FindOrCreateUser": func() error {
			_, _, err := f.Accounts.FindOrCreateUser(ctx, external)
			return err
		},
		"Users.Disable":              func() error { return f.Users.Disable(ctx, user.ID) },
		"Users.Enable":               func() error { return f.Users.Enable(ctx, user.ID) },
		"Users.SetPassword":          func() error { return f.Users.SetPassword(ctx, user.ID, "new hash") },
		"Users.SetUsername":          func() error { return f.Users.SetUsername(ctx, user.ID, name) },
		"Accounts.Link":              func() error { return f.Accounts.Link(ctx, user.ID, external) },
		"Accounts.Unlink":            func() error { return errorOf(f.Accounts.Unlink(ctx, user.ID, link)) },
		"Deletions.RequestDeletion":  func() error { return errorOf(f.Deletions.RequestDeletion(ctx, user.ID, 0)) },
		"Deletions.ScheduleDeletion": func() error { return errorOf(f.Deletions.ScheduleDeletion(ctx, user.ID, 0)) },
		"Deletions.CancelDeletion":   func() error { return f.Deletions.CancelDeletion(ctx, pending.ID) },
		"Deletions.PurgeDeleted":     func() error { return errorOf(f.Deletions.PurgeDeleted(ctx, 10)) },
		"Profiles.Choose":            func() error { return f.Profiles.Choose(ctx, user.ID, fullProfile()) },
		"Profiles.Suggest":           func() error { return errorOf(f.Profiles.Suggest(ctx, user.ID, fullProfile())) },
		"Profiles.SetPhone": func() error {
			return f.Profiles.SetPhone(ctx, user.ID, identity.Phone{Number: "+8613800000000"})
		},
		"Apps.SetPhoneBudget":  func() error { return f.Apps.SetPhoneBudget(ctx, app.Platform, app.ID, 5) },
		"Apps.SpendPhone":      func() error { return errorOf(f.Apps.SpendPhone(ctx, app.Platform, app.ID)) },
		"Apps.RefundPhone":     func() error { return f.Apps.RefundPhone(ctx, app.Platform, app.ID) },
		"Apps.Add":             func() error { return f.Apps.Add(ctx, newApp()) },
		"Apps.SetSecret":       func() error { return f.Apps.SetSecret(ctx, app.Platform, app.ID, "simulator-new") },
		"Clients.Create":       func() error { return f.Clients.Create(ctx, identity.Client{ID: name}) },
		"Clients.SetSecret":    func() error { return f.Clients.SetSecret(ctx, client.ID, []byte("hash"), 0) },
		"Clients.Update":       func() error { return f.Clients.Update(ctx, identity.Client{ID: client.ID}) },
		"Clients.Disable":      func() error { return f.Clients.Disable(ctx, client.ID) },
		"Apps.Update":          func() error { return f.Apps.Update(ctx, app) },
		"Apps.Remove":          func() error { return f.Apps.Remove(ctx, app.Platform, app.ID) },
		"Apps.SetOpenPlatform": func() error { return f.Apps.SetOpenPlatform(ctx, "platform", "app", "open") },
		"Events.Record":        func() error { return f.Events.Record(ctx, event) },
		"Keys.Update":          func() error { return f.Keys.Update(ctx, adding(key)) },
	}
	maps.Copy(writes, writesOfSessions(ctx, f, newSession(user, client), user.AuthEpoch, session,
		rotated(session, f.now(t), nil)))
	browser := visit(t, f, user)
	maps.Copy(writes, writesOfBrowsers(ctx, f, user, client, browser.ID))
	for name, write := range writes {
		require.ErrorIs(t, write(), context.Canceled, name)
	}
	requireBrowsers(t, f, user, browser)
	requireConsents(t, f, user)
	require.Equal(t, inUTC(user), f.user(t, user.ID))
	require.Equal(t, session, f.session(t, session.ID))
	f.requireLive(t, user, session.ID)
	require.False(t, f.client(t, client.ID).Disabled())
	require.Equal(t, client.Name, f.client(t, client.ID).Name)
	require.Equal(t, app.Secret, f.app(t, app.Platform, app.ID).Secret)
	require.True(t, f.user(t, pending.ID).DeletionRequested())
	require.Zero(t, f.details(t, user.ID))
	f.requireAccounts(t, user, linked.AccountKey)
	requireUse(t, f, app, 1, 2)
	require.Empty(t, f.eventsOf(t, "kind", user.ID))
	require.Empty(t, keysFor(t, f, key.Purpose))
	_, err := f.Accounts.Find(t.Context(), external.AccountKey)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

// writesOfSessions returns the writes of Sessions: one opens a session, the others change another session.
func writesOfSessions(ctx context.Context, f fixture, fresh identity.Session, epoch int64,
	session, next identity.Session) map[string]func() error {
	return map[string]func() error{
		"Sessions.Open":   func() error { return errorOf(f.Sessions.Open(ctx, fresh, epoch, lifetimes(), 1)) },
		"Sessions.Rotate": func() error { return errorOf(f.Sessions.Rotate(ctx, next, 0)) },
		"Sessions.End":    func() error { return errorOf(f.Sessions.End(ctx, session.ID, identity.EndedByTheft)) },
		"Sessions.EndBefore": func() error {
			return errorOf(f.Sessions.EndBefore(ctx, time.Time{}, identity.EndedByTheft))
		},
		"Sessions.EndSince": func() error {
			return errorOf(f.Sessions.EndSince(ctx, time.Time{}, identity.EndedByTheft))
		},
		"Sessions.EndAll": func() error {
			return errorOf(f.Sessions.EndAll(ctx, session.UserID, identity.EndedByTheft))
		},
		"Sessions.Prune": func() error { _, _, err := f.Sessions.Prune(ctx, 0, 10); return err },
	}
}

// writesOfBrowsers returns the writes of BrowserSessions and Consents.
func writesOfBrowsers(ctx context.Context, f fixture, user identity.User, client identity.Client,
	id string) map[string]func() error {
	return map[string]func() error{
		"Browsers.Open": func() error {
			return errorOf(f.Browsers.Open(ctx, newBrowserSession(user), lifetimes(), id))
		},
		"Browsers.Touch":    func() error { return f.Browsers.Touch(ctx, id, time.Hour) },
		"Browsers.End":      func() error { return errorOf(f.Browsers.End(ctx, id, identity.EndedByUser, true)) },
		"Browsers.Prune":    func() error { return errorOf(f.Browsers.Prune(ctx, 0, 10)) },
		"Consents.Grant":    func() error { return f.Consents.Grant(ctx, newConsent(user, client, "openid")) },
		"Notices.Delete":    func() error { return f.Notices.Delete(ctx, id) },
		"Notices.GiveUp":    func() error { return f.Notices.GiveUp(ctx, identity.LogoutNotice{}, "") },
		"Consents.Withdraw": func() error { return errorOf(f.Consents.Withdraw(ctx, user.ID, client.ID)) },
	}
}

func contextDeadline(t *testing.T, f fixture) {
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err := f.Users.Find(ctx, "u_a")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
