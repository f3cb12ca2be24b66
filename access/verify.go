package access

import (
	"context"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/oauth"
)

// Requirement describes the access tokens that a gateway accepts.
type Requirement struct {
	audience string
	scopes   []string
}

// NewRequirement requires an audience, which is the API behind the gateway, and all of a space-separated scope; ""
// requires no scope. It returns oauth.InvalidRequest if the audience is empty, and oauth.InvalidScope if the scope is
// malformed.
func NewRequirement(audience, scope string) (Requirement, error) {
	if audience == "" {
		return Requirement{}, oauth.NewError(oauth.InvalidRequest,
			"audience is missing: without it, tokens for any other API would be accepted.")
	}
	if scope == "" {
		return Requirement{audience: audience}, nil
	}
	scopes, err := oauth.ParseScope(scope)
	return Requirement{audience, scopes}, err
}

// Verified describes an access token that a gateway may accept.
type Verified struct {
	Subject  string // a user, or a client that acts for itself
	ClientID string
	Session  string // "" for a client that acts for itself
	Scope    string
}

// errWrongAudience is not invalid_token, which RFC 9068 §4 requires: that would make the client refresh its token,
// which does not help.
var errWrongAudience = &oauth.Error{Code: oauth.InsufficientScope,
	Description: "The access token is valid, but not for this API."}

// Verify checks an access token for a gateway. It returns oauth.InvalidToken if the token is not valid,
// oauth.InsufficientScope if it lacks the required audience or scope, and oauth.TemporarilyUnavailable if the store
// fails.
func (s *Service) Verify(ctx context.Context, bearer string, need Requirement) (Verified, error) {
	claims, err := s.issuer.ReadAccessToken(bearer)
	if err != nil {
		return Verified{}, errInvalidToken
	}
	if _, err := s.bearerOf(ctx, claims); err != nil {
		return Verified{}, err
	}
	if !slices.Contains(claims.Audience, need.audience) {
		return Verified{}, errWrongAudience
	}
	for _, name := range need.scopes {
		if !oauth.HasScope(claims.Scope, name) {
			return Verified{}, &oauth.Error{
				Code: oauth.InsufficientScope, Description: "The access token lacks a required scope.",
				Scope: strings.Join(need.scopes, " "),
			}
		}
	}
	return Verified{Subject: claims.Subject, ClientID: claims.ClientID, Session: claims.Session,
		Scope: claims.Scope}, nil
}
