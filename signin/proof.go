package signin

import (
	"context"
	"slices"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

var errNotProved = oauth.NewError(oauth.InsufficientUserAuthentication, "That does not prove who you are. Send your "+
	"current password, or a fresh code of an account that is linked already.")

// ProvePassword checks that a password is a user's. It counts like a sign-in, so that guessing here is no way round
// its bounds.
func (s *Service) ProvePassword(ctx context.Context, user identity.User, secret, address string) error {
	if user.Username == "" || user.PasswordHash == "" {
		return errNotProved
	}
	attempt := newAttempt(user.Username, address)
	if err := s.countAttempt(ctx, attempt); err != nil {
		return err
	}
	right, _, err := s.hasher.Check(ctx, address, user.PasswordHash, secret)
	switch {
	case err != nil:
		return hasherFailed(err)
	case !right:
		return errNotProved
	}
	s.forgetAttempts(ctx, attempt)
	return nil
}

// ProveCode trades a code at an app of a client's and returns whose it is. It makes no user.
func (s *Service) ProveCode(ctx context.Context, clientID, appID, code, address string) (identity.ExternalIdentity,
	error) {
	client, err := s.clients.Find(ctx, clientID)
	if err != nil {
		return identity.ExternalIdentity{}, oauth.StoreFailed(err)
	}
	if appID == "" && len(client.Apps) == 1 {
		appID = client.Apps[0]
	}
	platform, err := s.platformOf(client, appID)
	if err != nil {
		return identity.ExternalIdentity{}, err
	}
	// A caller who hangs up must not stop what the platform has taken the code for.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), CodeTimeout)
	defer cancel()
	// Codes that travel through browsers are refused, whatever the client's record says: here it has not proved
	// who it is, and its users have its tokens.
	client.Confidential = false
	app, login, err := s.trade(ctx, Request{Client: client, Address: address}, Code{platform, appID, code})
	if err != nil {
		return identity.ExternalIdentity{}, err
	}
	key := identity.AccountKey{Platform: app.Platform, App: app.ID, Subject: login.Subject}
	if _, err := s.accounts.Find(ctx, key); err == nil { // the key before it is stale now
		s.keepSessionKey(ctx, client, app.ID, login, s.now())
	}
	return identity.ExternalIdentity{AccountKey: key, UnionID: login.UnionID, OpenPlatform: app.OpenPlatform}, nil
}

// platformOf returns the platform of an app whose codes a client may trade.
func (s *Service) platformOf(client clients.Client, appID string) (Platform, error) {
	if appID == "" {
		return nil, oauth.NewError(oauth.InvalidRequest,
			"The client has several apps or none: name the one whose code it is.")
	}
	for name, platform := range s.platforms {
		if client.Allows(name) && platform.Owns(appID) && slices.Contains(client.Apps, appID) {
			return platform, nil
		}
	}
	return nil, oauth.NewError(oauth.InvalidRequest, "The client may not trade codes of that app.")
}
