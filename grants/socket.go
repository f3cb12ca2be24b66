package grants

import (
	"context"
	"net/url"
	"time"

	"github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/models"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// tokenInfo is a token set as go-oauth2 renders it. The ID token and notices travel in the extension.
func tokenInfo(client clients.Client, set tokens.Set) oauth2.TokenInfo {
	extension := url.Values{}
	if set.IDToken != "" {
		extension.Set("id_token", set.IDToken)
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

// clientInfo is a client as go-oauth2 knows it. Its secret is a hash, so there is none to return.
type clientInfo struct{ client clients.Client }

func (c clientInfo) GetID() string     { return c.client.ID }
func (c clientInfo) GetSecret() string { return "" }
func (c clientInfo) GetDomain() string { return "" }
func (c clientInfo) GetUserID() string { return "" }
func (c clientInfo) IsPublic() bool    { return !c.client.Confidential }

// GetClient implements oauth2.Manager.
func (m *Manager) GetClient(ctx context.Context, id string) (oauth2.ClientInfo, error) {
	client, err := m.clients.Find(ctx, id)
	return clientInfo{client}, err
}

// RefreshAccessToken implements oauth2.Manager; a refresh is a grant like the others.
func (m *Manager) RefreshAccessToken(ctx context.Context, tgr *oauth2.TokenGenerateRequest) (oauth2.TokenInfo, error) {
	return m.GenerateAccessToken(ctx, oauth.GrantRefreshToken, tgr)
}

// GenerateAuthToken implements oauth2.Manager: there is no authorization endpoint.
func (m *Manager) GenerateAuthToken(context.Context, oauth2.ResponseType, *oauth2.TokenGenerateRequest,
) (oauth2.TokenInfo, error) {
	return nil, oauth.NewError(oauth.InvalidRequest, "There is no authorization endpoint.")
}

// LoadAccessToken implements oauth2.Manager: the token behind a bearer whose session is alive.
func (m *Manager) LoadAccessToken(ctx context.Context, access string) (oauth2.TokenInfo, error) {
	caller, err := m.access.Check(ctx, access)
	if err != nil {
		return nil, err
	}
	return &models.Token{
		ClientID: caller.ClientID, UserID: caller.UserID, Scope: caller.Scope,
		Access: access, AccessExpiresIn: caller.ExpiresAt.Sub(m.now()).Truncate(time.Second),
	}, nil
}

// LoadRefreshToken implements oauth2.Manager: the session behind a refresh token of any generation, if it is alive.
func (m *Manager) LoadRefreshToken(ctx context.Context, refresh string) (oauth2.TokenInfo, error) {
	presented, err := m.access.RefreshToken(ctx, refresh)
	if err != nil {
		return nil, err
	}
	session := presented.Session
	return &models.Token{
		ClientID: session.ClientID, UserID: session.UserID, Scope: session.Scope,
		Refresh: refresh, RefreshExpiresIn: session.IdleExpiresAt.Sub(presented.Now),
	}, nil
}

// errNobodyAsks refuses what does not say which client is asking: only a token's own client may revoke it, by
// [access.Service.Revoke].
var errNobodyAsks = &oauth.Error{Code: oauth.UnauthorizedClient,
	Description: "A token can be revoked by its client only."}

// RemoveAccessToken implements oauth2.Manager.
func (m *Manager) RemoveAccessToken(context.Context, string) error { return errNobodyAsks }

// RemoveRefreshToken implements oauth2.Manager.
func (m *Manager) RemoveRefreshToken(context.Context, string) error { return errNobodyAsks }
