package tokens

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// UserClaims are what an operator says of a user. Claims stand within one member of their own, so that none
// of them can pass for a registered claim or one of ours.
type UserClaims struct {
	Roles []string        `json:"roles,omitempty"` // RFC 9068 §2.2.3.1
	Ext   identity.Claims `json:"ext,omitempty"`
}

// userClaims returns what a scope asks for.
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

// owner is whom an access token tells of, as far as it does.
type owner struct {
	user    identity.User
	unionID string
}

// owner looks up whom a refresh tells of: most tell nothing that the session does not know, and cost no
// look-up. What is said of a user is read anew each time, so that a change takes effect at the next refresh.
func (i *Issuer) owner(ctx context.Context, r Renewal) (owner, error) {
	var of owner
	var err error
	if r.WithIDToken || oauth.HasScope(r.Scope, oauth.ScopeRoles) || oauth.HasScope(r.Scope, oauth.ScopeClaims) {
		if of.user, err = i.config.Users.Find(ctx, r.Session.UserID); err != nil {
			return owner{}, err
		}
	}
	of.unionID, err = i.unionID(ctx, r)
	return of, err
}

// unionID returns the union id to show at a refresh: only a client that asked for WeChat's ids costs this look-up.
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
