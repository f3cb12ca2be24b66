package access

import (
	"context"
	"errors"
	"slices"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// The errors about subject tokens. RFC 8693 §2.2.2 requires their code. Only errBadSubject depends on more than what
// the token itself contains, and does not reveal what is wrong.
var (
	errBadSubject = oauth.NewError(oauth.InvalidRequest,
		"The subject_token is not an access token of this server, has expired, or its session has ended.")
	errSubjectIsClient = oauth.NewError(oauth.InvalidRequest,
		"The subject_token is a client's own. Only users' tokens are exchanged.")
	errSubjectForIssuer = oauth.NewError(oauth.InvalidRequest,
		"The subject_token is for this server. Only tokens for APIs are exchanged.")
	errSubjectForeign = oauth.NewError(oauth.InvalidRequest, "The subject_token was neither issued to the client nor "+
		"is it for an audience that the client is (is_audience).")
	errTooManyActors = oauth.NewError(oauth.InvalidRequest,
		"The subject_token has been exchanged too often: a token has at most four actors.")
)

// errExchanged is not invalid_token, as that would make the client refresh its token, which does not help.
var errExchanged = &oauth.Error{Code: oauth.InsufficientScope,
	Description: "The access token is from a token exchange. It is for one API, and never for this server."}

// SubjectToken returns a user's valid access token that a client may exchange: it was issued to the client, or is for
// the client as an API (RFC 9068 §4), and is not for this server. It returns oauth.InvalidRequest for any other token,
// and oauth.TemporarilyUnavailable if the store fails.
func (s *Service) SubjectToken(ctx context.Context, client clients.Client, token string) (Bearer, error) {
	claims, err := s.issuer.ReadAccessToken(token)
	switch {
	case err != nil:
		return Bearer{}, errBadSubject
	case claims.Session == "":
		return Bearer{}, errSubjectIsClient
	case slices.Contains(claims.Audience, claims.Issuer):
		return Bearer{}, errSubjectForIssuer
	case claims.ClientID != client.ID && !slices.ContainsFunc(claims.Audience, client.Is):
		return Bearer{}, errSubjectForeign
	case claims.Actor.Depth() >= tokens.MaxActors:
		return Bearer{}, errTooManyActors
	}
	bearer, err := s.bearerOf(ctx, claims)
	// The store's clock decides too: a token that has expired by it has no life left to give.
	if errors.Is(err, oauth.InvalidToken) || err == nil && bearer.Now.Unix() >= claims.Expires {
		return Bearer{}, errBadSubject
	}
	return bearer, err
}

// matchesClient reports whether a token names the client that it was issued to. That is the session's, unless the token
// is from a token exchange: then it is the actor, and checkActors looks at the session's client.
func matchesClient(session identity.Session, claims tokens.AccessClaims) bool {
	if claims.Actor != nil {
		return claims.Actor.Subject == claims.ClientID
	}
	return session.ClientID == claims.ClientID
}

// checkActors returns oauth.InvalidToken unless all clients are still trusted that an exchanged token has passed
// through: the one that the user has signed in at is enabled, and each actor may still exchange tokens.
func (s *Service) checkActors(ctx context.Context, claims tokens.AccessClaims, session identity.Session) error {
	if _, err := s.enabledClient(ctx, session.ClientID); err != nil {
		return err
	}
	for actor := claims.Actor; actor != nil; actor = actor.Actor {
		client, err := s.enabledClient(ctx, actor.Subject)
		switch {
		case err != nil:
			return err
		case !client.MayAct():
			return errInvalidToken
		}
	}
	return nil
}
