package access

import (
	"context"
	"slices"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// UserInfo is the response of the userinfo endpoint (OpenID Connect Core §5.3.2).
type UserInfo struct {
	Subject string `json:"sub"`
	tokens.Profile
}

// UserInfo returns the claims about the user of an access token that its scope covers, and those that the client
// requested one by one at the sign-in. It returns oauth.InvalidToken if the token is not valid or its user is gone,
// oauth.InsufficientScope if it lacks the scope openid, and oauth.TemporarilyUnavailable if the store fails.
func (s *Service) UserInfo(ctx context.Context, token string) (UserInfo, error) {
	bearer, err := s.validUserBearer(ctx, token)
	if err != nil {
		return UserInfo{}, err
	}
	if !oauth.HasScope(bearer.Claims.Scope, oauth.ScopeOpenID) {
		return UserInfo{}, lacksScope(oauth.ScopeOpenID)
	}
	user, err := s.users.Find(ctx, bearer.Claims.Subject)
	switch {
	case isNotFound(err):
		return UserInfo{}, errInvalidToken
	case err != nil:
		return UserInfo{}, oauth.StoreFailed(err)
	}
	profile, err := tokens.ReadProfile(ctx, s.profiles, tokens.ProfileRequest{Client: bearer.Client.Client, User: user,
		Scope: bearer.Claims.Scope, Requested: bearer.requestedClaims()})
	if err != nil {
		return UserInfo{}, oauth.StoreFailed(err)
	}
	return UserInfo{Subject: user.ID, Profile: profile}, nil
}

// requestedClaims returns what the client requested for here. APIs do not get with a token that they received what
// their tokens have no scope for.
func (b Bearer) requestedClaims() []string {
	requested := b.Session.Claims.UserInfo
	if slices.Contains(b.Claims.Audience, b.Claims.Issuer) {
		return requested
	}
	return slices.DeleteFunc(slices.Clone(requested), func(claim string) bool {
		return oauth.ServedHere(oauth.ClaimScope(claim))
	})
}
