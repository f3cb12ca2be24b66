package signin

import (
	"context"
	"sync"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/idempotency"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// CodeTimeout is the time limit of a sign-in by code, which does not include issuing the tokens.
const CodeTimeout = 15 * time.Second

var errInBrowser = oauth.NewError(oauth.UnauthorizedClient,
	"Codes of official accounts and websites pass through browsers: only a confidential client may exchange them.")

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

// Exchange is a platform's answer to a code.
type Exchange struct {
	App      identity.App
	Login    Login
	At       time.Time // when the platform answered
	Recalled bool      // an earlier request of a repeatable sign-in sent the code

	uses *limits.Uses // to give back; nil if the code was not counted
}

// Exchange asks the platform who a code identifies. The code is used up even if Exchange returns an error; the error
// wraps wechat.ErrCodeUsed if it was used before. repeat is nil if the sign-in is not repeatable. Otherwise
// Exchange keeps the answer to a repeatable one until the code would have expired, so that a repeated request succeeds
// if the first one failed later. The caller must call Forget after the sign-in has succeeded. Exchange returns
//   - oauth.InvalidGrant if the platform rejects the code or the user,
//   - oauth.UnauthorizedClient if a public client sends a code that passed through a browser,
//   - oauth.TooManyRequests if the address has sent too many bad codes,
//   - oauth.ServerError if the app is not registered here or the platform rejects its configuration,
//   - oauth.TemporarilyUnavailable if the platform or the store fails.
func (s *Service) Exchange(ctx context.Context, r Request, code Code, repeat *idempotency.Request) (Exchange, error) {
	app, err := FindApp(ctx, s.apps, code.Platform.Name(), code.AppID)
	if err != nil {
		return Exchange{}, err
	}
	if app.InBrowser() && !r.Client.Confidential && !r.atPage {
		return Exchange{}, errInBrowser
	}
	exchange := Exchange{App: app}
	if s.recall(ctx, repeat, &exchange) {
		return exchange, nil
	}
	if exchange.Login, exchange.uses, err = s.ask(ctx, r, app, code); err != nil {
		return Exchange{}, err
	}
	exchange.At = s.now()
	s.keep(ctx, repeat, exchange)
	return exchange, nil
}

// ask sends a code to its platform. It counts rejected codes, but not those that cannot be the platform's. It returns
// the uses that it has counted if the code is good.
func (s *Service) ask(ctx context.Context, r Request, app identity.App, code Code) (Login, *limits.Uses, error) {
	if !wechat.PlausibleCode(code.Text) {
		return Login{}, nil, s.platformFailed(ctx, r.Client, code.Platform, app, wechat.ErrBadCode)
	}
	uses, err := s.countCode(ctx, r)
	if err != nil {
		return Login{}, nil, err
	}
	login, err := code.Platform.Exchange(ctx, app, code.Text)
	if err != nil {
		s.codeFailed(ctx, r, uses, err)
		return Login{}, nil, s.platformFailed(ctx, r.Client, code.Platform, app, err)
	}
	return login, uses, nil
}

// Person returns the user that an exchange identified, who is created on the first sign-in. It returns the errors of
// [Service.Admit].
func (s *Service) Person(ctx context.Context, r Request, exchange Exchange) (Person, error) {
	var counted sync.WaitGroup // beside the rest, which waits for the store once more
	counted.Go(func() { s.codeSucceeded(ctx, r, exchange.uses) })
	defer counted.Wait()
	app, login := exchange.App, exchange.Login
	account := identity.AccountKey{Platform: app.Platform, App: app.ID, Subject: login.Subject}
	user, created, err := s.accounts.FindOrCreateUser(ctx,
		identity.ExternalIdentity{AccountKey: account, UnionID: login.UnionID, OpenPlatform: app.OpenPlatform})
	if err != nil {
		return Person{}, oauth.StoreFailed(err)
	}
	if err := s.Admit(ctx, r, user); err != nil {
		return Person{}, err
	}
	s.keepSessionKey(ctx, r.Client, app.ID, login, exchange.At)
	authTime := s.now()
	if created {
		authTime = user.CreatedAt
	}
	return Person{User: user, Account: account, App: app, Login: login, AuthTime: authTime}, nil
}

// Admit checks that a user who has been identified may sign in, and counts it. It returns
//   - oauth.InvalidGrant if the user is disabled or will be deleted,
//   - oauth.TooManyRequests if the user signs in too often,
//   - oauth.TemporarilyUnavailable if the store fails.
//
// If the sign-in then fails by the server's fault, the caller gives it back with [Service.GiveBack].
func (s *Service) Admit(ctx context.Context, r Request, user identity.User) error {
	if user.Disabled() {
		return oauth.NewError(oauth.InvalidGrant, "This user is disabled.")
	}
	if err := s.checkDeletion(ctx, r, user); err != nil {
		return err
	}
	return s.countSignIn(ctx, r, user)
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
