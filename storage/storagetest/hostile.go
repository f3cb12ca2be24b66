package storagetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func hostileTexts() []trial {
	return []trial{
		{"find nothing", hostileLookups},
		{"change nothing", hostileChanges},
	}
}

// texts are what a store might cut, fold, split, decode or run. No two of them are equal.
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

func hostileLookups(t *testing.T, h house) {
	ctx := t.Context()
	user := h.newUser(t)
	h.signIn(t, user, h.newClient(t))
	require.NoError(t, h.Apps.Add(ctx, newApp()))
	h.requireNew(t, sight("wx1", newName()))
	for _, text := range texts() {
		_, err := h.Users.Find(ctx, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "user %q", text)
		_, err = h.Users.FindByUsername(ctx, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "user name %q", text)
		for _, key := range []identity.AccountKey{
			{Platform: text, App: "wx1", Subject: "a"}, {Platform: identity.PlatformWechat, App: text,
				Subject: "a"}, sight("wx1", text).AccountKey,
		} {
			_, err = h.Accounts.Find(ctx, key)
			require.ErrorIs(t, err, identity.ErrNotFound, "account %q", text)
		}
		for _, of := range [][3]string{{text, identity.PlatformWechat, "wx1"}, {user.ID, text, "wx1"},
			{user.ID, identity.PlatformWechat, text}} {
			_, err = h.Accounts.FindByUser(ctx, of[0], of[1], of[2])
			require.ErrorIs(t, err, identity.ErrNotFound, "account of %q", text)
		}
		_, err = h.Apps.Find(ctx, identity.PlatformWechat, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "app %q", text)
		_, err = h.Apps.Find(ctx, text, "wx1")
		require.ErrorIs(t, err, identity.ErrNotFound, "platform %q", text)
		_, err = h.Clients.Find(ctx, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "client %q", text)
		_, _, err = h.Sessions.Find(ctx, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "session %q", text)
		_, _, err = h.Sessions.FindByOpening(ctx, []byte(text))
		require.ErrorIs(t, err, identity.ErrNotFound, "opening %q", text)
		for _, of := range []identity.EventsOf{{Kind: text}, {UserID: text}, {ClientID: text}, {SessionID: text}} {
			listed, err := h.Events.List(ctx, of, 10)
			require.NoError(t, err, "events of %q", text)
			require.Empty(t, listed, "events of %q", text)
		}
		found, err := h.Sessions.List(ctx, text)
		require.True(t, err != nil || len(found) == 0, "sessions of %q", text)
	}
}

func hostileChanges(t *testing.T, h house) {
	ctx := t.Context()
	user, client, app := h.newUser(t), h.newClient(t), newApp()
	require.NoError(t, h.Apps.Add(ctx, app))
	session := h.signIn(t, user, client)
	for _, text := range texts() {
		for name, err := range map[string]error{
			"disable user":      h.Users.Disable(ctx, text),
			"enable user":       h.Users.Enable(ctx, text),
			"set password":      h.Users.SetPassword(ctx, text, "hash"),
			"set client secret": h.Clients.SetSecret(ctx, text, identity.HashSecret("new")),
			"disable client":    h.Clients.Disable(ctx, text),
			"set app secret":    h.Apps.SetSecret(ctx, app.Platform, text, "simulator-new"),
		} {
			require.ErrorIs(t, err, identity.ErrNotFound, "%s %q", name, text)
		}
		ended, err := h.Sessions.End(ctx, text, text)
		require.True(t, err != nil || !ended, "end %q", text)
		count, err := h.Sessions.EndAll(ctx, text, identity.EndedByOperator)
		require.True(t, err != nil || count == 0, "end all of %q", text)
		next := rotated(session, time.Now(), nil)
		next.ID = text
		moved, err := h.Sessions.Rotate(ctx, next, 0)
		require.True(t, err != nil || !moved, "rotate %q", text)
	}
	require.Equal(t, inUTC(user), h.user(t, user.ID))
	require.Equal(t, client.Grants, h.client(t, client.ID).Grants)
	require.Equal(t, app.Secret, h.app(t, app.Platform, app.ID).Secret)
	require.Equal(t, session, h.session(t, session.ID))
	h.requireLive(t, user, session.ID)
}
