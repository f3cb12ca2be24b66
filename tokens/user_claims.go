package tokens

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// UserClaims are the roles and claims that an operator has given a user. The claims are in a member of their own, so
// that they cannot be mistaken for registered claims or those of this server.
type UserClaims struct {
	Roles []string        `json:"roles,omitempty"` // RFC 9068 §2.2.3.1
	Ext   identity.Claims `json:"ext,omitempty"`
}

// userClaims returns the user claims that a scope requests.
func userClaims(user identity.User, scope string) UserClaims {
	var claims UserClaims
	if oauth.HasScope(scope, oauth.ScopeRoles) {
		claims.Roles = user.Roles
	}
	if oauth.HasScope(scope, oauth.ScopeClaims) {
		claims.Ext = user.Claims
	}
	return claims
}

// owner is what an access token contains about its user besides the session. Fields that the token does not contain are
// zero.
type owner struct {
	user    identity.User
	unionID string
}

// owner reads the owner for a refresh. Most refreshes need nothing but the session, and read nothing. The user is read
// at each refresh, so that changes take effect at the next one.
func (i *Issuer) owner(ctx context.Context, r Renewal) (owner, error) {
	var of owner
	var err error
	if r.WithIDToken || oauth.HasScope(r.Target.Scope, oauth.ScopeRoles) ||
		oauth.HasScope(r.Target.Scope, oauth.ScopeClaims) {
		if of.user, err = i.config.Users.Find(ctx, r.Session.UserID); err != nil {
			return owner{}, err
		}
	}
	of.unionID, err = i.unionID(ctx, r)
	return of, err
}

// unionID returns the unionid for a refresh. It reads the account only for clients that are registered for WeChat's
// ids.
func (i *Issuer) unionID(ctx context.Context, r Renewal) (string, error) {
	if !r.Client.WechatClaims || r.Session.Account == (identity.AccountKey{}) {
		return "", nil
	}
	account, err := i.config.Accounts.Find(ctx, r.Session.Account)
	if errors.Is(err, identity.ErrNotFound) {
		return "", nil
	}
	return account.UnionID, err
}
