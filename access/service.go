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

// Config is what a Service works with. All fields are required.
type Config struct {
	Clients  *clients.Registry
	Users    identity.Users
	Profiles identity.Profiles
	Sessions identity.Sessions
	Issuer   *tokens.Issuer
	Rotation tokens.RotationPolicy
}

// Service judges presented tokens. Use New to make one. It is safe for parallel use.
type Service struct {
	clients     *clients.Registry
	users       identity.Users
	profiles    identity.Profiles
	sessions    identity.Sessions
	issuer      *tokens.Issuer
	rotation    tokens.RotationPolicy
	revocations *tokens.Revocations
}

// New makes a service.
func New(c Config) *Service {
	return &Service{
		clients: c.Clients, users: c.Users, profiles: c.Profiles, sessions: c.Sessions, issuer: c.Issuer,
		rotation: c.Rotation, revocations: tokens.NewRevocations(c.Issuer),
	}
}

// Revocations returns the signed list of sessions that ended before their access tokens expired, and its ETag: see
// tokens.Revocations.
func (s *Service) Revocations(ctx context.Context) (list []byte, etag string, err error) {
	if list, etag, err = s.revocations.List(ctx); err != nil {
		return nil, "", tokens.Failed(err)
	}
	return list, etag, nil
}

// ErrBadRefreshToken is the one answer to every refresh token that cannot be used, whatever the reason.
var ErrBadRefreshToken = oauth.NewError(oauth.InvalidGrant,
	"The refresh token is invalid, expired, or was used before. Sign in again.")

// RefreshToken is a genuine refresh token with its session.
type RefreshToken struct {
	Token   tokens.RefreshToken
	Session identity.Session
	Now     time.Time // by the store's clock, when it read the session
}

// RefreshToken returns a genuine refresh token of any generation, whose session is alive. An error is
// [ErrBadRefreshToken], or says that the store failed.
func (s *Service) RefreshToken(ctx context.Context, text string) (RefreshToken, error) {
	presented, err := s.openRefreshToken(ctx, text)
	if err == nil && !presented.Session.Alive(presented.Now) {
		err = ErrBadRefreshToken
	}
	return presented, err
}

// openRefreshToken is RefreshToken whether the session is alive or not.
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
	case !token.Opens(session):
		return RefreshToken{}, ErrBadRefreshToken
	}
	return RefreshToken{token, session, now}, nil
}

func isNotFound(err error) bool { return errors.Is(err, identity.ErrNotFound) }
