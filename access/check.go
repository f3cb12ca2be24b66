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

// Caller is the user who presented an access token, and by which client and session.
type Caller struct {
	UserID    string
	ClientID  string
	SessionID string
	Scope     string
	ExpiresAt time.Time
}

// Bearer is an access token that is good now.
type Bearer struct {
	Claims  tokens.AccessClaims
	Client  clients.Client
	Session identity.Session // zero: the token is a client's own
}

var (
	errInvalidToken = oauth.NewError(oauth.InvalidToken,
		"The access token is invalid, expired, or its session has ended.")
	errNoAccountScope = &oauth.Error{
		Code: oauth.InsufficientScope,
		Description: "This needs a token of a signed-in user for this server, with the scope account, " +
			"which first-party clients may have.",
		Scope: oauth.ScopeAccount,
	}
)

// Check says which user is calling. A client's own token names none, so it is refused like one that is no good.
func (s *Service) Check(ctx context.Context, token string) (Caller, error) {
	bearer, err := s.UserBearer(ctx, token)
	if err != nil {
		return Caller{}, err
	}
	return callerOf(bearer.Claims), nil
}

// CheckAccount says which user is calling about the own account. The token must be for this server and its client
// one of ours, still: an API that was shown one for itself cannot come here with it.
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

// UserBearer returns a user's access token that is good now. An error has the code [oauth.InvalidToken], or says
// that the store failed.
func (s *Service) UserBearer(ctx context.Context, token string) (Bearer, error) {
	claims, err := s.issuer.ReadAccessToken(token)
	if err != nil || claims.Session == "" {
		return Bearer{}, errInvalidToken
	}
	return s.bearerOf(ctx, claims)
}

// Bearer returns an access token that is good now, a user's or a client's own. An error has the code
// [oauth.InvalidToken], or says that the store failed.
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

// bearerOf refuses an access token whose session has ended or whose client is disabled.
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

// sessionOf refuses an access token whose session is not alive or not its own. A client's own token has none, so
// no store is asked.
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
	case !session.Alive(now) || session.UserID != claims.Subject || session.ClientID != claims.ClientID:
		return identity.Session{}, errInvalidToken
	}
	return session, nil
}
