package storagetest

import (
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

func hostileLookups(t *testing.T, f fixture) {
	ctx := t.Context()
	user := f.newUser(t)
	f.signIn(t, user, f.newClient(t))
	require.NoError(t, f.Apps.Add(ctx, newApp()))
	f.requireNew(t, sight("wx1", newName()))
	for _, text := range texts() {
		_, err := f.Users.Find(ctx, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "user %q", text)
		_, err = f.Users.FindByUsername(ctx, text)
		require.ErrorIs(t, err, identity.ErrNotFound, "user name %q", text)
		for _, key := range []identity.AccountKey{
			{Platform: text, App: "wx1", Subject: "a"}, {Platform: identity.PlatformWechat, App: text,
				Subject: "a"}, sight("wx1", text).AccountKey,
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
			"set client secret": f.Clients.SetSecret(ctx, text, identity.HashSecret("new")),
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
