package accounts_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

func TestConsentsAreListedAndWithdrawn(t *testing.T) {
	w := newEnv(t)
	ctx, alice, bob := context.Background(), w.passwordUser("alice"), w.passwordUser("bob")
	for _, user := range []accounts.Caller{alice, bob} {
		require.NoError(t, w.database.Consents().Grant(ctx, identity.Consent{UserID: user.UserID, ClientID: "partner",
			Resource: "https://api.example.com", Scopes: []string{"openid", "orders.read"}}))
	}
	partner := alice
	partner.ClientID = "partner"
	atPartner := w.openFrom(partner, w.visit(alice))
	consents, err := w.accounts.ListConsents(ctx, alice)
	require.NoError(t, err)
	require.Equal(t, []accounts.ConsentInfo{{ClientID: "partner", Resource: "https://api.example.com",
		Scopes: []string{"openid", "orders.read"}, Granted: today()}}, consents)

	require.NoError(t, w.accounts.WithdrawConsent(ctx, alice, "partner"))
	require.False(t, w.active(atPartner))
	require.True(t, w.active(alice))
	for _, id := range []string{"partner", client, "", "a\x00b"} {
		requireError(t, w.accounts.WithdrawConsent(ctx, alice, id), oauth.UnknownConsent)
	}
	for user, left := range map[accounts.Caller]int{alice: 0, bob: 1} {
		consents, err := w.accounts.ListConsents(ctx, user)
		require.NoError(t, err)
		require.Len(t, consents, left)
	}
}
