package grants_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
)

// noting is a volatile store that notes which keys were written.
type noting struct {
	identity.Volatile
	put *[]string
}

func (n noting) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	*n.put = append(*n.put, key)
	return n.Volatile.Put(ctx, key, value, ttl)
}

// TestSessionKeysThatNobodyNeedsAreNotKept: what is not there cannot be stolen.
func TestSessionKeysThatNobodyNeedsAreNotKept(t *testing.T) {
	var put []string
	w := newEnv(t)
	w.rewire(func(c *server.Config) { c.Volatile = noting{c.Volatile, &put} })
	kept := func() bool {
		put = nil
		w.signIn("alice")
		return len(put) > 0
	}
	require.False(t, kept(), "no client may ask for data")
	backend := confidentialClient("data-backend", oauth.GrantClientCredentials)
	backend.Apps, backend.Scopes = []string{otherApp}, []string{oauth.ScopeWechatData}
	require.NoError(t, w.database.Clients().Create(t.Context(), backend))
	require.False(t, kept(), "only one of another app")
	backend.ID, backend.Apps = "data-backend-2", []string{testApp}
	require.NoError(t, w.database.Clients().Create(t.Context(), backend))
	require.True(t, kept())
	require.NoError(t, w.database.Clients().Disable(t.Context(), backend.ID))
	require.False(t, kept())
}

// stale is a list of clients from before the newest were there.
type stale struct{ identity.Clients }

func (stale) List(context.Context) ([]identity.Client, error) { return nil, nil }

// TestAClientThatWasJustMadeHasItsSessionKeysKept: the list of all clients may be a second old.
func TestAClientThatWasJustMadeHasItsSessionKeysKept(t *testing.T) {
	var put []string
	w := newEnv(t)
	w.rewire(func(c *server.Config) { c.Volatile = noting{c.Volatile, &put} })
	w.rewire(func(c *server.Config) { c.Stores.Clients = stale{c.Stores.Clients} })
	client := publicClient("just-made", oauth.GrantWechatCode)
	client.Scopes = append(client.Scopes, oauth.ScopeWechatData)
	require.NoError(t, w.database.Clients().Create(t.Context(), client))
	_, err := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "just-made", "code": w.code("alice")})
	require.NoError(t, err)
	require.NotEmpty(t, put)
}
