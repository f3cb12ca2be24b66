package grants_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
)

// TestIntrospectionWithoutTheStore checks that a failing store makes a token neither active nor inactive.
func TestIntrospectionWithoutTheStore(t *testing.T) {
	w := newEnv(t)
	info, err := w.token(form{"grant_type": oauth.GrantPassword, "client_id": "backend", "client_secret": testSecret,
		"username": "alice", "password": testPassword})
	require.NoError(t, err)
	w.rewire(func(c *server.Config) { c.Stores.Sessions = brokenSessions{find: errDisk} })
	for _, token := range []string{info.GetRefresh(), info.GetAccess()} {
		_, err := w.access.Introspect(context.Background(), tokenRequest("backend", testSecret, token))
		require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
	}
}

// TestIntrospectionOfATokenAheadOfItsRow checks that introspection agrees with a refresh but records no event.
func TestIntrospectionOfATokenAheadOfItsRow(t *testing.T) {
	w := newEnv(t)
	f := form{"grant_type": oauth.GrantPassword, "client_id": "backend", "client_secret": testSecret,
		"username": "alice", "password": testPassword}
	info, err := w.token(f)
	require.NoError(t, err)
	w.backup()
	info, err = w.token(form{"grant_type": oauth.GrantRefreshToken, "client_id": "backend", "client_secret": testSecret,
		"refresh_token": info.GetRefresh()})
	require.NoError(t, err)
	w.restore()
	before := w.session(info.GetRefresh())
	answer, err := w.access.Introspect(context.Background(), tokenRequest("backend", testSecret, info.GetRefresh()))
	require.NoError(t, err)
	require.True(t, answer.Active)
	require.Equal(t, before, w.session(info.GetRefresh()))
	require.Empty(t, w.events(identity.EventRefreshAhead))
	w.rewire(func(c *server.Config) { c.Settings.RefuseAhead = true })
	answer, err = w.access.Introspect(context.Background(), tokenRequest("backend", testSecret, info.GetRefresh()))
	require.NoError(t, err)
	require.Equal(t, access.Introspection{}, answer)
}
