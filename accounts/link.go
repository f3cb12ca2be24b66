package accounts

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Link links another account to the caller. code is from the account to link, so it proves nothing about the caller;
// the proof is checked first. Linking an account that the caller already has changes nothing. Besides the errors of
// [Accounts] and [Prover], Link returns
//   - oauth.InvalidRequest if the code is missing or malformed, or is also the proof,
//   - oauth.InvalidGrant if the platform rejects the code,
//   - oauth.AlreadyLinked if another user has the account, or the caller has another account of the same app.
func (a *Accounts) Link(ctx context.Context, c Caller, p Proof, appID, code string) error {
	if err := checkLinkCode(p, code); err != nil {
		return err
	}
	user, err := a.enter(ctx, c)
	if err != nil {
		return err
	}
	if err := a.prove(ctx, c, user, p); err != nil {
		return err
	}
	external, err := a.prover.ProveCode(ctx, user, c.ClientID, appID, code, c.Address)
	if err != nil {
		return linkCodeFailed(proved(err))
	}
	return linkFailed(a.links.Link(ctx, user.ID, external))
}

// checkLinkCode checks the code before the proof is used up. It returns oauth.InvalidRequest if the code is missing
// or malformed, or is also the proof.
func checkLinkCode(p Proof, code string) error {
	if !oauth.ValidCode(code) {
		return oauth.NewError(oauth.InvalidRequest, "The code of the account to link is missing or malformed.")
	}
	if code == p.Code {
		return oauth.NewError(oauth.InvalidRequest,
			"The code of the account to link is not a proof. Use a code of an account that is already linked.")
	}
	return nil
}

// linkCodeFailed converts the error for a rejected code to oauth.InvalidGrant, so that the client does not ask for the
// proof again.
func linkCodeFailed(err error) error {
	if refused, ok := errors.AsType[*oauth.Error](err); ok && refused.Code == oauth.InsufficientUserAuthentication {
		return &oauth.Error{Code: oauth.InvalidGrant,
			Description: "The code of the account to link was rejected. Get a new code.", Cause: refused.Cause}
	}
	return err
}

func linkFailed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, identity.ErrExists):
		return &oauth.Error{
			Code: oauth.AlreadyLinked, Cause: err,
			Description: "This account belongs to another user, or you have already linked another account of " +
				"the same app. In the second case, unlink that account first.",
		}
	}
	return userFailed(err)
}

// Unlink removes the caller's account at an app, and all accounts that the platform attributes to the same person,
// since they would sign in the same user again. It ends the sessions that they opened. Besides the errors of
// [Accounts], it returns oauth.UnknownAccount if the caller has no account at the app, and oauth.LastWayIn if the
// caller could not sign in any more.
func (a *Accounts) Unlink(ctx context.Context, c Caller, p Proof, platform, appID string) error {
	user, err := a.enter(ctx, c)
	if err != nil {
		return err
	}
	account, err := a.links.FindByUser(ctx, user.ID, platform, appID)
	if err != nil {
		return unlinkFailed(err)
	}
	if err := a.prove(ctx, c, user, p); err != nil {
		return err
	}
	_, err = a.links.Unlink(ctx, user.ID, account.AccountKey)
	return unlinkFailed(err)
}

func unlinkFailed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, identity.ErrNotFound):
		return &oauth.Error{Code: oauth.UnknownAccount, Description: "You have not linked an account of this app."}
	case errors.Is(err, identity.ErrLastWayIn):
		return &oauth.Error{
			Code: oauth.LastWayIn, Cause: err,
			Description: "Without this account you could not sign in any more. First set a user name and password, " +
				"or link another account.",
		}
	}
	return oauth.StoreFailed(err)
}
