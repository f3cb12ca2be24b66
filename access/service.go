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

// Config holds the dependencies of a Service. All fields but Meter are required.
type Config struct {
	Clients  *clients.Registry
	Users    identity.Users
	Profiles identity.Profiles
	Sessions identity.Sessions
	Issuer   *tokens.Issuer
	Rotation tokens.RotationPolicy
	Meter    Meter // nil: nothing is counted
}

// Meter counts events for metrics.
type Meter interface {
	// LegacyAudienceUsed counts a request to the account API or for WeChat data with a token that is for an API, alone
	// or besides this server; see identity.Client.LegacyAudienceUntil.
	LegacyAudienceUsed(clientID string)
}

// noMeter counts nothing.
type noMeter struct{}

func (noMeter) LegacyAudienceUsed(string) {}

// Service checks tokens. It is safe for concurrent use.
type Service struct {
	clients     *clients.Registry
	users       identity.Users
	profiles    identity.Profiles
	sessions    identity.Sessions
	issuer      *tokens.Issuer
	rotation    tokens.RotationPolicy
	meter       Meter
	classes     identity.ContextClasses
	revocations *tokens.Revocations
}

// New returns a Service.
func New(c Config) *Service {
	if c.Meter == nil {
		c.Meter = noMeter{}
	}
	return &Service{
		clients: c.Clients, users: c.Users, profiles: c.Profiles, sessions: c.Sessions, issuer: c.Issuer,
		rotation: c.Rotation, meter: c.Meter, classes: tokens.ContextClasses(c.Issuer),
		revocations: tokens.NewRevocations(c.Issuer),
	}
}

// RevocationList is a signed list of ended sessions.
type RevocationList = tokens.RevocationList

// Revocations returns the signed list of sessions that ended before their access tokens expired; see
// [tokens.Revocations]. It returns oauth.TemporarilyUnavailable if the store fails; any other error is internal.
func (s *Service) Revocations(ctx context.Context) (*RevocationList, error) {
	list, err := s.revocations.List(ctx)
	if err != nil {
		return nil, tokens.Failed(err)
	}
	return list, nil
}

// The errors that reject refresh tokens. Their code is oauth.InvalidGrant. They do not reveal the reason; the
// member session_state only reports whether the session has ended or its state is unknown.
var (
	// ErrBadRefreshToken rejects a token that cannot be used. Its session, if it has one, may be active.
	ErrBadRefreshToken = badRefreshToken("unknown")
	// ErrSessionEnded rejects a genuine token of the client whose session has ended or expired.
	ErrSessionEnded = badRefreshToken("ended")
)

func badRefreshToken(state string) *oauth.Error {
	return &oauth.Error{
		Code:        oauth.InvalidGrant,
		Description: "The refresh token is invalid, expired, or already used. Sign in again.",
		Members:     map[string]any{"session_state": state},
	}
}

// RefreshToken is a genuine refresh token with its session.
type RefreshToken struct {
	Token   tokens.RefreshToken
	Session identity.Session
	Now     time.Time // the store's time when it read the session
}

// RefreshToken returns a client's genuine refresh token of any generation, with its session, which is active. It
// returns [ErrBadRefreshToken] if there is no such session or another client has it, [ErrSessionEnded], and
// oauth.TemporarilyUnavailable if the store fails.
func (s *Service) RefreshToken(ctx context.Context, client clients.Client, text string) (RefreshToken, error) {
	presented, err := s.OpenRefreshToken(ctx, text)
	switch {
	case err != nil:
		return RefreshToken{}, err
	case presented.Session.ClientID != client.ID: // before the next case: another client must not learn it
		return RefreshToken{}, ErrBadRefreshToken
	case !presented.Session.Active(presented.Now):
		return RefreshToken{}, ErrSessionEnded
	}
	return presented, nil
}

// OpenRefreshToken is like RefreshToken, but also returns sessions that are not active or are another client's.
func (s *Service) OpenRefreshToken(ctx context.Context, text string) (RefreshToken, error) {
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
