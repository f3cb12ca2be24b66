package grants_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
)

// recordingVolatile is a volatile store that records which keys were written, except those of known devices.
type recordingVolatile struct {
	identity.Volatile
	put *[]string
}

func (n recordingVolatile) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if !strings.HasPrefix(key, "device/") {
		*n.put = append(*n.put, key)
	}
	return n.Volatile.Put(ctx, key, value, ttl)
}

// TestSessionKeysThatNobodyNeedsAreNotKept: what is not stored cannot be stolen.
func TestSessionKeysThatNobodyNeedsAreNotKept(t *testing.T) {
	var put []string
	w := newEnv(t)
	w.rewire(func(c *server.Config) { c.Volatile = recordingVolatile{c.Volatile, &put} })
	kept := func() bool {
		put = nil
		w.signIn("alice")
		return len(put) > 0
	}
	require.False(t, kept(), "no client may have wechat.data")
	backend := confidentialClient("data-backend", oauth.GrantClientCredentials)
	backend.Apps, backend.Scopes = []string{otherApp}, []string{oauth.ScopeWechatData}
	require.NoError(t, w.database.Clients().Create(t.Context(), backend))
	require.False(t, kept(), "only a client of another app may")
	backend.ID, backend.Apps = "data-backend-2", []string{testApp}
	require.NoError(t, w.database.Clients().Create(t.Context(), backend))
	require.True(t, kept())
	require.NoError(t, w.database.Clients().Disable(t.Context(), backend.ID))
	require.False(t, kept())
}

// staleClients is a store whose list of clients does not have the newest ones yet.
type staleClients struct{ identity.Clients }

func (staleClients) List(context.Context) ([]identity.Client, error) { return nil, nil }

// TestSessionKeysOfANewClientAreStored: the cached list of clients may be a second old.
func TestSessionKeysOfANewClientAreStored(t *testing.T) {
	var put []string
	w := newEnv(t)
	w.rewire(func(c *server.Config) { c.Volatile = recordingVolatile{c.Volatile, &put} })
	w.rewire(func(c *server.Config) { c.Stores.Clients = staleClients{c.Stores.Clients} })
	client := publicClient("new-client", oauth.GrantWechatCode)
	client.Scopes = append(client.Scopes, oauth.ScopeWechatData)
	require.NoError(t, w.database.Clients().Create(t.Context(), client))
	_, err := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "new-client", "code": w.code("alice")})
	require.NoError(t, err)
	require.NotEmpty(t, put)
}
