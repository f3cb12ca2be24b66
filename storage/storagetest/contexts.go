package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func endedContexts() []trial {
	return []trial{
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

func contextEndsReads(t *testing.T, h house) {
	ctx := cancelled(t)
	for name, read := range map[string]func() error{
		"Users.Find":           func() error { _, err := h.Users.Find(ctx, "u_a"); return err },
		"Users.FindByUsername": func() error { _, err := h.Users.FindByUsername(ctx, "alice"); return err },
		"Accounts.Find": func() error {
			_, err := h.Accounts.Find(ctx,
				sight("wx1", "a").AccountKey)
			return err
		},
		"Accounts.FindByUser": func() error {
			_, err := h.Accounts.FindByUser(ctx, "u_a",
				identity.PlatformWechat, "wx1")
			return err
		},
		"Users.List":    func() error { _, err := h.Users.List(ctx, "", 10); return err },
		"Accounts.List": func() error { _, err := h.Accounts.List(ctx, "u_a"); return err },
		"Profiles.Find": func() error { _, err := h.Profiles.Find(ctx, "u_a"); return err },
		"Apps.PhoneUse": func() error {
			_, err := h.Apps.PhoneUse(ctx, identity.PlatformWechat,
				"wx1")
			return err
		},
		"Apps.Find": func() error {
			_, err := h.Apps.Find(ctx, identity.PlatformWechat,
				"wx1")
			return err
		},
		"Apps.List":              func() error { _, err := h.Apps.List(ctx); return err },
		"Clients.Find":           func() error { _, err := h.Clients.Find(ctx, "c_a"); return err },
		"Clients.List":           func() error { _, err := h.Clients.List(ctx); return err },
		"Sessions.Find":          func() error { _, _, err := h.Sessions.Find(ctx, h.witness); return err },
		"Sessions.FindByOpening": func() error { _, _, err := h.Sessions.FindByOpening(ctx, []byte("a")); return err },
		"Sessions.List":          func() error { _, err := h.Sessions.List(ctx, "u_a"); return err },
		"Events.List":            func() error { _, err := h.Events.List(ctx, identity.EventsOf{}, 10); return err },
		"Keys.Keys":              func() error { _, err := h.Keys.Keys(ctx); return err },
	} {
		require.ErrorIs(t, read(), context.Canceled, name)
	}
}

func contextEndsWrites(t *testing.T, h house) {
	ctx := cancelled(t)
	user, client, app, key := h.newUser(t), h.newClient(t), newApp(), newKey(1)
	app.PhoneBudget = 2
	require.NoError(t, h.Apps.Add(t.Context(), app))
	h.requireSpent(t, app, true)
	linked, left := sight("wx2", newName()), h.newUser(t)
	h.link(t, user, linked)
	h.leave(t, left, 0)
	session, seen, name := h.signIn(t, user, client), sight("wx1", newName()), newName()
	for name, write := range map[string]func() error{
		"Users.Create": func() error { _, err := h.Users.Create(ctx, name, "hash"); return err },
		"Accounts.FindOrCreateUser": func() error {
			_, _, err := h.Accounts.FindOrCreateUser(ctx,
				seen)
			return err
		},
		"Users.Disable":     func() error { return h.Users.Disable(ctx, user.ID) },
		"Users.Enable":      func() error { return h.Users.Enable(ctx, user.ID) },
		"Users.SetPassword": func() error { return h.Users.SetPassword(ctx, user.ID, "new hash") },
		"Users.Name":        func() error { return h.Users.Name(ctx, user.ID, name) },
		"Accounts.Link":     func() error { return h.Accounts.Link(ctx, user.ID, seen) },
		"Accounts.Unlink": func() error {
			_, err := h.Accounts.Unlink(ctx, user.ID,
				linked.AccountKey)
			return err
		},
		"Deletions.Leave":      func() error { _, err := h.Deletions.Leave(ctx, user.ID, 0); return err },
		"Deletions.Dismiss":    func() error { _, err := h.Deletions.Dismiss(ctx, user.ID, 0); return err },
		"Deletions.Stay":       func() error { return h.Deletions.Stay(ctx, left.ID) },
		"Deletions.DeleteLeft": func() error { _, err := h.Deletions.DeleteLeft(ctx, 10); return err },
		"Profiles.Choose":      func() error { return h.Profiles.Choose(ctx, user.ID, fullProfile()) },
		"Profiles.Suggest": func() error {
			_, err := h.Profiles.Suggest(ctx, user.ID,
				fullProfile())
			return err
		},
		"Profiles.SetPhone": func() error {
			return h.Profiles.SetPhone(ctx, user.ID,
				identity.Phone{Number: "+8613800000000"})
		},
		"Apps.SetPhoneBudget": func() error { return h.Apps.SetPhoneBudget(ctx, app.Platform, app.ID, 5) },
		"Apps.SpendPhone": func() error {
			_, err := h.Apps.SpendPhone(ctx, app.Platform,
				app.ID)
			return err
		},
		"Apps.RefundPhone": func() error { return h.Apps.RefundPhone(ctx, app.Platform, app.ID) },
		"Apps.Add":         func() error { return h.Apps.Add(ctx, newApp()) },
		"Apps.SetSecret": func() error {
			return h.Apps.SetSecret(ctx, app.Platform, app.ID,
				"simulator-new")
		},
		"Clients.Create": func() error { return h.Clients.Create(ctx, identity.Client{ID: name}) },
		"Clients.SetSecret": func() error {
			return h.Clients.SetSecret(ctx, client.ID,
				identity.HashSecret("new"))
		},
		"Clients.Disable": func() error { return h.Clients.Disable(ctx, client.ID) },
		"Sessions.Open": func() error {
			_, err := h.Sessions.Open(ctx, newSession(user, client), user.AuthEpoch, lifetimes(), 1)
			return err
		},
		"Sessions.Rotate": func() error {
			_, err := h.Sessions.Rotate(ctx, rotated(session, h.now(t), nil),
				0)
			return err
		},
		"Sessions.End": func() error {
			_, err := h.Sessions.End(ctx, session.ID,
				identity.EndedByTheft)
			return err
		},
		"Apps.SetOpenPlatform": func() error { return h.Apps.SetOpenPlatform(ctx, "platform", "app", "open") },
		"Sessions.EndBefore": func() error {
			_, err := h.Sessions.EndBefore(ctx, time.Time{}, identity.EndedByTheft)
			return err
		},
		"Sessions.EndSince": func() error {
			_, err := h.Sessions.EndSince(ctx, time.Time{},
				identity.EndedByTheft)
			return err
		},
		"Sessions.EndAll": func() error {
			_, err := h.Sessions.EndAll(ctx, user.ID,
				identity.EndedByTheft)
			return err
		},
		"Sessions.Prune": func() error { _, _, err := h.Sessions.Prune(ctx, 0, 10); return err },
		"Events.Record": func() error {
			return h.Events.Record(ctx, identity.Event{Kind: "kind",
				UserID: user.ID})
		},
		"Keys.Update": func() error { return h.Keys.Update(ctx, adding(key)) },
	} {
		require.ErrorIs(t, write(), context.Canceled, name)
	}
	require.Equal(t, inUTC(user), h.user(t, user.ID))
	require.Equal(t, session, h.session(t, session.ID))
	h.requireLive(t, user, session.ID)
	require.False(t, h.client(t, client.ID).Disabled())
	require.Equal(t, app.Secret, h.app(t, app.Platform, app.ID).Secret)
	require.True(t, h.user(t, left.ID).Leaving())
	require.Zero(t, h.details(t, user.ID))
	h.requireAccounts(t, user, linked.AccountKey)
	h.requireUse(t, app, 1, 2)
	require.Empty(t, h.eventsOf(t, "kind", user.ID))
	require.Empty(t, h.keysFor(t, key.Purpose))
	_, err := h.Accounts.Find(t.Context(), seen.AccountKey)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func contextDeadline(t *testing.T, h house) {
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err := h.Users.Find(ctx, "u_a")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
