package grants

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// Caller is the user who presented an access token, and by which client and session.
type Caller struct {
	UserID    string
	ClientID  string
	SessionID string
	Scope     string
	ExpiresAt time.Time
}

var errInvalidToken = &oauth.Error{Code: oauth.InvalidToken,
	Description: "The access token is invalid, expired, or its session has ended."}

// Check says which user is calling. A client's own token names none, so it is refused like one that is no good.
func (m *Manager) Check(ctx context.Context, bearer string) (Caller, error) {
	claims, _, _, err := m.userOf(ctx, bearer)
	if err != nil {
		return Caller{}, err
	}
	return callerOf(claims), nil
}

// userOf returns what a user's access token says, and its client and session, which are alive.
func (m *Manager) userOf(ctx context.Context, bearer string) (tokens.AccessClaims, identity.Client,
	identity.Session, error) {
	claims, err := m.Issuer.ReadAccessToken(bearer)
	if err != nil || claims.Session == "" {
		return claims, identity.Client{}, identity.Session{}, errInvalidToken
	}
	client, session, err := m.bearerOf(ctx, claims)
	return claims, client, session, err
}

func callerOf(claims tokens.AccessClaims) Caller {
	return Caller{
		UserID:    claims.Subject,
		ClientID:  claims.ClientID,
		SessionID: claims.Session,
		Scope:     claims.Scope,
		ExpiresAt: time.Unix(claims.Expires, 0),
	}
}

// checkLife refuses an access token whose session has ended or whose client is disabled. Unlike offline
// verifiers it sees either at once.
func (m *Manager) checkLife(ctx context.Context, claims tokens.AccessClaims) error {
	_, _, err := m.bearerOf(ctx, claims)
	return err
}

// bearerOf returns the client and the session of an access token that checkLife does not refuse.
func (m *Manager) bearerOf(ctx context.Context, claims tokens.AccessClaims) (identity.Client, identity.Session, error) {
	session, err := m.checkSession(ctx, claims)
	if err != nil {
		return identity.Client{}, identity.Session{}, err
	}
	client, err := m.Clients.Find(ctx, claims.ClientID)
	switch {
	case isNotFound(err) || err == nil && client.Disabled():
		return identity.Client{}, identity.Session{}, errInvalidToken
	case err != nil:
		return identity.Client{}, identity.Session{}, oauth.StoreFailed(err)
	}
	return client, session, nil
}

// checkSession refuses an access token whose session is not alive or not its own. A client's own token has
// none, so no store is asked.
func (m *Manager) checkSession(ctx context.Context, claims tokens.AccessClaims) (identity.Session, error) {
	if claims.Session == "" {
		if claims.Subject != claims.ClientID {
			return identity.Session{}, errInvalidToken
		}
		return identity.Session{}, nil
	}
	session, now, err := m.Sessions.Find(ctx, claims.Session)
	switch {
	case isNotFound(err):
		return identity.Session{}, errInvalidToken
	case err != nil:
		return identity.Session{}, oauth.StoreFailed(err)
	case !session.Alive(now) || session.UserID != claims.Subject || session.ClientID != claims.ClientID:
		return identity.Session{}, errInvalidToken
	}
	return session, nil
}

// UserInfo is the answer of the userinfo endpoint (OpenID Connect Core §5.3.2).
type UserInfo struct {
	Subject string `json:"sub"`
	tokens.Profile
}

// UserInfo tells what a bearer's scope allows to know of its user.
func (m *Manager) UserInfo(ctx context.Context, bearer string) (UserInfo, error) {
	caller, err := m.Check(ctx, bearer)
	if err != nil {
		return UserInfo{}, err
	}
	if !oauth.HasScope(caller.Scope, oauth.ScopeOpenID) {
		return UserInfo{}, &oauth.Error{Code: oauth.InsufficientScope,
			Description: "The access token lacks the scope openid.", Scope: oauth.ScopeOpenID}
	}
	user, err := m.Users.Find(ctx, caller.UserID)
	switch {
	case isNotFound(err):
		return UserInfo{}, errInvalidToken
	case err != nil:
		return UserInfo{}, oauth.StoreFailed(err)
	}
	profile, err := tokens.ReadProfile(ctx, m.Profiles, user, caller.Scope)
	if err != nil {
		return UserInfo{}, oauth.StoreFailed(err)
	}
	return UserInfo{Subject: user.ID, Profile: profile}, nil
}
