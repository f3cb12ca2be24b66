package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/identity"
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
	if err := a.allow(ctx, "registrations/together", a.Registrations.Together); err != nil {
		return identity.User{}, err
	}
	hash, err := a.hash(ctx, address, secret)
	if err != nil {
		return identity.User{}, err
	}
	user, err := a.Users.Create(ctx, username, hash)
	if err != nil {
		return identity.User{}, nameFailed(err)
	}
	a.recordRegistered(ctx, identity.Event{Kind: identity.EventRegistered, UserID: user.ID, ClientID: clientID})
	return user, nil
}

// countAddress counts before anything is looked up, so that names cannot be tried out in bulk. An address
// beyond its bound uses up nobody else's. Callers whose address is unknown share no bound of ten: only the
// one of all together holds for them.
func (a *Accounts) countAddress(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	return a.allow(ctx, "registrations/address/"+address, a.Registrations.PerAddress)
}

func (a *Accounts) allow(ctx context.Context, key string, limit int) error {
	wait, err := a.Volatile.Allow(ctx, key, limit, registrationPeriod)
	if err != nil {
		return oauth.StoreFailed(err)
	}
	if wait > 0 {
		return &oauth.Error{Code: oauth.TooManyRequests,
			Description: "Too many people are registering. Wait before trying again.", RetryAfter: wait}
	}
	return nil
}

// recordRegistered does not decide: the user is there, and whoever were told otherwise would find the name taken.
func (a *Accounts) recordRegistered(ctx context.Context, event identity.Event) {
	if err := a.Events.Record(context.WithoutCancel(ctx), event); err != nil {
		a.Logger.ErrorContext(ctx, "cannot write the audit log", "kind", event.Kind, "user", event.UserID, "error", err)
	}
}

// hash returns the hash of a password that checkPassword let pass.
func (a *Accounts) hash(ctx context.Context, address, secret string) (string, error) {
	hash, err := a.Hasher.Hash(ctx, address, secret)
	switch {
	case errors.Is(err, password.ErrBusy):
		return "", oauth.Unavailable("Too many passwords are being checked right now. Try again shortly.",
			hashRetry, err)
	case err != nil:
		return "", oauth.Unavailable("The password could not be set right now. Try again shortly.", hashRetry, err)
	}
	return hash, nil
}
