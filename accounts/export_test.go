package accounts_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

func TestExport(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	alice := withBoth(w)
	union := identity.ExternalIdentity{AccountKey: wechatAccount(otherApp, "o-alice-2"), UnionID: "union-alice",
		OpenPlatform: openPlatform}
	require.NoError(t, w.database.Accounts().Link(ctx, alice.UserID, union))
	require.NoError(t, w.database.Entitlements().GrantRole(ctx, alice.UserID, "editor"))
	require.NoError(t, w.database.Entitlements().SetClaims(ctx, alice.UserID, `{"team":7}`))
	require.NoError(t, w.database.Profiles().Choose(ctx, alice.UserID, identity.Profile{Name: "Alice",
		Email: "alice@example.com", Address: "1 Long Street"}))
	require.NoError(t, w.database.Profiles().SetPhone(ctx, alice.UserID, identity.Phone{Number: "+8613800000000",
		SeenAt: time.Now()}))
	w.wechatUser("o-bob")
	browser := w.visit(alice)
	require.NoError(t, w.database.Consents().Grant(ctx, identity.Consent{UserID: alice.UserID, ClientID: "a shop",
		Resource: "urn:example:stock", Scopes: []string{"stock.read"}, Terms: "2026-11"}))

	export, err := w.accounts.Export(ctx, alice, byPassword())
	require.NoError(t, err)
	text, err := json.Marshal(export)
	require.NoError(t, err)
	for _, held := range []string{
		alice.UserID, `"alice"`, `"editor"`, `{"team":7}`, "alice@example.com", "1 Long Street", "+8613800000000",
		`"o-alice"`,
		`"o-alice-2"`, "union-alice", alice.SessionID, "a phone",
		browser.ID, `"a browser"`, `"a shop"`, `"urn:example:stock"`, `["stock.read"]`, `"2026-11"`,
	} {
		require.Contains(t, string(text), held)
	}
	for _, secret := range []string{"$2a$", "hash", "secret", "o-bob"} {
		require.NotContains(t, strings.ToLower(string(text)), secret)
	}
	events := w.events(identity.EventExported, alice.UserID)
	require.Len(t, events, 1)
	require.Equal(t, alice.SessionID, events[0].SessionID)
	require.Equal(t, client, events[0].ClientID)
	require.True(t, w.active(alice))
}

func TestEmptyExportHasListsInsteadOfNull(t *testing.T) {
	w := newEnv(t)
	export, err := w.accounts.Export(context.Background(), w.passwordUser("alice"), byPassword())
	require.NoError(t, err)
	text, err := json.Marshal(export)
	require.NoError(t, err)
	require.NotContains(t, string(text), "null")
}

func TestNoExportWithoutAuditEvent(t *testing.T) {
	w := newEnv(t, func(c *accounts.Config) { c.Events = brokenEvents{c.Events} })
	export, err := w.accounts.Export(context.Background(), w.passwordUser("alice"), byPassword())
	requireError(t, err, oauth.TemporarilyUnavailable)
	require.Empty(t, export)
}

func TestRequestDeletion(t *testing.T) {
	w := newEnv(t)
	ctx := context.Background()
	alice := withBoth(w)
	elsewhere := w.signInAgain(alice)
	at, err := w.accounts.RequestDeletion(ctx, alice, byPassword())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(14*24*time.Hour), at, time.Minute)
	require.Equal(t, at.UnixMilli(), w.user(alice).DeletesAt.UnixMilli())
	require.False(t, w.active(alice))
	require.False(t, w.active(elsewhere))
	require.Len(t, w.events(identity.EventDeletionRequested, alice.UserID), 1)
	_, err = w.accounts.RequestDeletion(ctx, alice, byPassword())
	requireError(t, err, oauth.InvalidToken)
}

func TestDeletedUserIsGone(t *testing.T) {
	w := newEnv(t, func(c *accounts.Config) { c.Grace = time.Millisecond })
	ctx := context.Background()
	alice := withBoth(w)
	_, err := w.accounts.RequestDeletion(ctx, alice, byCode(w.code(miniApp, "o-alice")))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		deleted, err := w.database.Deletions().PurgeDeleted(ctx, 10)
		require.NoError(t, err)
		return deleted == 1
	}, 20*time.Second, time.Millisecond)
	_, err = w.accounts.Profile(ctx, alice)
	requireError(t, err, oauth.InvalidToken)
	_, err = w.accounts.Register(ctx, client, address, "alice", newPassword)
	require.NoError(t, err, "the name is free, and registering it creates another user")
}
