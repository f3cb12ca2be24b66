package access

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// Config holds the dependencies of a Service. All fields are required.
type Config struct {
	Clients  *clients.Registry
	Users    identity.Users
	Profiles identity.Profiles
	Sessions identity.Sessions
	Issuer   *tokens.Issuer
	Rotation tokens.RotationPolicy
}

// Service checks tokens. It is safe for concurrent use.
type Service struct {
	clients     *clients.Registry
	users       identity.Users
	profiles    identity.Profiles
	sessions    identity.Sessions
	issuer      *tokens.Issuer
	rotation    tokens.RotationPolicy
	revocations *tokens.Revocations
}

// New returns a Service.
func New(c Config) *Service {
	return &Service{
		clients: c.Clients, users: c.Users, profiles: c.Profiles, sessions: c.Sessions, issuer: c.Issuer,
		rotation: c.Rotation, revocations: tokens.NewRevocations(c.Issuer),
	}
}

// Revocations returns the signed list of sessions that ended before their access tokens expired, and its ETag; see
// [tokens.Revocations]. It returns oauth.TemporarilyUnavailable if the store fails; any other error is internal.
func (s *Service) Revocations(ctx context.Context) (list []byte, etag string, err error) {
	if list, etag, err = s.revocations.List(ctx); err != nil {
		return nil, "", tokens.Failed(err)
	}
	return list, etag, nil
}

// ErrBadRefreshToken rejects any refresh token that cannot be used. It does not reveal the reason. Its code is
// oauth.InvalidGrant.
var ErrBadRefreshToken = oauth.NewError(oauth.InvalidGrant,
	"The refresh token is invalid, expired, or already used. Sign in again.")

// RefreshToken is a genuine refresh token with its session.
type RefreshToken struct {
	Token   tokens.RefreshToken
	Session identity.Session
	Now     time.Time // the store's time when it read the session
}

// RefreshToken returns a genuine refresh token of any generation, with its session, which is active. It returns
// [ErrBadRefreshToken] if there is no such session, and oauth.TemporarilyUnavailable if the store fails.
func (s *Service) RefreshToken(ctx context.Context, text string) (RefreshToken, error) {
	presented, err := s.openRefreshToken(ctx, text)
	if err == nil && !presented.Session.Active(presented.Now) {
		err = ErrBadRefreshToken
	}
	return presented, err
}

// openRefreshToken is like RefreshToken, but also returns sessions that are not active.
func (s *Service) openRefreshToken(ctx context.Context, text string) (RefreshToken, error) {
	token, err := s.issuer.ReadRefreshToken(text)
	if err != nil {
		return RefreshToken{}, ErrBadRefreshToken
	}
	session, now, err := s.sessions.Find(ctx, token.SessionID)
	switch {
	case isNotFound(err):
		return RefreshToken{}, ErrBadRefreshToken
	case err != nil:
		return RefreshToken{}, oauth.StoreFailed(err)
	case !token.Matches(session):
		return RefreshToken{}, ErrBadRefreshToken
	}
	return RefreshToken{token, session, now}, nil
}

func isNotFound(err error) bool { return errors.Is(err, identity.ErrNotFound) }
