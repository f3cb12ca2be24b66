package signin

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// One answer for an unknown user, a wrong password, a user without password and a disabled one.
var errBadPassword = oauth.NewError(oauth.InvalidGrant, "The user name or the password is wrong.")

// hashRetry is how long to wait when all places for hashing are taken.
const hashRetry = 2 * time.Second

// Password returns the user whose name and password these are. Attempts are counted before the hash runs, and the
// hash runs for unknown users too.
func (s *Service) Password(ctx context.Context, r Request, username, secret string) (identity.User, error) {
	attempt := newAttempt(username, r.Address)
	if err := s.countAttempt(ctx, attempt); err != nil {
		return identity.User{}, err
	}
	user, err := s.checkPassword(ctx, r, username, secret)
	if err != nil {
		return identity.User{}, err
	}
	s.forgetAttempts(ctx, attempt)
	return user, s.checkDeletion(ctx, r, user)
}

// checkPassword returns the enabled user whose password this is.
func (s *Service) checkPassword(ctx context.Context, r Request, username, secret string) (identity.User, error) {
	user, err := s.users.FindByUsername(ctx, username)
	if err != nil && !isNotFound(err) {
		return identity.User{}, oauth.StoreFailed(err)
	}
	right, outdated, err := s.hasher.Check(ctx, r.Address, user.PasswordHash, secret)
	switch {
	case err != nil:
		return identity.User{}, hasherFailed(err)
	case !right || user.ID == "" || user.Disabled():
		return identity.User{}, errBadPassword
	}
	if outdated {
		s.renewHash(ctx, r, user, secret)
	}
	return user, nil
}

func hasherFailed(err error) error {
	if errors.Is(err, password.ErrBusy) {
		return oauth.Unavailable("Too many people are signing in with a password right now. Try again shortly.",
			hashRetry, err)
	}
	return err
}

// renewHash replaces a hash that was imported, or made with other parameters, by one of ours: only now is the
// password at hand. A sign-in does not fail by it; the next one tries again.
func (s *Service) renewHash(ctx context.Context, r Request, user identity.User, secret string) {
	hash, err := s.hasher.Hash(ctx, r.Address, secret)
	if err == nil {
		_, err = s.users.ReplacePasswordHash(ctx, user.ID, user.PasswordHash, hash)
	}
	if err != nil {
		s.logger.WarnContext(ctx, "cannot renew the hash of a password; its next sign-in tries again", "user",
			user.ID, "error", err)
	}
}
