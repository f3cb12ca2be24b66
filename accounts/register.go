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

// RegistrationPolicy says how many people may register. Zero values are replaced by the defaults that stand
// behind them.
type RegistrationPolicy struct {
	PerAddress int // in an hour: 10
	Together   int // in an hour, from all addresses: 1000
}

const registrationPeriod = time.Hour

func (p RegistrationPolicy) orDefaults() RegistrationPolicy {
	if p.PerAddress <= 0 {
		p.PerAddress = 10
	}
	if p.Together <= 0 {
		p.Together = 1000
	}
	return p
}

// Register adds a user who signs in by name and password. Whoever calls has made sure that the client may.
// oauth.InvalidRequest, oauth.WeakPassword, oauth.TooManyRequests, oauth.UsernameTaken, oauth.TemporarilyUnavailable.
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
	if err := a.checkFree(ctx, username); err != nil { // before hashing, so that a taken name costs nothing
		return identity.User{}, err
	}
	if err := a.allow(ctx, "registrations/together", a.registrations.Together); err != nil {
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
	// It does not decide: the user is there, and who was told otherwise would find the name taken.
	event := identity.Event{Kind: identity.EventRegistered, UserID: user.ID, ClientID: clientID}
	identity.RecordOrLog(ctx, a.events, a.logger, event)
	return user, nil
}

// countAddress counts before anything is looked up, so that names cannot be tried out in bulk. An address
// beyond its bound uses up nobody else's. Callers whose address is unknown share no bound of ten: only the
// one of all together holds for them.
func (a *Accounts) countAddress(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	return a.allow(ctx, "registrations/address/"+address, a.registrations.PerAddress)
}

func (a *Accounts) allow(ctx context.Context, key string, limit int) error {
	rate := limits.Rate{Uses: limit, Period: registrationPeriod}
	return a.limiter.Allow(ctx, key, rate, "Too many people are registering. Wait before trying again.")
}

// hash returns the hash of a password that checkPassword let pass.
func (a *Accounts) hash(ctx context.Context, address, secret string) (string, error) {
	hash, err := a.hasher.Hash(ctx, address, secret)
	switch {
	case errors.Is(err, password.ErrBusy):
		return "", oauth.Unavailable("Too many passwords are being checked right now. Try again shortly.",
			hashRetry, err)
	case err != nil:
		return "", oauth.Unavailable("The password could not be set right now. Try again shortly.", hashRetry, err)
	}
	return hash, nil
}
