package grants

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	oautherrors "github.com/go-oauth2/oauth2/v4/errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat"
)

const (
	maxCodeLength = 512
	// signInTimeout bounds a whole sign-in, WeChat and storage included.
	signInTimeout = 15 * time.Second
)

var errCodeTwice = invalidGrant("This code was traded before, with other parameters, or its session has moved on. Call wx.login again.")

// wechatCode trades a wx.login code. A mini-program proves itself by the code: WeChat accepted it for the app that the client is
// registered with. With an Idempotency-Key a repeat gets the first answer, since the code itself works only once.
func (m *Manager) wechatCode(ctx context.Context, r Request) (tokens.Set, error) {
	code := r.Parameter("code")
	if code == "" || len(code) > maxCodeLength || strings.ContainsFunc(code, notVisible) {
		return tokens.Set{}, invalidRequest("code is missing or is not a code of wx.login.")
	}
	appID, err := chooseApp(r)
	if err != nil {
		return tokens.Set{}, err
	}
	// A caller who hangs up must not stop what WeChat has taken the code for: its repeat wants the answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signInTimeout)
	defer cancel()
	var openings []tokens.Opening
	if r.Key != "" {
		openings = m.Issuer.Openings(WechatCode, r.Client.ID, code, r.Key)
	}
	if len(openings) > 0 {
		set, found, land, err := m.takeOff(ctx, r, appID, openings)
		if found || err != nil {
			return set, err
		}
		defer land()
	}
	authorization, err := m.exchange(ctx, r, appID, code)
	if errors.Is(err, wechat.ErrCodeUsed) { // perhaps by a twin whose note was lost
		if set, found, err2 := m.repeat(ctx, r, appID, openings); found || err2 != nil {
			return set, err2
		}
	}
	if err != nil {
		return tokens.Set{}, err
	}
	if len(openings) > 0 {
		authorization.Opening = &openings[0]
	}
	set, err := m.issue(ctx, authorization)
	if errors.Is(err, identity.ErrExists) { // a twin on another replica got the same code accepted
		set, _, err = m.repeat(ctx, r, appID, openings)
	}
	return set, err
}

// chooseApp returns the app whose code this is: the client's only one, or the one that it names.
func chooseApp(r Request) (string, error) {
	named := r.Parameter("appid")
	switch {
	case named == "" && len(r.Client.Apps) == 1:
		return r.Client.Apps[0], nil
	case named == "":
		return "", invalidRequest("The client has several apps or none: name one with appid.")
	case !slices.Contains(r.Client.Apps, named):
		return "", invalidRequest("appid is not an app of this client.")
	}
	return named, nil
}

// exchange asks WeChat who signed in, and finds or makes the user.
func (m *Manager) exchange(ctx context.Context, r Request, appID, code string) (tokens.Authorization, error) {
	app, err := m.Apps.Find(ctx, identity.PlatformWechat, appID)
	switch {
	case isNotFound(err):
		return tokens.Authorization{}, &Error{Name: oautherrors.ErrServerError, Description: "The client's app is not registered here. Its operator must add it."}
	case err != nil:
		return tokens.Authorization{}, storeFailed(err)
	}
	if err := m.checkBadCodes(ctx, r.Address); err != nil {
		return tokens.Authorization{}, err
	}
	login, err := m.Wechat.CodeToSession(ctx, wechat.Credentials{AppID: app.ID, Secret: wechat.Secret(app.Secret.Reveal())}, code)
	if errors.Is(err, wechat.ErrBadCode) {
		m.countBadCode(ctx, r.Address)
	}
	if err != nil {
		return tokens.Authorization{}, m.wechatRefused(ctx, r.Client, err)
	}
	answered := m.Now()
	account := identity.AccountKey{Platform: identity.PlatformWechat, App: app.ID, Subject: login.OpenID}
	user, created, err := m.Users.FindOrCreateByAccount(ctx, identity.Sighting{AccountKey: account, UnionID: login.UnionID, OpenPlatform: app.OpenPlatform})
	if err != nil {
		return tokens.Authorization{}, storeFailed(err)
	}
	if user.Disabled() {
		return tokens.Authorization{}, invalidGrant("This user is disabled.")
	}
	m.keepSessionKey(ctx, app.ID, login, answered)
	authTime := m.Now()
	if created {
		authTime = user.CreatedAt
	}
	return tokens.Authorization{
		Client: r.Client, User: user, Account: account, UnionID: login.UnionID, Scope: r.Scope,
		Method: identity.MethodWechat, AuthTime: authTime, Device: r.Device,
	}, nil
}

// repeat answers a sign-in that was answered before: with the same refresh token, as long as nobody has used it.
func (m *Manager) repeat(ctx context.Context, r Request, appID string, openings []tokens.Opening) (tokens.Set, bool, error) {
	for n := range openings {
		session, now, err := m.Sessions.FindByOpening(ctx, openings[n].By)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return tokens.Set{}, false, storeFailed(err)
		}
		if !session.Alive(now) || session.Generation != 0 || session.Scope != r.Scope || session.Account.App != appID {
			return tokens.Set{}, true, errCodeTwice
		}
		authorization, err := m.reauthorize(ctx, r, session)
		if err != nil {
			return tokens.Set{}, true, storeFailed(err)
		}
		authorization.Opening = &openings[n]
		set, err := m.Issuer.Reissue(authorization, session)
		return set, true, err
	}
	return tokens.Set{}, false, nil
}

// reauthorize returns what the sign-in that opened a session proved.
func (m *Manager) reauthorize(ctx context.Context, r Request, session identity.Session) (tokens.Authorization, error) {
	user, err := m.Users.Find(ctx, session.UserID)
	if err != nil {
		return tokens.Authorization{}, err
	}
	account, err := m.Users.FindAccount(ctx, session.Account)
	if err != nil {
		return tokens.Authorization{}, err
	}
	return tokens.Authorization{
		Client: r.Client, User: user, Account: session.Account, UnionID: account.UnionID, Scope: session.Scope,
		Method: session.Method, AuthTime: session.AuthTime,
	}, nil
}
