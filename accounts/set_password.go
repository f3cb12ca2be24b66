package accounts

import (
	"context"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// checkPassword returns oauth.WeakPassword if a password is too easy to guess, in general or for this user.
func checkPassword(username, secret string) error {
	if err := password.CheckPolicy(secret); err != nil {
		return &oauth.Error{Code: oauth.WeakPassword, Description: sentence(err)}
	}
	if strings.EqualFold(username, secret) {
		return &oauth.Error{Code: oauth.WeakPassword, Description: "The password must differ from the user name."}
	}
	return nil
}

// SetPassword adds or changes the caller's password. If the old one is forgotten, a code can be the proof. A user
// without a user name must choose one; for all others username must be empty or their own. SetPassword ends all
// sessions, including the current one. Besides the errors of [Accounts], it returns
//   - oauth.InvalidRequest if the user name is not allowed, is missing, or is not the caller's,
//   - oauth.WeakPassword if the password is not allowed,
//   - oauth.UsernameTaken if another user has the name.
//
// The name and the password are set in two steps. If the second step fails, the name stays. That does not let anyone
// in, and repeating the request completes it.
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
	if user.Username == "" { // after the proof: otherwise a token would be enough to probe names
		if err := a.checkFree(ctx, username); err != nil {
			return err
		}
	}
	// Hash before setting the name, because hashing fails under load.
	hash, err := a.hash(ctx, password.Caller{Network: limits.Network(c.Address), Known: true}, newPassword)
	if err != nil {
		return err
	}
	if user.Username == "" {
		if err := a.users.SetUsername(ctx, user.ID, username); err != nil {
			return nameFailed(err)
		}
	}
	if err := a.users.SetPassword(ctx, user.ID, hash); err != nil {
		return userFailed(err)
	}
	return nil
}

// checkChange validates the input of SetPassword.
func checkChange(user identity.User, username, newPassword string) error {
	if user.Username == "" {
		if username == "" {
			return oauth.NewError(oauth.InvalidRequest,
				"Choose a user name: it is needed to sign in with a password.")
		}
		if err := checkUsername(username); err != nil {
			return err
		}
		return checkPassword(username, newPassword)
	}
	if username != "" && !sameName(username, user.Username) {
		return oauth.NewError(oauth.InvalidRequest, "A user name cannot be changed. Omit it or send the current one.")
	}
	return checkPassword(user.Username, newPassword)
}

func sameName(one, other string) bool {
	a, err1 := identity.CanonicalUsername(one)
	b, err2 := identity.CanonicalUsername(other)
	return err1 == nil && err2 == nil && a == b
}
