package grants_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
)

// readOnlySessions is a store whose sessions can be read but not written.
type readOnlySessions struct{ identity.Sessions }

func (readOnlySessions) Open(context.Context, identity.Session, int64, identity.Lifetimes, int,
) (identity.Session, error) {
	return identity.Session{}, errDisk
}

func (readOnlySessions) Rotate(context.Context, identity.Session, uint32) (bool, error) {
	return false, errDisk
}

// TestNoTokenIsHandedOutThatIsNotWritten checks that the response waits for the store.
func TestNoTokenIsHandedOutThatIsNotWritten(t *testing.T) {
	w := newEnv(t)
	first := w.signIn("alice")
	sessions := w.config.Stores.Sessions
	w.rewire(func(c *server.Config) { c.Stores.Sessions = readOnlySessions{sessions} })
	info, err := w.refresh(first.GetRefresh(), "")
	require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
	require.Nil(t, info)
	info, err = w.token(wechatCode(w.code("alice"), ""))
	require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
	require.Nil(t, info)

	w.rewire(func(c *server.Config) { c.Stores.Sessions = sessions })
	require.Zero(t, w.session(first.GetRefresh()).Generation)
	kept, err := w.database.Sessions().List(context.Background(), first.GetUserID())
	require.NoError(t, err)
	require.Len(t, kept, 1)
	_, err = w.refresh(first.GetRefresh(), "")
	require.NoError(t, err)
}
