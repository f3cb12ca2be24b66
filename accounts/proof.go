package accounts

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Proof is what a request shows anew beside its token, which may be borrowed: the user's password, or a fresh
// code of an account that is linked already. Exactly one of both.
type Proof struct {
	Password string
	Code     string
	AppID    string // whose code it is; may be empty if the client has one app
}

// Prover checks what a sign-in would check, and counts it with the sign-ins, so that guessing here is no way round
// their bounds: signin.Service. It makes no user and no account. A password that is wrong has the code
// [oauth.InsufficientUserAuthentication], a code that is refused [oauth.InvalidGrant]; all other errors reach the
// caller untouched.
type Prover interface {
	// ProvePassword checks that a password is the user's.
	ProvePassword(ctx context.Context, user identity.User, password, address string) error
	// ProveCode trades a code at an app of the client and returns whose it is, whoever that may be here.
	ProveCode(ctx context.Context, clientID, appID, code, address string) (identity.ExternalIdentity, error)
}

// unproved is the one answer to every proof that is missing or proves nothing, so that it does not tell why.
func unproved(cause error) error {
	return &oauth.Error{
		Code: oauth.InsufficientUserAuthentication, Cause: cause,
		Description: "This needs the current password, or a fresh code of an account that is linked already, in " +
			"the same request.",
	}
}

// proved turns the Prover's ways to say that a proof proves nothing into the one.
func proved(err error) error {
	if errors.Is(err, oauth.InsufficientUserAuthentication) || errors.Is(err, oauth.InvalidGrant) {
		return unproved(err)
	}
	return err
}

// prove says whether a proof is the user's. oauth.InvalidRequest: there are two. unproved, or what the Prover says.
func (a *Accounts) prove(ctx context.Context, c Caller, user identity.User, p Proof) error {
	switch {
	case p.Password != "" && (p.Code != "" || p.AppID != ""):
		return oauth.NewError(oauth.InvalidRequest,
			"Prove it is you by the password or by a code of an app, not by both.")
	case p.Code != "":
		return a.proveCode(ctx, c, user, p)
	case p.Password == "" || user.PasswordHash == "":
		return unproved(nil)
	}
	return proved(a.prover.ProvePassword(ctx, user, p.Password, c.Address))
}

// proveCode refuses the code of an account that is not linked to this very user: whoever borrowed a token has
// a WeChat account, too.
func (a *Accounts) proveCode(ctx context.Context, c Caller, user identity.User, p Proof) error {
	external, err := a.prover.ProveCode(ctx, c.ClientID, p.AppID, p.Code, c.Address)
	if err != nil {
		return proved(err)
	}
	account, err := a.links.Find(ctx, external.AccountKey)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return unproved(err)
	case err != nil:
		return oauth.StoreFailed(err)
	case account.UserID != user.ID:
		return unproved(nil)
	}
	return nil
}
