package accounts

import (
	"context"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// checkPassword says whether a password may be set. Besides what is guessed first of everybody, it refuses
// what is guessed first of one.
func checkPassword(username, secret string) error {
	if err := password.CheckPolicy(secret); err != nil {
		return &oauth.Error{Code: oauth.WeakPassword, Description: sentence(err)}
	}
	if strings.EqualFold(username, secret) {
		return &oauth.Error{Code: oauth.WeakPassword, Description: "The password is the user name. Choose another one."}
	}
	return nil
}

// SetPassword adds a password or changes it, also one that was forgotten: the proof is then a code. A user
// who has no user name must choose one; all others leave it empty, or repeat theirs. It ends all sessions,
// this one too. oauth.InvalidRequest, oauth.WeakPassword, oauth.UsernameTaken, and the refusals of caller and proof;
// oauth.TemporarilyUnavailable.
//
// Name and password are two steps. If the second fails, the name stays: it lets nobody in without a password,
// and the same request goes on from there.
func (a *Accounts) SetPassword(ctx context.Context, c Caller, p Proof, username, newPassword string) error {
	user, err := a.enter(ctx, c)
	if err != nil {
		return err
	}
	if err := checkChange(user, username, newPassword); err != nil {
		return err
	}
	if err := a.prove(ctx, c, user, p); err != nil {
		return err
	}
	if user.Username == "" { // not before the proof: whoever has a token could try out names
		if err := a.checkFree(ctx, username); err != nil {
			return err
		}
	}
	// before the name: this is the step that fails when much is going on
	hash, err := a.hash(ctx, c.Address, newPassword)
	if err != nil {
		return err
	}
	if user.Username == "" {
		if err := a.users.Name(ctx, user.ID, username); err != nil {
			return nameFailed(err)
		}
	}
	if err := a.users.SetPassword(ctx, user.ID, hash); err != nil {
		return userFailed(err)
	}
	return nil
}

// checkChange judges what SetPassword would set.
func checkChange(user identity.User, username, newPassword string) error {
	if user.Username == "" {
		if username == "" {
			return oauth.NewError(oauth.InvalidRequest,
				"Choose a user name: without one nobody signs in with a password.")
		}
		if err := checkUsername(username); err != nil {
			return err
		}
		return checkPassword(username, newPassword)
	}
	if username != "" && !sameName(username, user.Username) {
		return oauth.NewError(oauth.InvalidRequest, "This user has another user name, which stays. Leave it out.")
	}
	return checkPassword(user.Username, newPassword)
}

func sameName(one, other string) bool {
	a, err1 := identity.CanonicalUsername(one)
	b, err2 := identity.CanonicalUsername(other)
	return err1 == nil && err2 == nil && a == b
}
