package grants_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
)

// TestExpiresInIsByTheStoresClock sets the server's clock ahead of the store's at the end of a session. RFC 6749 §A.14
// allows only digits in expires_in.
func TestExpiresInIsByTheStoresClock(t *testing.T) {
	w := newEnv(t, func(w *env) { w.idle, w.absolute = time.Hour, time.Hour })
	first := w.signIn("alice")
	w.clock.Move(time.Hour - 2*time.Second)
	w.rewire(func(c *server.Config) { c.Now = func() time.Time { return w.clock.Now().Add(5 * time.Second) } })
	info, err := w.refresh(first.GetRefresh(), "")
	require.NoError(t, err)
	require.Greater(t, info.GetAccessExpiresIn(), time.Duration(0))
	require.LessOrEqual(t, info.GetAccessExpiresIn(), 2*time.Second)
}

// endedDuplicate is a store in which a duplicate request opened the session, which has been removed since.
type endedDuplicate struct{ identity.Sessions }

func (endedDuplicate) Open(context.Context, identity.Session, int64, identity.Lifetimes, int,
) (identity.Session, error) {
	return identity.Session{}, identity.ErrExists
}

// TestDuplicateWhoseSessionIsGone checks that it gets an error: a response without tokens would look like a success. It
// does not count as a sign-in.
func TestDuplicateWhoseSessionIsGone(t *testing.T) {
	w := newEnv(t)
	w.rewire(func(c *server.Config) {
		c.Stores.Sessions = endedDuplicate{c.Stores.Sessions}
		c.Settings.LimitOverrides = map[limits.Name]limits.Rate{limits.SignIns: {Uses: 1, Period: time.Hour}}
	})
	for range 2 {
		_, err := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "mini", "code": w.code("alice"),
			":Idempotency-Key": testKey})
		require.ErrorContains(t, err, "Get a new code")
	}
}
