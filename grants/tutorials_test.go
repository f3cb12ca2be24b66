package grants_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// unwritable has sessions that can be read and not written.
type unwritable struct{ identity.Sessions }

func (unwritable) Open(context.Context, identity.Session, int64, identity.Lifetimes, int) (identity.Session, error) {
	return identity.Session{}, errDisk
}

func (unwritable) Rotate(context.Context, identity.Session, uint32) (bool, error) {
	return false, errDisk
}

// TestNoTokenIsHandedOutThatIsNotWritten: the answer waits for the store, and what is not kept is not given to anybody.
func TestNoTokenIsHandedOutThatIsNotWritten(t *testing.T) {
	w := newWorld(t)
	first := w.signIn("alice")
	w.manager.Sessions = unwritable{w.database.Sessions()}
	w.manager.Issuer = tokens.New(tokens.Config{
		Issuer: testIssuer, Keys: w.keys, Sessions: w.manager.Sessions, Users: w.database.Users(),
		Accounts:  w.database.Accounts(),
		AccessTTL: time.Hour, IdleTTL: w.idle, AbsoluteTTL: w.absolute,
		SessionLimit: 20, Now: w.clock.Now,
	})
	info, err := w.refresh(first.GetRefresh(), "")
	require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
	require.Nil(t, info)
	info, err = w.token(wechatCode(w.code("alice"), ""))
	require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
	require.Nil(t, info)

	w.manager.Sessions, w.manager.Issuer = w.database.Sessions(), w.issuer
	require.Zero(t, w.session(first.GetRefresh()).Generation)
	sessions, err := w.database.Sessions().List(context.Background(), first.GetUserID())
	require.NoError(t, err)
	require.Len(t, sessions, 1)
	_, err = w.refresh(first.GetRefresh(), "")
	require.NoError(t, err)
}
