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
	w.seen("o-bob")
	sessions, err := w.accounts.ListSessions(context.Background(), alice)
	require.NoError(t, err)
	require.ElementsMatch(t, []accounts.SessionInfo{
		{ID: byWechat.SessionID, ClientID: client, Device: "a phone", Method: identity.PlatformWechat,
			SignedIn: today(), LastSeen: today()},
		{ID: alice.SessionID, ClientID: client, Device: "a phone", Method: identity.MethodPassword,
			SignedIn: today(), LastSeen: today(), Current: true},
	}, sessions)
}

func TestEndSession(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	alice := w.named("alice")
	elsewhere := w.again(alice)
	require.NoError(t, w.accounts.EndSession(ctx, alice, elsewhere.SessionID))
	require.False(t, w.alive(elsewhere))
	require.True(t, w.alive(alice))
	events := w.events(identity.EventSessionEnded, alice.UserID)
	require.Len(t, events, 1)
	require.Equal(t, identity.EndedByUser, events[0].Detail)
	requireRefused(t, w.accounts.EndSession(ctx, alice, elsewhere.SessionID), oauth.UnknownSession)
	require.NoError(t, w.accounts.EndSession(ctx, alice, alice.SessionID))
	require.False(t, w.alive(alice))
}

func TestAnothersSessionIsUnknown(t *testing.T) {
	w := newEnv(t)
	alice, bob := w.named("alice"), w.seen("o-bob")
	theirs := w.accounts.EndSession(context.Background(), alice, bob.SessionID)
	for _, id := range []string{"", identity.NewSessionID(), "a\x00b", strings.Repeat("a", 1<<20),
		bob.SessionID + " ", strings.ToUpper(alice.SessionID)} {
		requireRefused(t, w.accounts.EndSession(context.Background(), alice, id), oauth.UnknownSession)
	}
	requireRefused(t, theirs, oauth.UnknownSession)
	require.True(t, w.alive(bob))
	require.True(t, w.alive(alice))
}

func TestEndOtherSessions(t *testing.T) {
	w := newEnv(t)
	alice, bob := w.named("alice"), w.seen("o-bob")
	others := []accounts.Caller{w.again(alice), w.again(alice), w.again(alice)}
	ended, err := w.accounts.EndOtherSessions(context.Background(), alice)
	require.NoError(t, err)
	require.Equal(t, 3, ended)
	for _, other := range others {
		require.False(t, w.alive(other))
	}
	require.True(t, w.alive(alice))
	require.True(t, w.alive(bob))
	ended, err = w.accounts.EndOtherSessions(context.Background(), alice)
	require.NoError(t, err)
	require.Zero(t, ended)
}
