package signin

import (
	"context"
	"slices"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

var errNotProved = oauth.NewError(oauth.InsufficientUserAuthentication, "That does not prove who you are. Send your "+
	"current password, or a new code of an account that is already linked.")

// ProvePassword checks a user's password. It counts as a sign-in attempt, so that it cannot be used to get around the
// limits. It returns oauth.InsufficientUserAuthentication if the password is wrong, oauth.TooManyRequests if there
// were too many attempts, and oauth.TemporarilyUnavailable if too many passwords are being hashed.
func (s *Service) ProvePassword(ctx context.Context, user identity.User, secret, address string) error {
	if user.Username == "" || user.PasswordHash == "" {
		return errNotProved
	}
	attempt, err := s.countAttempt(ctx, user.Username, "", address)
	if err != nil {
		return err
	}
	right, _, err := s.hasher.Check(ctx, attempt.caller(), user.PasswordHash, secret)
	switch {
	case err != nil:
		return s.failed(ctx, attempt, "", hasherFailed(err))
	case !right:
		return s.failed(ctx, attempt, "", errNotProved)
	}
	s.succeeded(ctx, attempt)
	return nil
}

// ProveCode exchanges a code of one of a client's apps for a signed-in user, and returns the account at the platform.
// It creates no user. It returns
//   - oauth.InvalidRequest if appID does not name an app of the client, or is empty and the client has several,
//   - oauth.InvalidGrant if the platform rejects the code or the user,
//   - oauth.UnauthorizedClient if the code passed through a browser,
//   - oauth.TooManyRequests if the user has sent too many bad codes,
//   - oauth.ServerError if the app is not registered here or the platform rejects its configuration,
//   - oauth.TemporarilyUnavailable if the platform or the store fails.
func (s *Service) ProveCode(ctx context.Context, user identity.User, clientID, appID, code, address string,
) (identity.ExternalIdentity, error) {
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
	// Go on if the caller disconnects: the code is used up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), CodeTimeout)
	defer cancel()
	// The client has not authenticated here, only its user has. So reject codes that pass through a browser, even if
	// the client's record says that it is confidential.
	client.Confidential = false
	r := Request{Client: client, Address: address, userID: user.ID}
	exchange, err := s.Exchange(ctx, r, Code{platform, appID, code}, nil)
	if err != nil {
		return identity.ExternalIdentity{}, err
	}
	s.codeSucceeded(ctx, r, exchange.uses)
	app, login := exchange.App, exchange.Login
	key := identity.AccountKey{Platform: app.Platform, App: app.ID, Subject: login.Subject}
	if _, err := s.accounts.Find(ctx, key); err == nil { // the account's previous session key is now stale
		s.keepSessionKey(ctx, client, app.ID, login, exchange.At)
	}
	return identity.ExternalIdentity{AccountKey: key, UnionID: login.UnionID, OpenPlatform: app.OpenPlatform}, nil
}

// platformOf returns the platform of an app whose codes a client may exchange, or oauth.InvalidRequest.
func (s *Service) platformOf(client clients.Client, appID string) (Platform, error) {
	if appID == "" {
		return nil, oauth.NewError(oauth.InvalidRequest,
			"The client has several apps or none: name the app that the code is from.")
	}
	for name, platform := range s.platforms {
		if client.Allows(name) && platform.Owns(appID) && slices.Contains(client.Apps, appID) {
			return platform, nil
		}
	}
	return nil, oauth.NewError(oauth.InvalidRequest, "The client may not exchange codes of that app.")
}
