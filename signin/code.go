package signin

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// CodeTimeout bounds what a sign-in by code does until its tokens are issued.
const CodeTimeout = 15 * time.Second

var errInBrowser = oauth.NewError(oauth.UnauthorizedClient,
	"Codes of official accounts and websites travel through browsers: only a confidential client may trade them.")

// Code is a code of a platform's, and the app that it was made for.
type Code struct {
	Platform Platform
	AppID    string
	Text     string
}

// Person is whom a code named.
type Person struct {
	User     identity.User
	Account  identity.AccountKey
	App      identity.App
	Login    Login
	AuthTime time.Time // the very instant when the user was created, if this sign-in created it
}

// Code trades a code and returns its user, which is made at the first sign-in. A mini-program proves itself by it:
// the platform accepted it for the app that the client is registered with. The code is used up whatever the answer;
// wechat.ErrCodeUsed is among the causes of an error if it had been before.
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
	s.keepSessionKey(ctx, r.Client, app.ID, login, answered)
	authTime := s.now()
	if created {
		authTime = user.CreatedAt
	}
	return Person{User: user, Account: account, App: app, Login: login, AuthTime: authTime}, nil
}

// trade asks the platform who signed in. Codes that it refuses are counted by address.
func (s *Service) trade(ctx context.Context, r Request, code Code) (identity.App, Login, error) {
	app, err := FindApp(ctx, s.apps, code.Platform.Name(), code.AppID)
	if err != nil {
		return app, Login{}, err
	}
	if app.InBrowser() && !r.Client.Confidential {
		return app, Login{}, errInBrowser
	}
	if err := s.checkBadCodes(ctx, r.Address); err != nil {
		return app, Login{}, err
	}
	login, err := code.Platform.Trade(ctx, app, code.Text)
	if errors.Is(err, wechat.ErrBadCode) {
		s.countBadCode(ctx, r.Address)
	}
	if err != nil {
		return app, login, s.platformFailed(ctx, r.Client, code.Platform, err)
	}
	return app, login, nil
}

// keepSessionKey keeps the session key that a sign-in came with, if anybody may ask for what it is needed for: what
// nobody needs is not kept, not even sealed. Who signs in is certain without it, so no fault of the vault decides
// that.
func (s *Service) keepSessionKey(ctx context.Context, client clients.Client, appID string, login Login,
	answered time.Time,
) {
	// of a login without key the log knows already
	if login.SessionKey.Zero() || !s.clients.WantsSessionKeys(ctx, client, appID) {
		return
	}
	account := wechat.Account{AppID: appID, OpenID: login.Subject}
	if err := s.vault.Keep(ctx, account, login.SessionKey, answered); err != nil {
		s.logger.WarnContext(ctx, "cannot keep a session key: encrypted data of this user does not open "+
			"until the next sign-in", "appid", appID, "error", err)
	}
}
