package storagetest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func hostileWrites() []testCase {
	return []testCase{
		{"name accounts of their own or are refused", hostileAccounts},
		{"in an app are data or refused", hostileApps},
		{"in a client are data or refused", hostileClients},
		{"in a session are data or refused", hostileSessions},
		{"in an event are data or refused", hostileEvents},
		{"in a key's place are data or refused", hostileKeys},
	}
}

func hostileAccounts(t *testing.T, f fixture) {
	for name, place := range map[string]func(s *identity.Sighting) *string{
		"subject":  func(s *identity.Sighting) *string { return &s.Subject },
		"app":      func(s *identity.Sighting) *string { return &s.App },
		"platform": func(s *identity.Sighting) *string { return &s.Platform },
	} {
		innocent := in("op", newName(), sight(newName(), newName()))
		owner := f.requireNew(t, innocent)
		owners := map[string]string{owner.ID: "the innocent"}
		for _, text := range texts() {
			hostile := innocent
			hostile.UnionID = ""
			*place(&hostile) += text // what is cut off at the text's beginning is the innocent's
			user, created, err := f.Accounts.FindOrCreateUser(t.Context(), hostile)
			if err != nil {
				_, err = f.Accounts.Find(t.Context(), hostile.AccountKey)
				require.ErrorIs(t, err, identity.ErrNotFound, "refused %s %q", name, text)
				continue
			}
			require.True(t, created, "%s %q", name, text)
			require.NotContains(t, owners, user.ID, "%s %q", name, text)
			owners[user.ID] = text
			f.requireSeen(t, inUTC(user), hostile)
		}
		f.requireSeen(t, owner, innocent)
	}
	hostileUnions(t, f)
}

func hostileUnions(t *testing.T, f fixture) {
	for name, place := range map[string]func(s *identity.Sighting) *string{
		"union id":      func(s *identity.Sighting) *string { return &s.UnionID },
		"open platform": func(s *identity.Sighting) *string { return &s.OpenPlatform },
	} {
		innocent := in(newName(), newName(), sight("wx1", newName()))
		owner := f.requireNew(t, innocent)
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
			f.requireSeen(t, inUTC(user), hostile)
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
			Apps: list, Origins: list,
		}
		err := f.Clients.Create(t.Context(), client)
		found, missing := f.Clients.Find(t.Context(), client.ID)
		if err != nil {
			require.ErrorIs(t, missing, identity.ErrNotFound, "refused %q", text)
			client.ID = identity.NewClientID() // perhaps it was only the id
			if f.Clients.Create(t.Context(), client) != nil {
				continue
			}
			found, missing = f.Clients.Find(t.Context(), client.ID)
		}
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
		event.At = found[0].At
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
