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

// TestNoLifeIsNegative, as it would be where our clock is ahead of the store's when a session ends: RFC 6749
// §A.14 has digits only.
func TestNoLifeIsNegative(t *testing.T) {
	w := newEnv(t, func(w *env) { w.idle, w.absolute = time.Hour, time.Hour })
	first := w.signIn("alice")
	w.clock.Move(time.Hour - 2*time.Second)
	w.rewire(func(c *server.Config) { c.Now = func() time.Time { return w.clock.Now().Add(5 * time.Second) } })
	info, err := w.refresh(first.GetRefresh(), "")
	require.NoError(t, err)
	require.Zero(t, info.GetAccessExpiresIn())
}

// endedTwin is a store where a twin has opened the session, which is gone when it is looked for.
type endedTwin struct{ identity.Sessions }

func (endedTwin) Open(context.Context, identity.Session, int64, identity.Lifetimes, int) (identity.Session, error) {
	return identity.Session{}, identity.ErrExists
}

// TestATwinWhoseSessionIsGoneHasNothingToRepeat, and an answer without tokens would look like a success.
func TestATwinWhoseSessionIsGoneHasNothingToRepeat(t *testing.T) {
	w := newEnv(t)
	w.rewire(func(c *server.Config) { c.Stores.Sessions = endedTwin{c.Stores.Sessions} })
	_, err := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "mini", "code": w.code("alice"),
		":Idempotency-Key": testKey})
	require.ErrorContains(t, err, "Get a fresh code")
}
