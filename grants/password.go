package grants

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/tokens"
)

// One answer for an unknown user, a wrong password, a user without password and a disabled one.
var errBadPassword = oauth.NewError(oauth.InvalidGrant, "The user name or the password is wrong.")

// hashRetry is how long to wait when all places for hashing are taken.
const hashRetry = 2 * time.Second

// password is the grant of RFC 6749 §4.3. RFC 9700 §2.4 forbids it, so only first-party clients that are
// allowed it get here. Attempts are counted before the hash runs, and the hash runs for unknown users too.
func (m *Manager) password(ctx context.Context, r Request) (tokens.Set, error) {
	username, secret := r.Parameter("username"), r.Parameter("password")
	if username == "" || secret == "" {
		return tokens.Set{}, oauth.NewError(oauth.InvalidRequest, "username and password are both required.")
	}
	attempt := newAttempt(username, r.Address)
	if err := m.countAttempt(ctx, attempt); err != nil {
		return tokens.Set{}, err
	}
	user, err := m.proveUser(ctx, r, username, secret)
	if err != nil {
		return tokens.Set{}, err
	}
	m.forgetAttempts(ctx, attempt)
	if err := m.checkLeaving(ctx, r, user); err != nil {
		return tokens.Set{}, err
	}
	return m.issue(ctx, tokens.Authorization{
		Client: r.Client, User: user, Scope: r.Scope, Method: identity.MethodPassword, AuthTime: m.Now(),
		Device: r.Device,
	})
}

// proveUser returns the enabled user whose password this is.
func (m *Manager) proveUser(ctx context.Context, r Request, username, secret string) (identity.User, error) {
	user, err := m.Users.FindByUsername(ctx, username)
	if err != nil && !isNotFound(err) {
		return identity.User{}, oauth.StoreFailed(err)
	}
	right, outdated, err := m.Hasher.Check(ctx, r.Address, user.PasswordHash, secret)
	switch {
	case err != nil:
		return identity.User{}, hasherFailed(err)
	case !right || user.ID == "" || user.Disabled():
		return identity.User{}, errBadPassword
	}
	if outdated {
		m.renewHash(ctx, r, user, secret)
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
func (m *Manager) renewHash(ctx context.Context, r Request, user identity.User, secret string) {
	hash, err := m.Hasher.Hash(ctx, r.Address, secret)
	if err == nil {
		_, err = m.Users.ReplacePasswordHash(ctx, user.ID, user.PasswordHash, hash)
	}
	if err != nil {
		m.Logger.WarnContext(ctx, "cannot renew the hash of a password; its next sign-in tries again", "user",
			user.ID, "error", err)
	}
}

// issue opens the session of a proved user.
func (m *Manager) issue(ctx context.Context, authorization tokens.Authorization) (tokens.Set, error) {
	set, err := m.Issuer.Issue(ctx, authorization)
	switch {
	case err == nil || errors.Is(err, identity.ErrExists):
		return set, err
	case errors.Is(err, identity.ErrStale):
		return tokens.Set{}, oauth.NewError(oauth.InvalidGrant,
			"The user was disabled or changed during this sign-in. Sign in again.")
	}
	return tokens.Set{}, tokens.Failed(err)
}
