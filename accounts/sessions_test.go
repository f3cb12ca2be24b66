package accounts_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

func TestListSessions(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	byWechat := w.signedIn(w.user(alice), wechatAccount(miniApp, "o-alice"))
	w.wechatUser("o-bob")
	list, err := w.accounts.ListSessions(context.Background(), alice)
	require.NoError(t, err)
	require.Empty(t, list.Browsers)
	require.ElementsMatch(t, []accounts.SessionInfo{
		{ID: byWechat.SessionID, ClientID: client, Device: "a phone", Method: identity.PlatformWechat,
			SignedIn: today(), LastSeen: today()},
		{ID: alice.SessionID, ClientID: client, Device: "a phone", Method: identity.MethodPassword,
			SignedIn: today(), LastSeen: today(), Current: true},
	}, list.Sessions)
}

func TestListSessionsInBrowsers(t *testing.T) {
	w := newEnv(t)
	alice := w.passwordUser("alice")
	own, other := w.visit(alice), w.visit(alice)
	w.visit(w.passwordUser("bob"))
	current := w.openFrom(alice, own)
	list, err := w.accounts.ListSessions(context.Background(), current)
	require.NoError(t, err)
	info := accounts.BrowserInfo{Device: "a browser", Method: identity.MethodPassword, SignedIn: today(),
		LastSeen: today()}
	here, elsewhere := info, info
	here.ID, here.Current, elsewhere.ID = own.ID, true, other.ID
	require.ElementsMatch(t, []accounts.BrowserInfo{here, elsewhere}, list.Browsers)
	require.Len(t, list.Sessions, 2)
	for _, session := range list.Sessions {
		require.Equal(t, session.ID == current.SessionID, session.Browser == own.ID)
	}
}

// TestEndSessionInABrowser: a user who has left a browser signed in somewhere ends all that came from it.
func TestEndSessionInABrowser(t *testing.T) {
	w := newEnv(t)
	ctx, alice, bob := context.Background(), w.passwordUser("alice"), w.passwordUser("bob")
	left, theirs := w.visit(alice), w.visit(bob)
	from := w.openFrom(alice, left)
	requireError(t, w.accounts.EndSession(ctx, alice, theirs.ID), oauth.UnknownSession)
	require.NoError(t, w.accounts.EndSession(ctx, alice, left.ID))
	require.False(t, w.active(from))
	require.True(t, w.active(alice))
	requireError(t, w.accounts.EndSession(ctx, alice, left.ID), oauth.UnknownSession)
	for user, browsers := range map[string]int{alice.UserID: 0, bob.UserID: 1} {
		found, err := w.database.BrowserSessions().List(ctx, user)
		require.NoError(t, err)
		require.Len(t, found, browsers)
	}
}

func TestEndSession(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	alice := w.passwordUser("alice")
	elsewhere := w.signInAgain(alice)
	require.NoError(t, w.accounts.EndSession(ctx, alice, elsewhere.SessionID))
	require.False(t, w.active(elsewhere))
	require.True(t, w.active(alice))
	events := w.events(identity.EventSessionEnded, alice.UserID)
	require.Len(t, events, 1)
	require.Equal(t, identity.EndedByUser, events[0].Detail)
	requireError(t, w.accounts.EndSession(ctx, alice, elsewhere.SessionID), oauth.UnknownSession)
	require.NoError(t, w.accounts.EndSession(ctx, alice, alice.SessionID))
	require.False(t, w.active(alice))
}

func TestSessionOfAnotherUserIsUnknown(t *testing.T) {
	w := newEnv(t)
	alice, bob := w.passwordUser("alice"), w.wechatUser("o-bob")
	theirs := w.accounts.EndSession(context.Background(), alice, bob.SessionID)
	for _, id := range []string{"", identity.NewSessionID(), "a\x00b", strings.Repeat("a", 1<<20),
		bob.SessionID + " ", strings.ToUpper(alice.SessionID)} {
		requireError(t, w.accounts.EndSession(context.Background(), alice, id), oauth.UnknownSession)
	}
	requireError(t, theirs, oauth.UnknownSession)
	require.True(t, w.active(bob))
	require.True(t, w.active(alice))
}

func TestEndOtherSessions(t *testing.T) {
	w := newEnv(t)
	alice, bob := w.passwordUser("alice"), w.wechatUser("o-bob")
	others := []accounts.Caller{w.signInAgain(alice), w.signInAgain(alice), w.signInAgain(alice)}
	ended, err := w.accounts.EndOtherSessions(context.Background(), alice)
	require.NoError(t, err)
	require.Equal(t, 3, ended)
	for _, other := range others {
		require.False(t, w.active(other))
	}
	require.True(t, w.active(alice))
	require.True(t, w.active(bob))
	ended, err = w.accounts.EndOtherSessions(context.Background(), alice)
	require.NoError(t, err)
	require.Zero(t, ended)
}

// TestEndOtherSessionsEndsThoseInBrowsers: a thief who has copied a browser's cookie is signed out, too.
func TestEndOtherSessionsEndsThoseInBrowsers(t *testing.T) {
	w := newEnv(t)
	ctx, alice := context.Background(), w.passwordUser("alice")
	stolen, own := w.visit(alice), w.visit(alice)
	fromStolen, current := w.openFrom(alice, stolen), w.openFrom(alice, own)
	ended, err := w.accounts.EndOtherSessions(ctx, current)
	require.NoError(t, err)
	require.Equal(t, 3, ended)
	require.False(t, w.active(alice))
	require.False(t, w.active(fromStolen))
	require.True(t, w.active(current))
	left, err := w.database.BrowserSessions().List(ctx, alice.UserID)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, own.ID, left[0].ID)
}
