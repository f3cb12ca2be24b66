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
	Now     time.Time        // the store's time when it read the session
}

var (
	errInvalidToken = oauth.NewError(oauth.InvalidToken,
		"The access token is invalid, expired, or its session has ended.")
	errNotFirstParty = &oauth.Error{
		Code:        oauth.InsufficientScope,
		Description: "The account API is only for first-party clients.",
		Scope:       oauth.ScopeAccount,
	}
)

// errPassedOn is about a user who has been signed in from elsewhere.
func errPassedOn(scope string) *oauth.Error {
	return &oauth.Error{Code: oauth.InsufficientScope, Description: "This session was itself opened by a scan or a " +
		"hand-off, so it cannot sign its user in elsewhere.", Scope: scope}
}

// notForIssuer is not invalid_token, which RFC 9068 §4 requires: that would make the client refresh its token, which
// does not help.
func notForIssuer(scope string) *oauth.Error {
	return &oauth.Error{
		Code: oauth.InsufficientScope,
		Description: "The access token is for an API, not for this server. Request one with the parameter resource " +
			"set to the issuer.",
		Scope: scope,
	}
}

func lacksScope(scope string) *oauth.Error {
	return &oauth.Error{Code: oauth.InsufficientScope, Description: "The access token lacks the scope " + scope + ".",
		Scope: scope}
}

// Check returns the user who is calling. It returns oauth.InvalidToken if the token is not valid or is a client's own,
// and oauth.TemporarilyUnavailable if the store fails.
func (s *Service) Check(ctx context.Context, token string) (Caller, error) {
	bearer, err := s.validUserBearer(ctx, token)
	if err != nil {
		return Caller{}, err
	}
	return callerOf(bearer.Claims), nil
}

// CheckAccount returns the user who is calling the account API, with the scope of the token and the session's email
// and address, which a token for this server never has. It returns the errors of [Service.UserBearer], and
// oauth.InsufficientScope if the token's client is not, or no longer, a first-party client.
func (s *Service) CheckAccount(ctx context.Context, token string) (Caller, error) {
	bearer, err := s.UserBearer(ctx, token, oauth.ScopeAccount)
	switch {
	case err != nil:
		return Caller{}, err
	case !bearer.Client.FirstParty:
		return Caller{}, errNotFirstParty
	}
	caller := callerOf(bearer.Claims)
	for _, name := range []string{oauth.ScopeEmail, oauth.ScopeAddress} {
		if oauth.HasScope(bearer.Session.Scope, name) {
			caller.Scope += " " + name
		}
	}
	return caller, nil
}

// CheckSignIn checks a token with which a user is to be signed in elsewhere: on a screen, with the scope
// signin.approve, or in a browser, with signin.handoff. It must be for this server alone, of a first-party client, and
// its session must not have come about in this way: otherwise one sign-in could lead to another without the user. Its
// errors are oauth.InvalidToken and oauth.InsufficientScope.
func (s *Service) CheckSignIn(ctx context.Context, token, scope string) (Bearer, error) {
	bearer, err := s.validUserBearer(ctx, token)
	audience := bearer.Claims.Audience
	switch {
	case err != nil:
		return Bearer{}, err
	case len(audience) != 1 || audience[0] != bearer.Claims.Issuer:
		return Bearer{}, notForIssuer(scope)
	case !oauth.HasScope(bearer.Claims.Scope, scope):
		return Bearer{}, lacksScope(scope)
	case !bearer.Client.FirstParty:
		return Bearer{}, errNotFirstParty
	case bearer.Session.Method == identity.MethodScan || bearer.Session.Method == identity.MethodHandOff:
		return Bearer{}, errPassedOn(scope)
	}
	return bearer, nil
}

// UserBearer is like [Service.Bearer], but returns oauth.InvalidToken if the token is a client's own.
func (s *Service) UserBearer(ctx context.Context, token, scope string) (Bearer, error) {
	bearer, err := s.validUserBearer(ctx, token)
	if err != nil {
		return Bearer{}, err
	}
	return bearer, s.checkOwn(bearer, scope)
}

// Bearer returns a valid access token for this server that has a scope, a user's or a client's own. An API must not be
// able to use here a token that it received (RFC 9068 §4). Bearer returns oauth.InvalidToken if the token is not valid,
// oauth.InsufficientScope if it is only for others or lacks the scope, and oauth.TemporarilyUnavailable if the store
// fails.
func (s *Service) Bearer(ctx context.Context, token, scope string) (Bearer, error) {
	bearer, err := s.validBearer(ctx, token)
	if err != nil {
		return Bearer{}, err
	}
	return bearer, s.checkOwn(bearer, scope)
}

// checkOwn returns oauth.InsufficientScope if a token is only for others or lacks the scope. Tokens only for APIs that
// have such a scope were issued by a server of an earlier version. They are accepted from a client with
// LegacyAudienceUntil, so that its users notice nothing while the servers are replaced.
func (s *Service) checkOwn(bearer Bearer, scope string) error {
	claims := bearer.Claims
	own := slices.Contains(claims.Audience, claims.Issuer)
	switch {
	case !own && bearer.Client.LegacyAudienceUntil.IsZero():
		return notForIssuer(scope)
	case !oauth.HasScope(claims.Scope, scope):
		return lacksScope(scope)
	case !own || len(claims.Audience) > 1:
		s.meter.LegacyAudienceUsed(claims.ClientID)
	}
	return nil
}

// validUserBearer returns a user's valid access token for any audience.
func (s *Service) validUserBearer(ctx context.Context, token string) (Bearer, error) {
	bearer, err := s.validBearer(ctx, token)
	if err == nil && bearer.Claims.Session == "" {
		return Bearer{}, errInvalidToken
	}
	return bearer, err
}

// validBearer returns a valid access token for any audience. It returns oauth.InsufficientScope if the token is from a
// token exchange, by which nobody may get what this server serves. Its other errors are those of Bearer.
func (s *Service) validBearer(ctx context.Context, token string) (Bearer, error) {
	claims, err := s.issuer.ReadAccessToken(token)
	switch {
	case err != nil:
		return Bearer{}, errInvalidToken
	case claims.Actor != nil:
		return Bearer{}, errExchanged
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

// bearerOf returns oauth.InvalidToken if the token's session has ended, or a client is disabled that it has passed
// through.
func (s *Service) bearerOf(ctx context.Context, claims tokens.AccessClaims) (Bearer, error) {
	session, now, err := s.sessionOf(ctx, claims)
	if err != nil {
		return Bearer{}, err
	}
	client, err := s.enabledClient(ctx, claims.ClientID)
	if err != nil {
		return Bearer{}, err
	}
	if claims.Actor != nil {
		if err := s.checkActors(ctx, claims, session); err != nil {
			return Bearer{}, err
		}
	}
	return Bearer{claims, client, session, now}, nil
}

// enabledClient returns oauth.InvalidToken if there is no such client or it is disabled.
func (s *Service) enabledClient(ctx context.Context, id string) (clients.Client, error) {
	client, err := s.clients.Find(ctx, id)
	switch {
	case isNotFound(err) || err == nil && client.Disabled():
		return clients.Client{}, errInvalidToken
	case err != nil:
		return clients.Client{}, oauth.StoreFailed(err)
	}
	return client, nil
}

// sessionOf returns the session of an access token, and the time of the store's clock. It returns oauth.InvalidToken if
// the session is not active or does not match the token. A client's own token has no session, so the store is not read.
func (s *Service) sessionOf(ctx context.Context, claims tokens.AccessClaims) (identity.Session, time.Time, error) {
	if claims.Session == "" {
		if claims.Subject != claims.ClientID {
			return identity.Session{}, time.Time{}, errInvalidToken
		}
		return identity.Session{}, time.Time{}, nil
	}
	session, now, err := s.sessions.Find(ctx, claims.Session)
	switch {
	case isNotFound(err):
		return identity.Session{}, time.Time{}, errInvalidToken
	case err != nil:
		return identity.Session{}, time.Time{}, oauth.StoreFailed(err)
	case !session.Active(now) || session.UserID != claims.Subject || !matchesClient(session, claims):
		return identity.Session{}, time.Time{}, errInvalidToken
	}
	return session, now, nil
}
