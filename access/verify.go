package access

import (
	"context"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/oauth"
)

// Requirement is what a gateway asks of the access tokens that it lets pass.
type Requirement struct {
	audience string
	scopes   []string
}

// NewRequirement asks for an audience, which is the API behind the gateway, and for all of a space-separated
// scope, if there is one.
func NewRequirement(audience, scope string) (Requirement, error) {
	if audience == "" {
		return Requirement{}, oauth.NewError(oauth.InvalidRequest,
			"audience is missing: name the API behind the gateway, or tokens for every other API would pass too.")
	}
	if scope == "" {
		return Requirement{audience: audience}, nil
	}
	scopes, err := oauth.ParseScope(scope)
	return Requirement{audience, scopes}, err
}

// Verified is whose access token a gateway may let pass.
type Verified struct {
	Subject  string // a user, or a client that acts for itself
	ClientID string
	Session  string // empty: a client that acts for itself, and not for a user
	Scope    string
}

// errWrongAudience is no invalid_token, as RFC 9068 §4 has it: that would send the client to refresh, which
// mends nothing.
var errWrongAudience = &oauth.Error{Code: oauth.InsufficientScope,
	Description: "The access token is good, but not for this API."}

// Verify says for a gateway whether an access token is good now, and good enough.
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
				Code: oauth.InsufficientScope, Description: "The access token lacks a scope that is needed here.",
				Scope: strings.Join(need.scopes, " "),
			}
		}
	}
	return Verified{Subject: claims.Subject, ClientID: claims.ClientID, Session: claims.Session,
		Scope: claims.Scope}, nil
}
