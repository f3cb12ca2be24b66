package grants

import (
	"context"
	"net/url"
	"time"

	"github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/models"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// tokenInfo converts a token set to go-oauth2's form. The ID token and the notices are in the extension.
func tokenInfo(client clients.Client, set tokens.Set) oauth2.TokenInfo {
	extension := url.Values{}
	if set.IDToken != "" {
		extension.Set("id_token", set.IDToken)
	}
	if set.Scope == "" && set.Session.Scope != "" { // otherwise it would seem to be what was requested (RFC 6749 §5.1)
		extension.Set("scope", "")
	}
	if set.IssuedTokenType != "" {
		extension.Set("issued_token_type", set.IssuedTokenType)
	}
	for name, notice := range set.Notices {
		extension.Set(name, notice)
	}
	return &models.Token{
		ClientID:        client.ID,
		UserID:          set.Session.UserID,
		Scope:           set.Scope,
		Access:          set.AccessToken,
		AccessExpiresIn: set.ExpiresIn,
		Refresh:         set.RefreshToken,
		Extension:       extension,
	}
}

// clientInfo implements oauth2.ClientInfo. Only a hash of the secret is stored, so GetSecret returns "".
type clientInfo struct{ client clients.Client }

func (c clientInfo) GetID() string     { return c.client.ID }
func (c clientInfo) GetSecret() string { return "" }
func (c clientInfo) GetDomain() string { return "" }
func (c clientInfo) GetUserID() string { return "" }
func (c clientInfo) IsPublic() bool    { return !c.client.Confidential }

// GetClient implements oauth2.Manager. It returns identity.ErrNotFound if there is no such client.
func (m *Manager) GetClient(ctx context.Context, id string) (oauth2.ClientInfo, error) {
	client, err := m.clients.Find(ctx, id)
	return clientInfo{client}, err
}

// RefreshAccessToken implements oauth2.Manager. Its errors are those of [Manager.GenerateAccessToken].
func (m *Manager) RefreshAccessToken(ctx context.Context, tgr *oauth2.TokenGenerateRequest) (oauth2.TokenInfo, error) {
	return m.GenerateAccessToken(ctx, oauth.GrantRefreshToken, tgr)
}

// GenerateAuthToken implements oauth2.Manager. It always returns oauth.InvalidRequest, because there is no
// authorization endpoint.
func (m *Manager) GenerateAuthToken(context.Context, oauth2.ResponseType, *oauth2.TokenGenerateRequest,
) (oauth2.TokenInfo, error) {
	return nil, oauth.NewError(oauth.InvalidRequest, "There is no authorization endpoint.")
}

// LoadAccessToken implements oauth2.Manager: it returns a user's access token whose session is active. It returns
// oauth.InvalidToken if the token is not valid, and oauth.TemporarilyUnavailable if the store fails.
func (m *Manager) LoadAccessToken(ctx context.Context, token string) (oauth2.TokenInfo, error) {
	caller, err := m.access.Check(ctx, token)
	if err != nil {
		return nil, err
	}
	return &models.Token{
		ClientID: caller.ClientID, UserID: caller.UserID, Scope: caller.Scope,
		Access: token, AccessExpiresIn: caller.ExpiresAt.Sub(m.now()).Truncate(time.Second),
	}, nil
}

// LoadRefreshToken implements oauth2.Manager: it returns the active session of a refresh token of any generation. It
// returns [access.ErrBadRefreshToken] if there is no such session, [access.ErrSessionEnded] if it has ended, and
// oauth.TemporarilyUnavailable if the store fails.
func (m *Manager) LoadRefreshToken(ctx context.Context, refresh string) (oauth2.TokenInfo, error) {
	presented, err := m.access.OpenRefreshToken(ctx, refresh)
	if err != nil {
		return nil, err
	}
	session := presented.Session
	if !session.Active(presented.Now) {
		return nil, access.ErrSessionEnded
	}
	return &models.Token{
		ClientID: session.ClientID, UserID: session.UserID, Scope: session.Scope,
		Refresh: refresh, RefreshExpiresIn: session.IdleExpiresAt.Sub(presented.Now),
	}, nil
}

// errUnknownCaller rejects a revocation that does not name the calling client: only a token's own client may revoke
// it, with [access.Service.Revoke].
var errUnknownCaller = &oauth.Error{Code: oauth.UnauthorizedClient,
	Description: "Only the client that a token was issued to can revoke it."}

// RemoveAccessToken implements oauth2.Manager. It always returns oauth.UnauthorizedClient.
func (m *Manager) RemoveAccessToken(context.Context, string) error { return errUnknownCaller }

// RemoveRefreshToken implements oauth2.Manager. It always returns oauth.UnauthorizedClient.
func (m *Manager) RemoveRefreshToken(context.Context, string) error { return errUnknownCaller }
