package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func endedContexts() []testCase {
	return []testCase{
		{"keep reads from answering", contextEndsReads},
		{"keep writes from writing", contextEndsWrites},
		{"tell a passed deadline from a cancellation", contextDeadline},
	}
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func contextEndsReads(t *testing.T, f fixture) {
	ctx := cancelled(t)
	for name, read := range map[string]func() error{
		"Users.Find":           func() error { _, err := f.Users.Find(ctx, "u_a"); return err },
		"Users.FindByUsername": func() error { _, err := f.Users.FindByUsername(ctx, "alice"); return err },
		"Accounts.Find": func() error {
			_, err := f.Accounts.Find(ctx,
				sight("wx1", "a").AccountKey)
			return err
		},
		"Accounts.FindByUser": func() error {
			_, err := f.Accounts.FindByUser(ctx, "u_a",
				identity.PlatformWechat, "wx1")
			return err
		},
		"Users.List":    func() error { _, err := f.Users.List(ctx, "", 10); return err },
		"Accounts.List": func() error { _, err := f.Accounts.List(ctx, "u_a"); return err },
		"Profiles.Find": func() error { _, err := f.Profiles.Find(ctx, "u_a"); return err },
		"Apps.PhoneUse": func() error {
			_, err := f.Apps.PhoneUse(ctx, identity.PlatformWechat,
				"wx1")
			return err
		},
		"Apps.Find": func() error {
			_, err := f.Apps.Find(ctx, identity.PlatformWechat,
				"wx1")
			return err
		},
		"Apps.List":              func() error { _, err := f.Apps.List(ctx); return err },
		"Clients.Find":           func() error { _, err := f.Clients.Find(ctx, "c_a"); return err },
		"Clients.List":           func() error { _, err := f.Clients.List(ctx); return err },
		"Sessions.Find":          func() error { _, _, err := f.Sessions.Find(ctx, f.witness); return err },
		"Sessions.FindByOpening": func() error { _, _, err := f.Sessions.FindByOpening(ctx, []byte("a")); return err },
		"Sessions.List":          func() error { _, err := f.Sessions.List(ctx, "u_a"); return err },
		"Events.List":            func() error { _, err := f.Events.List(ctx, identity.EventsOf{}, 10); return err },
		"Keys.Keys":              func() error { _, err := f.Keys.Keys(ctx); return err },
	} {
		require.ErrorIs(t, read(), context.Canceled, name)
	}
}

func contextEndsWrites(t *testing.T, f fixture) {
	ctx := cancelled(t)
	user, client, app, key := f.newUser(t), f.newClient(t), newApp(), newKey(1)
	app.PhoneBudget = 2
	require.NoError(t, f.Apps.Add(t.Context(), app))
	requireSpent(t, f, app, true)
	linked, left := sight("wx2", newName()), f.newUser(t)
	f.link(t, user, linked)
	f.leave(t, left, 0)
	session, seen, name := f.signIn(t, user, client), sight("wx1", newName()), newName()
	for name, write := range map[string]func() error{
		"Users.Create": func() error { _, err := f.Users.Create(ctx, name, "hash"); return err },
		"Accounts.FindOrCreateUser": func() error {
			_, _, err := f.Accounts.FindOrCreateUser(ctx,
				seen)
			return err
		},
		"Users.Disable":     func() error { return f.Users.Disable(ctx, user.ID) },
		"Users.Enable":      func() error { return f.Users.Enable(ctx, user.ID) },
		"Users.SetPassword": func() error { return f.Users.SetPassword(ctx, user.ID, "new hash") },
		"Users.Name":        func() error { return f.Users.Name(ctx, user.ID, name) },
		"Accounts.Link":     func() error { return f.Accounts.Link(ctx, user.ID, seen) },
		"Accounts.Unlink": func() error {
			_, err := f.Accounts.Unlink(ctx, user.ID,
				linked.AccountKey)
			return err
		},
		"Deletions.Leave":      func() error { _, err := f.Deletions.Leave(ctx, user.ID, 0); return err },
		"Deletions.Dismiss":    func() error { _, err := f.Deletions.Dismiss(ctx, user.ID, 0); return err },
		"Deletions.Stay":       func() error { return f.Deletions.Stay(ctx, left.ID) },
		"Deletions.DeleteLeft": func() error { _, err := f.Deletions.DeleteLeft(ctx, 10); return err },
		"Profiles.Choose":      func() error { return f.Profiles.Choose(ctx, user.ID, fullProfile()) },
		"Profiles.Suggest": func() error {
			_, err := f.Profiles.Suggest(ctx, user.ID,
				fullProfile())
			return err
		},
		"Profiles.SetPhone": func() error {
			return f.Profiles.SetPhone(ctx, user.ID,
				identity.Phone{Number: "+8613800000000"})
		},
		"Apps.SetPhoneBudget": func() error { return f.Apps.SetPhoneBudget(ctx, app.Platform, app.ID, 5) },
		"Apps.SpendPhone": func() error {
			_, err := f.Apps.SpendPhone(ctx, app.Platform,
				app.ID)
			return err
		},
		"Apps.RefundPhone": func() error { return f.Apps.RefundPhone(ctx, app.Platform, app.ID) },
		"Apps.Add":         func() error { return f.Apps.Add(ctx, newApp()) },
		"Apps.SetSecret": func() error {
			return f.Apps.SetSecret(ctx, app.Platform, app.ID,
				"simulator-new")
		},
		"Clients.Create": func() error { return f.Clients.Create(ctx, identity.Client{ID: name}) },
		"Clients.SetSecret": func() error {
			return f.Clients.SetSecret(ctx, client.ID,
				identity.HashSecret("new"))
		},
		"Clients.Disable": func() error { return f.Clients.Disable(ctx, client.ID) },
		"Sessions.Open": func() error {
			_, err := f.Sessions.Open(ctx, newSession(user, client), user.AuthEpoch, lifetimes(), 1)
			return err
		},
		"Sessions.Rotate": func() error {
			_, err := f.Sessions.Rotate(ctx, rotated(session, f.now(t), nil),
				0)
			return err
		},
		"Sessions.End": func() error {
			_, err := f.Sessions.End(ctx, session.ID,
				identity.EndedByTheft)
			return err
		},
		"Apps.SetOpenPlatform": func() error { return f.Apps.SetOpenPlatform(ctx, "platform", "app", "open") },
		"Sessions.EndBefore": func() error {
			_, err := f.Sessions.EndBefore(ctx, time.Time{}, identity.EndedByTheft)
			return err
		},
		"Sessions.EndSince": func() error {
			_, err := f.Sessions.EndSince(ctx, time.Time{},
				identity.EndedByTheft)
			return err
		},
		"Sessions.EndAll": func() error {
			_, err := f.Sessions.EndAll(ctx, user.ID,
				identity.EndedByTheft)
			return err
		},
		"Sessions.Prune": func() error { _, _, err := f.Sessions.Prune(ctx, 0, 10); return err },
		"Events.Record": func() error {
			return f.Events.Record(ctx, identity.Event{Kind: "kind",
				UserID: user.ID})
		},
		"Keys.Update": func() error { return f.Keys.Update(ctx, adding(key)) },
	} {
		require.ErrorIs(t, write(), context.Canceled, name)
	}
	require.Equal(t, inUTC(user), f.user(t, user.ID))
	require.Equal(t, session, f.session(t, session.ID))
	f.requireLive(t, user, session.ID)
	require.False(t, f.client(t, client.ID).Disabled())
	require.Equal(t, app.Secret, f.app(t, app.Platform, app.ID).Secret)
	require.True(t, f.user(t, left.ID).Leaving())
	require.Zero(t, f.details(t, user.ID))
	f.requireAccounts(t, user, linked.AccountKey)
	requireUse(t, f, app, 1, 2)
	require.Empty(t, f.eventsOf(t, "kind", user.ID))
	require.Empty(t, keysFor(t, f, key.Purpose))
	_, err := f.Accounts.Find(t.Context(), seen.AccountKey)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func contextDeadline(t *testing.T, f fixture) {
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err := f.Users.Find(ctx, "u_a")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
