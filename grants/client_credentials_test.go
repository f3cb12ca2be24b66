package grants_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
)

// TestClientCredentialsNeedNoStore checks that the grant reads nothing but the client's record, which is cached.
func TestClientCredentialsNeedNoStore(t *testing.T) {
	w := newEnv(t)
	w.rewire(func(c *server.Config) { c.Stores = server.Stores{Clients: c.Stores.Clients} })
	info, err := w.token(form{"grant_type": oauth.GrantClientCredentials, "client_id": "service",
		"client_secret": testSecret})
	require.NoError(t, err)
	require.Empty(t, info.GetUserID())
	need, err := access.NewRequirement(testAudience, "api")
	require.NoError(t, err)
	caller, err := w.access.Verify(context.Background(), info.GetAccess(), need)
	require.NoError(t, err)
	require.Equal(t, access.Verified{Subject: "service", ClientID: "service", Scope: "api"}, caller)
}

// TestNoThirdPartyGetsTheAccountScopeByDefault uses a record that today's rules reject: an old or hand-written one.
func TestNoThirdPartyGetsTheAccountScopeByDefault(t *testing.T) {
	w := newEnv(t)
	client := publicClient("third-party", oauth.GrantWechatCode)
	client.Scopes, client.DefaultScopes = []string{"api", "account"}, []string{"api", "account"}
	require.NoError(t, w.database.Clients().Create(t.Context(), client))
	info, err := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "third-party", "code": w.code("alice")})
	require.NoError(t, err)
	require.Equal(t, "api", info.GetScope())
}
