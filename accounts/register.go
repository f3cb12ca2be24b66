package accounts

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// Register creates a user with a user name and a password. from is the IP address of the request. The caller of
// Register must check that the client may register users. Register returns
//   - oauth.InvalidRequest if the user name is not allowed,
//   - oauth.WeakPassword if the password is not allowed,
//   - oauth.UsernameTaken if another user has the name,
//   - oauth.TooManyRequests if too many users are registering,
//   - oauth.TemporarilyUnavailable if the store fails or too many passwords are being hashed.
func (a *Accounts) Register(ctx context.Context, clientID, from, username, secret string) (identity.User, error) {
	if err := checkUsername(username); err != nil {
		return identity.User{}, err
	}
	if err := checkPassword(username, secret); err != nil {
		return identity.User{}, err
	}
	address := limits.ByAddress(limits.AddressRegistrations, from).About(identity.Event{ClientID: clientID})
	all := limits.Of(limits.Registrations).About(identity.Event{ClientID: clientID})
	// Count before names are looked up, so that they cannot be guessed in bulk; the address first, so that one network
	// cannot use up the registrations of all.
	if err := a.limiter.CountEach(ctx, address, all); err != nil {
		return identity.User{}, err
	}
	user, err := a.create(ctx, from, username, secret)
	if err != nil {
		if errors.Is(err, oauth.TemporarilyUnavailable) {
			a.limiter.GiveBack(ctx, address, all)
		}
		return identity.User{}, err
	}
	// A failure to record is only logged: the user exists, and a second attempt would find the name taken.
	event := identity.Event{Kind: identity.EventRegistered, UserID: user.ID, ClientID: clientID}
	identity.RecordOrLog(ctx, a.events, a.logger, event)
	return user, nil
}

// create creates a user with a name and a password that are allowed.
func (a *Accounts) create(ctx context.Context, address, username, secret string) (identity.User, error) {
	if err := a.checkFree(ctx, username); err != nil { // before hashing, which is expensive
		return identity.User{}, err
	}
	hash, err := a.hash(ctx, password.Caller{Network: limits.Network(address)}, secret)
	if err != nil {
		return identity.User{}, err
	}
	user, err := a.users.Create(ctx, username, hash)
	if err != nil {
		return identity.User{}, nameFailed(err)
	}
	return user, nil
}

// hash hashes a password that checkPassword has accepted.
func (a *Accounts) hash(ctx context.Context, caller password.Caller, secret string) (string, error) {
	hash, err := a.hasher.Hash(ctx, caller, secret)
	switch {
	case errors.Is(err, password.ErrBusy):
		return "", oauth.Unavailable("Too many passwords are being hashed right now. Try again shortly.",
			hashRetry, err)
	case err != nil:
		return "", oauth.Unavailable("The password could not be set right now. Try again shortly.", hashRetry, err)
	}
	return hash, nil
}
