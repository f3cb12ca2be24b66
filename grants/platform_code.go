package grants

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat"
)

const (
	maxCodeLength = 512
	// signInTimeout bounds what a sign-in does until its tokens are issued; enrichTimeout, what is done with
	// what came with it.
	signInTimeout = 15 * time.Second
	enrichTimeout = 5 * time.Second
)

var errInBrowser = &oauth.Error{
	Code: oauth.UnauthorizedClient,
	Description: "Codes of official accounts and websites travel through browsers: only a confidential " +
		"client may trade them.",
}

// signIn is a sign-in by a code of a platform's.
type signIn struct {
	Request
	platform Platform
	appID    string
	code     string
}

// platformCode is the grant of one platform, under the name that clients are registered for.
func (m *Manager) platformCode(name string, platform Platform) grant {
	return func(ctx context.Context, r Request) (tokens.Set, error) {
		s := signIn{Request: r, platform: platform, code: r.Parameter("code")}
		if s.code == "" || len(s.code) > maxCodeLength || strings.ContainsFunc(s.code, notVisible) {
			return tokens.Set{}, oauth.NewError(oauth.InvalidRequest, "code is missing or is not a code. "+
				platform.Again())
		}
		if err := checkExtras(r); err != nil {
			return tokens.Set{}, err
		}
		var err error
		if s.appID, err = chooseApp(r, platform); err != nil {
			return tokens.Set{}, err
		}
		// A caller who hangs up must not stop what the platform has taken the code for: its repeat wants the answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signInTimeout)
		defer cancel()
		return m.signInOnce(ctx, name, s)
	}
}

// signInOnce trades a code. A mini-program proves itself by it: the platform accepted it for the app that the
// client is registered with. With an Idempotency-Key a repeat gets the first answer, since the code itself
// works only once.
func (m *Manager) signInOnce(ctx context.Context, name string, s signIn) (tokens.Set, error) {
	var openings []tokens.Opening
	if s.Key != "" {
		openings = m.Issuer.Openings(name, s.Client.ID, s.code, s.Key)
	}
	if len(openings) > 0 {
		set, found, land, err := m.takeOff(ctx, s, openings)
		if found || err != nil {
			return set, err
		}
		defer land()
	}
	authorization, remarks, err := m.exchange(ctx, s)
	if errors.Is(err, wechat.ErrCodeUsed) { // perhaps by a twin whose note was lost
		if set, found, err2 := m.repeat(ctx, s, openings); found || err2 != nil {
			return set, err2
		}
	}
	if err != nil {
		return tokens.Set{}, err
	}
	if len(openings) > 0 {
		authorization.Opening = &openings[0]
	}
	// The store has its own patience: what the platform took so long for is not lost to what little time is left.
	set, err := m.issue(context.WithoutCancel(ctx), authorization)
	if errors.Is(err, identity.ErrExists) { // a twin on another replica got the same code accepted
		var found bool
		if set, found, err = m.repeat(ctx, s, openings); err == nil && !found { // its session is gone already
			err = errCodeTwice
		}
	}
	set.Remarks = remarks
	return set, err
}

// chooseApp returns the app whose code this is: the client's only one of the platform, or the one that it names.
func chooseApp(r Request, platform Platform) (string, error) {
	named := r.Parameter("appid")
	apps := slices.DeleteFunc(slices.Clone(r.Client.Apps), func(id string) bool { return !platform.Owns(id) })
	switch {
	case named == "" && len(apps) == 1:
		return apps[0], nil
	case named == "":
		return "", oauth.NewError(oauth.InvalidRequest, "The client has several apps or none: name one with appid.")
	case !slices.Contains(apps, named):
		return "", oauth.NewError(oauth.InvalidRequest, "appid is not an app of this client.")
	}
	return named, nil
}

// trade asks the platform who signed in. Codes that it refuses are counted by address.
func (m *Manager) trade(ctx context.Context, s signIn) (identity.App, Login, error) {
	app, err := m.findApp(ctx, s.platform.Name(), s.appID)
	if err != nil {
		return app, Login{}, err
	}
	if app.InBrowser() && !s.Client.Confidential {
		return app, Login{}, errInBrowser
	}
	if err := m.checkBadCodes(ctx, s.Address); err != nil {
		return app, Login{}, err
	}
	login, err := s.platform.Trade(ctx, app, s.code)
	if errors.Is(err, wechat.ErrBadCode) {
		m.countBadCode(ctx, s.Address)
	}
	if err != nil {
		return app, login, m.platformRefused(ctx, s.Client, s.platform, err)
	}
	return app, login, nil
}

// exchange finds or makes the user of a code.
func (m *Manager) exchange(ctx context.Context, s signIn) (tokens.Authorization, map[string]string, error) {
	app, login, err := m.trade(ctx, s)
	if err != nil {
		return tokens.Authorization{}, nil, err
	}
	answered := m.Now()
	account := identity.AccountKey{Platform: app.Platform, App: app.ID, Subject: login.Subject}
	user, created, err := m.Accounts.FindOrCreateUser(ctx, identity.Sighting{AccountKey: account,
		UnionID: login.UnionID, OpenPlatform: app.OpenPlatform})
	if err != nil {
		return tokens.Authorization{}, nil, oauth.StoreFailed(err)
	}
	if user.Disabled() {
		return tokens.Authorization{}, nil, oauth.NewError(oauth.InvalidGrant, "This user is disabled.")
	}
	if err := m.checkLeaving(ctx, s.Request, user); err != nil {
		return tokens.Authorization{}, nil, err
	}
	m.keepSessionKey(ctx, s.Client, app.ID, login, answered)
	authTime := m.Now()
	if created {
		authTime = user.CreatedAt
	}
	remarks := m.enrich(ctx, enrichment{Request: s.Request, app: app, login: login, account: account, userID: user.ID})
	return tokens.Authorization{
		Client: s.Client, User: user, Account: account, UnionID: login.UnionID, Scope: s.Scope,
		Method: s.platform.Name(), AuthTime: authTime, Device: s.Device,
	}, remarks, nil
}

// findApp returns a registered app.
func (m *Manager) findApp(ctx context.Context, platform, id string) (identity.App, error) {
	app, err := m.Apps.Find(ctx, platform, id)
	switch {
	case isNotFound(err):
		return app, &oauth.Error{Code: oauth.ServerError,
			Description: "The client's app is not registered here. Its operator must add it."}
	case err != nil:
		return app, oauth.StoreFailed(err)
	}
	return app, nil
}
