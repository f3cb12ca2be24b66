package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// RegistrationPolicy limits registrations. A zero value means the default.
type RegistrationPolicy struct {
	PerAddress int // per hour from one IP address; default 10
	Total      int // per hour from all addresses; default 1000
}

const registrationPeriod = time.Hour

func (p RegistrationPolicy) orDefaults() RegistrationPolicy {
	if p.PerAddress <= 0 {
		p.PerAddress = 10
	}
	if p.Total <= 0 {
		p.Total = 1000
	}
	return p
}

// Register creates a user with a user name and a password. The caller must check that the client may register users.
// Register returns
//   - oauth.InvalidRequest if the user name is not allowed,
//   - oauth.WeakPassword if the password is not allowed,
//   - oauth.UsernameTaken if another user has the name,
//   - oauth.TooManyRequests if too many users are registering,
//   - oauth.TemporarilyUnavailable if the store fails or too many passwords are being hashed.
func (a *Accounts) Register(ctx context.Context, clientID, address, username, secret string) (identity.User, error) {
	if err := checkUsername(username); err != nil {
		return identity.User{}, err
	}
	if err := checkPassword(username, secret); err != nil {
		return identity.User{}, err
	}
	if err := a.countAddress(ctx, address); err != nil {
		return identity.User{}, err
	}
	if err := a.checkFree(ctx, username); err != nil { // before hashing, which is expensive
		return identity.User{}, err
	}
	if err := a.allow(ctx, "registrations/together", a.registrations.Total); err != nil {
		return identity.User{}, err
	}
	hash, err := a.hash(ctx, address, secret)
	if err != nil {
		return identity.User{}, err
	}
	user, err := a.users.Create(ctx, username, hash)
	if err != nil {
		return identity.User{}, nameFailed(err)
	}
	// A failure to record is only logged: the user exists, and a second attempt would find the name taken.
	event := identity.Event{Kind: identity.EventRegistered, UserID: user.ID, ClientID: clientID}
	identity.RecordOrLog(ctx, a.events, a.logger, event)
	return user, nil
}

// countAddress applies the limit of an address. It runs before names are looked up, so that they cannot be guessed in
// bulk, and before the common limit, so that one address cannot exhaust it. For callers with an unknown address only
// the common limit applies.
func (a *Accounts) countAddress(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	return a.allow(ctx, "registrations/address/"+address, a.registrations.PerAddress)
}

func (a *Accounts) allow(ctx context.Context, key string, limit int) error {
	rate := limits.Rate{Uses: limit, Period: registrationPeriod}
	return a.limiter.Allow(ctx, key, rate, "Too many users are registering. Wait before trying again.")
}

// hash hashes a password that checkPassword has accepted.
func (a *Accounts) hash(ctx context.Context, address, secret string) (string, error) {
	hash, err := a.hasher.Hash(ctx, address, secret)
	switch {
	case errors.Is(err, password.ErrBusy):
		return "", oauth.Unavailable("Too many passwords are being hashed right now. Try again shortly.",
			hashRetry, err)
	case err != nil:
		return "", oauth.Unavailable("The password could not be set right now. Try again shortly.", hashRetry, err)
	}
	return hash, nil
}
