package provider_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// TestOrdinaryLibrariesWork: golang.org/x/oauth2 gets tokens by every grant, and go-oidc discovers the provider and
// verifies them.
func TestOrdinaryLibrariesWork(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/login"} {
		t.Run("issuer with path "+path, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, func(s *settings) { s.path = path })
			ctx := oidc.ClientContext(context.Background(), quiet)
			found, err := oidc.NewProvider(ctx, w.issuer)
			require.NoError(t, err)
			endpoint := found.Endpoint()
			mini := &oauth2.Config{ClientID: "mini", Endpoint: endpoint, Scopes: []string{"openid"}}
			scope := oauth2.SetAuthURLParam("scope", "openid profile")
			token, err := mini.Exchange(ctx, w.code("alice"), oauth2.SetAuthURLParam("grant_type", "wechat_code"),
				scope)
			require.NoError(t, err)
			require.Equal(t, "Bearer", token.Type())
			require.InDelta(t, 3600, time.Until(token.Expiry).Seconds(), 5)
			verifyByOIDC(t, ctx, found, "mini", token)

			refreshed, err := mini.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
			require.NoError(t, err)
			require.NotEqual(t, token.RefreshToken, refreshed.RefreshToken)

			for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInHeader,
				oauth2.AuthStyleInParams} {
				endpoint.AuthStyle = style
				odd := &oauth2.Config{ClientID: "odd", ClientSecret: oddSecret, Endpoint: endpoint}
				_, err := odd.Exchange(ctx, w.code("alice"), oauth2.SetAuthURLParam("grant_type", "wechat_code"))
				require.NoError(t, err, "a secret with all kinds of characters")
			}
			endpoint.AuthStyle = oauth2.AuthStyleInHeader
			backend := &oauth2.Config{ClientID: "backend", ClientSecret: testSecret, Endpoint: endpoint,
				Scopes: []string{"openid", "profile"}}
			token, err = backend.PasswordCredentialsToken(ctx, "alice", testPassword)
			require.NoError(t, err)
			verifyByOIDC(t, ctx, found, "backend", token)
			info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
			require.NoError(t, err)
			var profile struct {
				Name string `json:"preferred_username"`
			}
			require.NoError(t, info.Claims(&profile))
			require.Equal(t, "alice", profile.Name)

			for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInHeader,
				oauth2.AuthStyleInParams} {
				service := &clientcredentials.Config{ClientID: "service", ClientSecret: testSecret,
					TokenURL: endpoint.TokenURL, Scopes: []string{"api"}, AuthStyle: style}
				token, err := service.Token(ctx)
				require.NoError(t, err)
				require.Empty(t, token.RefreshToken)
				access, err := found.Verifier(&oidc.Config{ClientID: testAudience}).Verify(ctx, token.AccessToken)
				require.NoError(t, err)
				require.Equal(t, "service", access.Subject)
				require.Equal(t, http.StatusNoContent, w.verify(token.AccessToken, "&scope=api").status)
			}

			_, err = mini.Exchange(ctx, "no-code-of-wechat", oauth2.SetAuthURLParam("grant_type", "wechat_code"))
			var refusal *oauth2.RetrieveError
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, "invalid_grant", refusal.ErrorCode)
			require.Equal(t, http.StatusBadRequest, refusal.Response.StatusCode)
			require.NotEmpty(t, refusal.ErrorDescription)
			require.NotEmpty(t, refusal.ErrorURI)
		})
	}
}

// verifyByOIDC verifies the ID token with the published keys, and by at_hash that it belongs to the access token. It
// verifies the access token as an API would.
func verifyByOIDC(t *testing.T, ctx context.Context, found *oidc.Provider, client string, token *oauth2.Token) {
	t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := found.Verifier(&oidc.Config{ClientID: client}).Verify(ctx, raw)
	require.NoError(t, err)
	require.NoError(t, id.VerifyAccessToken(token.AccessToken))
	access, err := found.Verifier(&oidc.Config{ClientID: testAudience}).Verify(ctx, token.AccessToken)
	require.NoError(t, err)
	require.Equal(t, id.Subject, access.Subject)
	_, err = found.Verifier(&oidc.Config{ClientID: testAudience}).Verify(ctx, raw)
	require.Error(t, err, "an ID token is not for the API")
	_, err = found.Verifier(&oidc.Config{ClientID: client}).Verify(ctx, token.AccessToken)
	require.Error(t, err, "nor an access token for the client")
}
