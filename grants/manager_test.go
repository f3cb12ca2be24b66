package grants_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-oauth2/oauth2/v4"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

// TestManagerInterface calls the manager through go-oauth2's interface only.
func TestManagerInterface(t *testing.T) {
	ctx := context.Background()
	w := newEnv(t)
	var manager oauth2.Manager = w.manager
	info := w.signIn("alice")

	client, err := manager.GetClient(ctx, "backend")
	require.NoError(t, err)
	require.False(t, client.IsPublic())
	require.Empty(t, client.GetSecret(), "there is only a hash")
	public, err := manager.GetClient(ctx, "mini")
	require.NoError(t, err)
	require.True(t, public.IsPublic())

	access, err := manager.LoadAccessToken(ctx, info.GetAccess())
	require.NoError(t, err)
	require.Equal(t, info.GetUserID(), access.GetUserID())
	require.Equal(t, "mini", access.GetClientID())
	require.InDelta(t, time.Hour, access.GetAccessExpiresIn(), float64(2*time.Second))
	refresh, err := manager.LoadRefreshToken(ctx, info.GetRefresh())
	require.NoError(t, err)
	require.Equal(t, info.GetUserID(), refresh.GetUserID())

	_, err = manager.GenerateAuthToken(ctx, oauth2.Code, nil)
	require.ErrorIs(t, err, oauth.InvalidRequest)
}

// TestManagerRemovesNoTokens checks that holding a token is not enough to revoke it: go-oauth2's interface does not
// name the calling client.
func TestManagerRemovesNoTokens(t *testing.T) {
	ctx := context.Background()
	w := newEnv(t)
	info := w.signIn("alice")
	require.ErrorIs(t, w.manager.RemoveAccessToken(ctx, info.GetAccess()), oauth.UnauthorizedClient)
	require.ErrorIs(t, w.manager.RemoveRefreshToken(ctx, info.GetRefresh()), oauth.UnauthorizedClient)
	_, err := w.manager.LoadAccessToken(ctx, info.GetAccess())
	require.NoError(t, err)
}

// TestCheckRejectsOtherTokens checks that Check accepts only access tokens, even if others have the same signing key.
func TestCheckRejectsOtherTokens(t *testing.T) {
	w := newEnv(t)
	f := wechatCode(w.code("alice"), "")
	f["scope"] = "openid api"
	info, err := w.token(f)
	require.NoError(t, err)
	idToken := info.(oauth2.ExtendableTokenInfo).GetExtension().Get("id_token")
	require.NotEmpty(t, idToken)
	own, err := w.token(form{"grant_type": oauth.GrantClientCredentials, "client_id": "service",
		"client_secret": testSecret})
	require.NoError(t, err)
	for name, token := range map[string]string{"an ID token": idToken, "a refresh token": info.GetRefresh(),
		"empty": "", "a client's own": own.GetAccess()} {
		_, err := w.access.Check(context.Background(), token)
		require.ErrorIs(t, err, oauth.InvalidToken, name)
	}
	w.clock.Move(time.Hour + time.Second)
	_, err = w.access.Check(context.Background(), info.GetAccess())
	require.ErrorIs(t, err, oauth.InvalidToken, "expired")
}

// TestCheckRejectsADisabledClientsTokens checks that Check rejects them at once. Offline verifiers accept them until
// they expire.
func TestCheckRejectsADisabledClientsTokens(t *testing.T) {
	w := newEnv(t)
	info := w.signIn("alice")
	require.NoError(t, w.database.Clients().Disable(context.Background(), "mini"))
	_, err := w.access.Check(context.Background(), info.GetAccess())
	require.ErrorIs(t, err, oauth.InvalidToken)
}
