package accounts

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Proof authenticates the user again, because the access token may be stolen. It is either the user's password or a new
// code of an account that is already linked, but not both.
type Proof struct {
	Password string
	Code     string
	AppID    string // the app of the code; may be empty if the client has one app
}

// Prover checks proofs. It counts them as sign-in attempts, so that proofs cannot be used to get around the limits. It
// creates no user and no account. It is implemented by signin.Service. Errors other than the documented ones are
// returned to the caller unchanged.
type Prover interface {
	// ProvePassword checks the user's password. It returns oauth.InsufficientUserAuthentication if it is wrong.
	ProvePassword(ctx context.Context, user identity.User, password, address string) error
	// ProveCode exchanges a code of one of the client's apps for a signed-in user, and returns the account at the
	// platform, which may belong to any user or none. It returns oauth.InvalidGrant if the platform rejects the code.
	ProveCode(ctx context.Context, user identity.User, clientID, appID, code, address string) (
		identity.ExternalIdentity, error)
}

// unproved returns the error for every missing or rejected proof. It does not reveal the reason.
func unproved(cause error) error {
	return &oauth.Error{
		Code: oauth.InsufficientUserAuthentication, Cause: cause,
		Description: "This needs the current password, or a new code of an account that is already linked, in " +
			"the same request.",
	}
}

// proved converts the Prover's errors for a rejected proof to the error of unproved.
func proved(err error) error {
	if errors.Is(err, oauth.InsufficientUserAuthentication) || errors.Is(err, oauth.InvalidGrant) {
		return unproved(err)
	}
	return err
}

// prove checks a user's proof. It returns oauth.InvalidRequest if there are two, oauth.InsufficientUserAuthentication
// if the proof is missing or rejected, or another error of the Prover.
func (a *Accounts) prove(ctx context.Context, c Caller, user identity.User, p Proof) error {
	switch {
	case p.Password != "" && (p.Code != "" || p.AppID != ""):
		return oauth.NewError(oauth.InvalidRequest,
			"Prove who you are with the password or with a code of an app, not with both.")
	case p.Code != "":
		return a.proveCode(ctx, c, user, p)
	case p.Password == "" || user.PasswordHash == "":
		return unproved(nil)
	}
	return proved(a.prover.ProvePassword(ctx, user, p.Password, c.Address))
}

// proveCode rejects a code of an account that is not linked to the user, such as that of a thief.
func (a *Accounts) proveCode(ctx context.Context, c Caller, user identity.User, p Proof) error {
	external, err := a.prover.ProveCode(ctx, user, c.ClientID, p.AppID, p.Code, c.Address)
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
