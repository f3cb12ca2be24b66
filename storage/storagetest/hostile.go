package storagetest

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func hostileTexts() []testCase {
	return []testCase{
		{"find nothing", hostileLookups},
		{"change nothing", hostileChanges},
	}
}

// texts returns texts that a store might truncate, fold, split, decode or execute. No two of them are equal.
func texts() []string {
	return []string{
		"a", "A", "a ", " a", "á", "a\u0301", "ａ",
		"\x00", "a\x00", "a\x00b", "\xff\xfe", "a\xc3", "\xed\xa0\x80", "\ufffd",
		"' OR '1'='1", "'; DROP TABLE users; --", `" OR ""="`, "%", "_", "*", "$1", "?", ":id", "a\\", "{}",
		"null", "NULL", "0",
		`","role":"admin`, "a,b", "a b", "a\nb", "a\tb", "\r\nSet-Cookie: a=b", "../../etc/passwd",
		"😀👩‍👩‍👧", "\u202egnp.exe", "a\u200b", "\ufeffa",
		strings.Repeat("x", 300), strings.Repeat("x", 300) + "y", strings.Repeat("令", 300),
	}
}

func hostileLookups(t *testing.T, f fixture) {
	ctx := t.Context()
	user := f.newUser(t)
	f.signIn(t, user, f.newClient(t))
	require.NoError(t, f.Apps.Add(ctx, newApp()))
	f.requireNewUser(t, newIdentity("wx1"))
	for _, text := range texts() {
		_, err := f.Users.Find(ctx, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "user %q", text)
		_, err = f.Users.FindByUsername(ctx, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "user name %q", text)
		for _, key := range []identity.AccountKey{
			{Platform: text, App: "wx1", Subject: "a"}, {Platform: identity.PlatformWechat, App: text,
				Subject: "a"}, identityAt("wx1", text).AccountKey,
		} {
			_, err = f.Accounts.Find(ctx, key)
			require.ErrorIs(t, err, identity.ErrNotFound, "account %q", text)
		}
		for _, of := range [][3]string{{text, identity.PlatformWechat, "wx1"}, {user.ID, text, "wx1"},
			{user.ID, identity.PlatformWechat, text}} {
			_, err = f.Accounts.FindByUser(ctx, of[0], of[1], of[2])
			require.ErrorIs(t, err, identity.ErrNotFound, "account of %q", text)
		}
		_, err = f.Apps.Find(ctx, identity.PlatformWechat, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "app %q", text)
		_, err = f.Apps.Find(ctx, text, "wx1")
		require.ErrorIs(t, err, identity.ErrNotFound, "platform %q", text)
		_, err = f.Clients.Find(ctx, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "client %q", text)
		_, _, err = f.Sessions.Find(ctx, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "session %q", text)
		_, _, err = f.Sessions.FindByOpening(ctx, []byte(text))
		require.ErrorIs(t, err, identity.ErrNotFound, "opening %q", text)
		for _, of := range []identity.EventsOf{{Kind: text}, {UserID: text}, {ClientID: text}, {SessionID: text}} {
			listed, err := f.Events.List(ctx, of, 10)
			require.NoError(t, err, "events of %q", text)
			require.Empty(t, listed, "events of %q", text)
		}
		found, err := f.Sessions.List(ctx, text)
		require.True(t, err != nil || len(found) == 0, "sessions of %q", text)
	}
}

func hostileChanges(t *testing.T, f fixture) {
	ctx := t.Context()
	user, client, app := f.newUser(t), f.newClient(t), newApp()
	require.NoError(t, f.Apps.Add(ctx, app))
	session := f.signIn(t, user, client)
	for _, text := range texts() {
		for name, err := range map[string]error{
			"disable user":      f.Users.Disable(ctx, text),
			"enable user":       f.Users.Enable(ctx, text),
			"set password":      f.Users.SetPassword(ctx, text, "hash"),
			"set client secret": f.Clients.SetSecret(ctx, text, identity.HashSecret("new"), 0),
			"disable client":    f.Clients.Disable(ctx, text),
			"set app secret":    f.Apps.SetSecret(ctx, app.Platform, text, "simulator-new"),
		} {
			require.ErrorIs(t, err, identity.ErrNotFound, "%s %q", name, text)
		}
		ended, err := f.Sessions.End(ctx, text, text)
		require.True(t, err != nil || !ended, "end %q", text)
		count, err := f.Sessions.EndAll(ctx, text, identity.EndedByOperator)
		require.True(t, err != nil || count == 0, "end all of %q", text)
		next := rotated(session, time.Now(), nil)
		next.ID = text
		moved, err := f.Sessions.Rotate(ctx, next, 0)
		require.True(t, err != nil || !moved, "rotate %q", text)
	}
	require.Equal(t, inUTC(user), f.user(t, user.ID))
	require.Equal(t, client.Grants, f.client(t, client.ID).Grants)
	require.Equal(t, app.Secret, f.app(t, app.Platform, app.ID).Secret)
	require.Equal(t, session, f.session(t, session.ID))
	f.requireLive(t, user, session.ID)
}

func hostileWrites() []testCase {
	return []testCase{
		{"name accounts of their own or are rejected", hostileAccounts},
		{"in an app are stored unchanged or rejected", hostileApps},
		{"in a client are stored unchanged or rejected", hostileClients},
		{"in a session are stored unchanged or rejected", hostileSessions},
		{"in an event are stored unchanged or rejected", hostileEvents},
		{"in a key are stored unchanged or rejected", hostileKeys},
	}
}

func hostileAccounts(t *testing.T, f fixture) {
	for name, place := range map[string]func(e *identity.ExternalIdentity) *string{
		"subject":  func(e *identity.ExternalIdentity) *string { return &e.Subject },
		"app":      func(e *identity.ExternalIdentity) *string { return &e.App },
		"platform": func(e *identity.ExternalIdentity) *string { return &e.Platform },
	} {
		innocent := inUnion("op", newName(), newIdentity(newName()))
		owner := f.requireNewUser(t, innocent)
		owners := map[string]string{owner.ID: "the innocent"}
		for _, text := range texts() {
			hostile := innocent
			hostile.UnionID = ""
			*place(&hostile) += text // if the store truncated it, the result would be the innocent's
			user, created, err := f.Accounts.FindOrCreateUser(t.Context(), hostile)
			if err != nil {
				_, err = f.Accounts.Find(t.Context(), hostile.AccountKey)
				require.ErrorIs(t, err, identity.ErrNotFound, "refused %s %q", name, text)
				continue
			}
			require.True(t, created, "%s %q", name, text)
			require.NotContains(t, owners, user.ID, "%s %q", name, text)
			owners[user.ID] = text
			f.requireUser(t, inUTC(user), hostile)
		}
		f.requireUser(t, owner, innocent)
	}
	hostileUnions(t, f)
}

func hostileUnions(t *testing.T, f fixture) {
	for name, place := range map[string]func(e *identity.ExternalIdentity) *string{
		"union id":      func(e *identity.ExternalIdentity) *string { return &e.UnionID },
		"open platform": func(e *identity.ExternalIdentity) *string { return &e.OpenPlatform },
	} {
		innocent := inUnion(newName(), newName(), newIdentity("wx1"))
		owner := f.requireNewUser(t, innocent)
		owners := map[string]string{owner.ID: "the innocent"}
		for _, text := range texts() {
			hostile := innocent
			hostile.App, hostile.Subject = "wx2", newName()
			*place(&hostile) += text
			user, _, err := f.Accounts.FindOrCreateUser(t.Context(), hostile)
			if err != nil {
				continue
			}
			require.NotContains(t, owners, user.ID, "%s %q", name, text)
			owners[user.ID] = text
			f.requireUser(t, inUTC(user), hostile)
		}
	}
}

func hostileApps(t *testing.T, f fixture) {
	for _, text := range texts() {
		app := newApp()
		app.ID += text
		app.Name, app.Kind, app.OpenPlatform, app.Secret = text, text, text, identity.Secret(text)
		err := f.Apps.Add(t.Context(), app)
		found, missing := f.Apps.Find(t.Context(), app.Platform, app.ID)
		if err != nil {
			require.ErrorIs(t, missing, identity.ErrNotFound, "refused %q", text)
			continue
		}
		require.NoError(t, missing, "%q", text)
		app.CreatedAt = found.CreatedAt
		require.Equal(t, app, found)
	}
}

func hostileClients(t *testing.T, f fixture) {
	for _, text := range texts() {
		list := []string{text, "between", text + text}
		client := identity.Client{
			ID: newName() + text, Name: text, Grants: list, Scopes: list, DefaultScopes: list, Audience: list,
			IsAudience: list,
			Apps:       list, Origins: list, RedirectURIs: list, PostLogoutRedirectURIs: list,
			BackchannelLogoutURI: text,
		}
		err := f.Clients.Create(t.Context(), client)
		found, missing := f.Clients.Find(t.Context(), client.ID)
		if err != nil {
			require.ErrorIs(t, missing, identity.ErrNotFound, "refused %q", text)
			client.ID = identity.NewClientID() // perhaps only the id was rejected
			if f.Clients.Create(t.Context(), client) != nil {
				continue
			}
			found, missing = f.Clients.Find(t.Context(), client.ID)
		}
		require.NoError(t, f.Clients.Update(t.Context(), client), "%q", text)
		require.NoError(t, missing, "%q", text)
		client.CreatedAt, client.SecretHash = found.CreatedAt, found.SecretHash
		require.Equal(t, client, found)
	}
}

func hostileSessions(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	innocent := f.signIn(t, user, client)
	for _, text := range texts() {
		session := newSession(user, client)
		session.Scope, session.Method, session.Device, session.OpenedBy = text, text, text, []byte(newName()+text)
		opened, err := f.Sessions.Open(t.Context(), session, user.AuthEpoch, lifetimes(), 0)
		if err != nil {
			_, _, err = f.Sessions.Find(t.Context(), session.ID)
			require.ErrorIs(t, err, identity.ErrNotFound, "refused %q", text)
			continue
		}
		found, _, err := f.Sessions.FindByOpening(t.Context(), session.OpenedBy)
		require.NoError(t, err, "%q", text)
		require.Equal(t, plain(opened), plain(found))
		require.Equal(t, []string{text, text, text}, []string{found.Scope, found.Method, found.Device})
		ended, err := f.Sessions.End(t.Context(), session.ID, text)
		require.NoError(t, err, "%q", text)
		require.True(t, ended)
		require.Equal(t, text, f.session(t, session.ID).EndReason)
	}
	f.requireLive(t, user, innocent.ID)
}

func hostileEvents(t *testing.T, f fixture) {
	for _, text := range texts() {
		event := identity.Event{Kind: text, UserID: newName() + text, ClientID: text, SessionID: text, Detail: text}
		if f.Events.Record(t.Context(), event) != nil {
			require.Empty(t, f.eventsOf(t, event.Kind, event.UserID), "refused %q", text)
			continue
		}
		found := f.eventsOf(t, event.Kind, event.UserID)
		require.Len(t, found, 1, "%q", text)
		event.At, event.LastAt, event.Count = found[0].At, found[0].At, 1
		require.Equal(t, event, found[0])
	}
	_, err := f.Events.List(t.Context(), identity.EventsOf{}, math.MaxInt32)
	require.NoError(t, err)
}

func hostileKeys(t *testing.T, f fixture) {
	for _, text := range texts() {
		record := newKey(1)
		record.Purpose, record.ID, record.Sealed = record.Purpose+"/", record.ID+text, []byte(text)
		if err := f.Keys.Update(t.Context(), adding(record)); err != nil {
			require.Empty(t, keysFor(t, f, record.Purpose), "refused %q", text)
			continue
		}
		found := keysFor(t, f, record.Purpose)
		require.Len(t, found, 1, "%q", text)
		require.Equal(t, record, found[0])
	}
}
