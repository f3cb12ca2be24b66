package accounts

import (
	"context"
	"errors"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

const maxCodeLength = 512

// Link adds an account to the caller's ways to sign in. The code is the one of the account to be linked,
// which proves nothing about the caller: the proof is another one, and comes first. An account that the
// caller has already stays as it is. oauth.InvalidRequest, oauth.AlreadyLinked, oauth.InvalidGrant: the code to be
// linked is no good; the refusals of caller and proof; oauth.TemporarilyUnavailable, or what the [Prover] says.
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
	external, err := a.prover.ProveCode(ctx, c.ClientID, appID, code, c.Address)
	if err != nil {
		return linkCodeFailed(proved(err))
	}
	return linkFailed(a.links.Link(ctx, user.ID, external))
}

// checkLinkCode refuses what need not cost a proof: no code, and the one code as both.
func checkLinkCode(p Proof, code string) error {
	notVisible := func(r rune) bool { return r <= ' ' || r > '~' }
	if code == "" || len(code) > maxCodeLength || strings.ContainsFunc(code, notVisible) {
		return oauth.NewError(oauth.InvalidRequest, "The code of the account to link is missing or is not a code.")
	}
	if code == p.Code {
		return oauth.NewError(oauth.InvalidRequest,
			"The code of the account to link is no proof: a code of an account that is "+
				"linked already is.")
	}
	return nil
}

// linkCodeFailed says of a refused code which of the two it was: asking for the proof again would not help.
func linkCodeFailed(err error) error {
	if refused, ok := errors.AsType[*oauth.Error](err); ok && refused.Code == oauth.InsufficientUserAuthentication {
		return &oauth.Error{Code: oauth.InvalidGrant,
			Description: "The code of the account to link is not accepted. Get a fresh one.", Cause: refused.Cause}
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
			Description: "This account belongs to another user, or you have linked another one of its app. " +
				"Unlink that before.",
		}
	}
	return userFailed(err)
}

// Unlink takes the account at an app from the caller, and with it all that the platform calls the same
// person's, since they would lead here again. It ends the sessions that they opened. oauth.UnknownAccount,
// oauth.LastWayIn, the refusals of caller and proof; oauth.TemporarilyUnavailable.
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
		return &oauth.Error{Code: oauth.UnknownAccount, Description: "You have no account of this app linked."}
	case errors.Is(err, identity.ErrLastWayIn):
		return &oauth.Error{
			Code: oauth.LastWayIn, Cause: err,
			Description: "You could not sign in any more. Set a user name and password, or link another " +
				"account, and try again.",
		}
	}
	return oauth.StoreFailed(err)
}
