package access

import (
	"context"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// UserInfo is the response of the userinfo endpoint (OpenID Connect Core §5.3.2).
type UserInfo struct {
	Subject string `json:"sub"`
	tokens.Profile
}

// UserInfo returns the claims about the user of an access token that its scope allows. It returns oauth.InvalidToken
// if the token is not valid or its user is gone, oauth.InsufficientScope if it lacks the scope openid, and
// oauth.TemporarilyUnavailable if the store fails.
func (s *Service) UserInfo(ctx context.Context, token string) (UserInfo, error) {
	caller, err := s.Check(ctx, token)
	if err != nil {
		return UserInfo{}, err
	}
	if !oauth.HasScope(caller.Scope, oauth.ScopeOpenID) {
		return UserInfo{}, lacksScope(oauth.ScopeOpenID)
	}
	user, err := s.users.Find(ctx, caller.UserID)
	switch {
	case isNotFound(err):
		return UserInfo{}, errInvalidToken
	case err != nil:
		return UserInfo{}, oauth.StoreFailed(err)
	}
	profile, err := tokens.ReadProfile(ctx, s.profiles, user, caller.Scope)
	if err != nil {
		return UserInfo{}, oauth.StoreFailed(err)
	}
	return UserInfo{Subject: user.ID, Profile: profile}, nil
}
