package signin

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// errBadPassword is the same for an unknown user, a wrong password, a user without a password and a disabled
// user.
var errBadPassword = oauth.NewError(oauth.InvalidGrant, "The user name or the password is wrong.")

// hashRetry is the Retry-After if all hashing slots are in use.
const hashRetry = 2 * time.Second

// Password authenticates a user by user name and password. It counts the attempt before it hashes the password, and
// hashes the password even if the user is unknown. It returns
//   - oauth.InvalidGrant if the name or the password is wrong, or the user is disabled or will be deleted,
//   - oauth.TooManyRequests if there were too many attempts, or the user signs in too often,
//   - oauth.TemporarilyUnavailable if the store fails or too many passwords are being hashed.
func (s *Service) Password(ctx context.Context, r Request, username, secret string) (identity.User, error) {
	attempt, err := s.countAttempt(ctx, username, r.Client.ID, r.Address)
	if err != nil {
		return identity.User{}, err
	}
	user, err := s.checkPassword(ctx, attempt.caller(), username, secret)
	if err != nil {
		return identity.User{}, s.failed(ctx, attempt, r.Client.ID, err)
	}
	var counted sync.WaitGroup // beside the rest, which waits for the store once more
	counted.Go(func() { s.succeeded(ctx, attempt) })
	defer counted.Wait()
	if err := s.checkDeletion(ctx, r, user); err != nil {
		return identity.User{}, err
	}
	return user, s.countSignIn(ctx, r, user)
}

// checkPassword returns the enabled user with this name and password, or errBadPassword.
func (s *Service) checkPassword(ctx context.Context, caller password.Caller, username, secret string,
) (identity.User, error) {
	user, err := s.users.FindByUsername(ctx, username)
	if err != nil && !isNotFound(err) {
		return identity.User{}, oauth.StoreFailed(err)
	}
	if user.PasswordHash == "" {
		if err := s.hasher.CheckUnknown(ctx, caller, canonical(username), secret); err != nil {
			return identity.User{}, hasherFailed(err)
		}
		return identity.User{}, errBadPassword
	}
	right, outdated, err := s.hasher.Check(ctx, caller, user.PasswordHash, secret)
	switch {
	case err != nil:
		return identity.User{}, hasherFailed(err)
	case !right || user.Disabled():
		return identity.User{}, errBadPassword
	}
	if outdated {
		s.renewHash(ctx, caller, user, secret)
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

// renewHash replaces a hash that was imported or has outdated parameters. That is possible only during a sign-in, when
// the password is known. If it fails, the sign-in still succeeds, and the next one tries again.
func (s *Service) renewHash(ctx context.Context, caller password.Caller, user identity.User, secret string) {
	hash, err := s.hasher.Hash(ctx, caller, secret)
	if err == nil {
		_, err = s.users.ReplacePasswordHash(ctx, user.ID, user.PasswordHash, hash)
	}
	if err != nil {
		s.logger.WarnContext(ctx, "cannot renew the hash of a password; the next sign-in tries again", "user",
			user.ID, "error", err)
	}
}
