package accounts

import (
	"context"
	"errors"
	"strings"

	"github.com/lingpai/lingpai/identity"
)

const maxCodeLength = 512

// Link adds an account to the caller's ways to sign in. The code is the one of the account to be linked,
// which proves nothing about the caller: the proof is another one, and comes first. An account that the
// caller has already stays as it is. ErrInvalidRequest, ErrLinkedElsewhere, ErrInvalidGrant: the code to be
// linked is no good; the refusals of caller and proof; ErrUnavailable, or what the [Prover] says.
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
	sighting, err := a.Prover.ProveCode(ctx, c.ClientID, appID, code, c.Address)
	if err != nil {
		return linkCodeFailed(err)
	}
	return linkFailed(a.Users.Link(ctx, user.ID, sighting))
}

// checkLinkCode refuses what need not cost a proof: no code, and the one code as both.
func checkLinkCode(p Proof, code string) error {
	notVisible := func(r rune) bool { return r <= ' ' || r > '~' }
	if code == "" || len(code) > maxCodeLength || strings.ContainsFunc(code, notVisible) {
		return invalidRequest("The code of the account to link is missing or is not a code.")
	}
	if code == p.Code {
		return invalidRequest("The code of the account to link is no proof: a code of an account that is " +
			"linked already is.")
	}
	return nil
}

// linkCodeFailed says of a refused code which of the two it was: asking for the proof again would not help.
func linkCodeFailed(err error) error {
	if refused, ok := errors.AsType[*Error](err); ok && refused.Name == ErrInsufficientAuthentication {
		return &Error{Name: ErrInvalidGrant,
			Description: "The code of the account to link is not accepted. Get a fresh one.", Cause: refused.Cause}
	}
	return err
}

func linkFailed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, identity.ErrExists):
		return &Error{
			Name: ErrLinkedElsewhere, Cause: err,
			Description: "This account belongs to another user, or you have linked another one of its app. " +
				"Unlink that before.",
		}
	}
	return userFailed(err)
}

// Unlink takes the account at an app from the caller, and with it all that the platform calls the same
// person's, since they would lead here again. It ends the sessions that they opened. ErrUnknownAccount,
// ErrLastWayIn, the refusals of caller and proof; ErrUnavailable.
func (a *Accounts) Unlink(ctx context.Context, c Caller, p Proof, platform, appID string) error {
	user, err := a.enter(ctx, c)
	if err != nil {
		return err
	}
	account, err := a.Users.FindAccountOf(ctx, user.ID, platform, appID)
	if err != nil {
		return unlinkFailed(err)
	}
	if err := a.prove(ctx, c, user, p); err != nil {
		return err
	}
	_, err = a.Users.Unlink(ctx, user.ID, account.AccountKey)
	return unlinkFailed(err)
}

func unlinkFailed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, identity.ErrNotFound):
		return &Error{Name: ErrUnknownAccount, Description: "You have no account of this app linked."}
	case errors.Is(err, identity.ErrLastWayIn):
		return &Error{
			Name: ErrLastWayIn, Cause: err,
			Description: "You could not sign in any more. Set a user name and password, or link another " +
				"account, and try again.",
		}
	}
	return storeFailed(err)
}
