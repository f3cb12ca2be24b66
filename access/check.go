package access

import (
	"context"
	"slices"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// Caller is the user who sent an access token, with the token's client and session.
type Caller struct {
	UserID    string
	ClientID  string
	SessionID string
	Scope     string
	ExpiresAt time.Time
}

// Bearer is a valid access token.
type Bearer struct {
	Claims  tokens.AccessClaims
	Client  clients.Client
	Session identity.Session // zero if the token is a client's own
}

var (
	errInvalidToken = oauth.NewError(oauth.InvalidToken,
		"The access token is invalid, expired, or its session has ended.")
	errNoAccountScope = &oauth.Error{
		Code: oauth.InsufficientScope,
		Description: "This needs a token of a signed-in user, issued for this server to a first-party client, " +
			"with the scope account.",
		Scope: oauth.ScopeAccount,
	}
)

// Check returns the user who is calling. It returns oauth.InvalidToken if the token is not valid or is a client's own,
// and oauth.TemporarilyUnavailable if the store fails.
func (s *Service) Check(ctx context.Context, token string) (Caller, error) {
	bearer, err := s.UserBearer(ctx, token)
	if err != nil {
		return Caller{}, err
	}
	return callerOf(bearer.Claims), nil
}

// CheckAccount returns the user who is calling the account API. The token must be issued for this server, so that an
// API cannot use a token that it received, and its client must still be a first-party client. It returns
// oauth.InvalidToken if the token is not valid or is a client's own, oauth.InsufficientScope if it is not a token for
// the account API, and oauth.TemporarilyUnavailable if the store fails.
func (s *Service) CheckAccount(ctx context.Context, token string) (Caller, error) {
	bearer, err := s.UserBearer(ctx, token)
	claims := bearer.Claims
	switch {
	case err != nil:
		return Caller{}, err
	case !oauth.HasScope(claims.Scope, oauth.ScopeAccount) || !slices.Contains(claims.Audience, claims.Issuer) ||
		!bearer.Client.FirstParty:
		return Caller{}, errNoAccountScope
	}
	return callerOf(claims), nil
}

// UserBearer returns a user's valid access token. It returns oauth.InvalidToken if the token is not valid or is a
// client's own, and oauth.TemporarilyUnavailable if the store fails.
func (s *Service) UserBearer(ctx context.Context, token string) (Bearer, error) {
	claims, err := s.issuer.ReadAccessToken(token)
	if err != nil || claims.Session == "" {
		return Bearer{}, errInvalidToken
	}
	return s.bearerOf(ctx, claims)
}

// Bearer returns a valid access token, a user's or a client's own. It returns oauth.InvalidToken if the token is not
// valid, and oauth.TemporarilyUnavailable if the store fails.
func (s *Service) Bearer(ctx context.Context, token string) (Bearer, error) {
	claims, err := s.issuer.ReadAccessToken(token)
	if err != nil {
		return Bearer{}, errInvalidToken
	}
	return s.bearerOf(ctx, claims)
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

// bearerOf returns oauth.InvalidToken if the token's session has ended or its client is disabled.
func (s *Service) bearerOf(ctx context.Context, claims tokens.AccessClaims) (Bearer, error) {
	session, err := s.sessionOf(ctx, claims)
	if err != nil {
		return Bearer{}, err
	}
	client, err := s.clients.Find(ctx, claims.ClientID)
	switch {
	case isNotFound(err) || err == nil && client.Disabled():
		return Bearer{}, errInvalidToken
	case err != nil:
		return Bearer{}, oauth.StoreFailed(err)
	}
	return Bearer{claims, client, session}, nil
}

// sessionOf returns the session of an access token. It returns oauth.InvalidToken if the session is not active or does
// not match the token. A client's own token has no session, so the store is not read.
func (s *Service) sessionOf(ctx context.Context, claims tokens.AccessClaims) (identity.Session, error) {
	if claims.Session == "" {
		if claims.Subject != claims.ClientID {
			return identity.Session{}, errInvalidToken
		}
		return identity.Session{}, nil
	}
	session, now, err := s.sessions.Find(ctx, claims.Session)
	switch {
	case isNotFound(err):
		return identity.Session{}, errInvalidToken
	case err != nil:
		return identity.Session{}, oauth.StoreFailed(err)
	case !session.Active(now) || session.UserID != claims.Subject || session.ClientID != claims.ClientID:
		return identity.Session{}, errInvalidToken
	}
	return session, nil
}
