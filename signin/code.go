package signin

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// CodeTimeout is the time limit of a sign-in by code, which does not include issuing the tokens.
const CodeTimeout = 15 * time.Second

var errInBrowser = oauth.NewError(oauth.UnauthorizedClient,
	"Codes of official accounts and websites pass through browsers: only a confidential client may trade them.")

// Code is a platform's code and the app that it was made for.
type Code struct {
	Platform Platform
	AppID    string
	Text     string
}

// Person is the user that a code identified.
type Person struct {
	User     identity.User
	Account  identity.AccountKey
	App      identity.App
	Login    Login
	AuthTime time.Time // equal to User.CreatedAt if this sign-in created the user
}

// Code trades a code and returns its user, who is created on the first sign-in. The code also authenticates a
// mini-program, because the platform accepts it only for the app that the client is registered with. The code is used
// up even if Code returns an error; the error wraps wechat.ErrCodeUsed if it was used before. Code returns
//   - oauth.InvalidGrant if the platform rejects the code or the user, or the user is disabled or will be deleted,
//   - oauth.UnauthorizedClient if a public client sends a code that passed through a browser,
//   - oauth.TooManyRequests if the address has sent too many bad codes, or the user signs in too often,
//   - oauth.ServerError if the app is not registered here or the platform rejects its configuration,
//   - oauth.TemporarilyUnavailable if the platform or the store fails.
func (s *Service) Code(ctx context.Context, r Request, code Code) (Person, error) {
	app, login, err := s.trade(ctx, r, code)
	if err != nil {
		return Person{}, err
	}
	answered := s.now()
	account := identity.AccountKey{Platform: app.Platform, App: app.ID, Subject: login.Subject}
	user, created, err := s.accounts.FindOrCreateUser(ctx,
		identity.ExternalIdentity{AccountKey: account, UnionID: login.UnionID, OpenPlatform: app.OpenPlatform})
	if err != nil {
		return Person{}, oauth.StoreFailed(err)
	}
	if user.Disabled() {
		return Person{}, oauth.NewError(oauth.InvalidGrant, "This user is disabled.")
	}
	if err := s.checkDeletion(ctx, r, user); err != nil {
		return Person{}, err
	}
	if err := s.countSignIn(ctx, r, user); err != nil {
		return Person{}, err
	}
	s.keepSessionKey(ctx, r.Client, app.ID, login, answered)
	authTime := s.now()
	if created {
		authTime = user.CreatedAt
	}
	return Person{User: user, Account: account, App: app, Login: login, AuthTime: authTime}, nil
}

// trade asks the platform who signed in. It counts rejected codes by address.
func (s *Service) trade(ctx context.Context, r Request, code Code) (identity.App, Login, error) {
	app, err := FindApp(ctx, s.apps, code.Platform.Name(), code.AppID)
	if err != nil {
		return app, Login{}, err
	}
	if app.InBrowser() && !r.Client.Confidential {
		return app, Login{}, errInBrowser
	}
	if !wechat.PlausibleCode(code.Text) { // never reaches the platform, so it is not counted
		return app, Login{}, s.platformFailed(ctx, r.Client, code.Platform, wechat.ErrBadCode)
	}
	uses, err := s.countCode(ctx, r)
	if err != nil {
		return app, Login{}, err
	}
	login, err := code.Platform.Trade(ctx, app, code.Text)
	s.traded(ctx, r, uses, err)
	if err != nil {
		return app, login, s.platformFailed(ctx, r.Client, code.Platform, err)
	}
	return app, login, nil
}

// keepSessionKey stores a sign-in's session key if a client of the app may use it: a key that is not needed is not
// stored, not even encrypted. A failure is only logged, because the sign-in does not depend on the key.
func (s *Service) keepSessionKey(ctx context.Context, client clients.Client, appID string, login Login,
	answered time.Time,
) {
	// A login without a key has already been logged.
	if login.SessionKey.Zero() || !s.clients.WantsSessionKeys(ctx, client, appID) {
		return
	}
	account := wechat.Account{AppID: appID, OpenID: login.Subject}
	if err := s.vault.Keep(ctx, account, login.SessionKey, answered); err != nil {
		s.logger.WarnContext(ctx, "cannot store a session key: encrypted data of this user cannot be decrypted "+
			"until the next sign-in", "appid", appID, "error", err)
	}
}
