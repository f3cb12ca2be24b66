package wechatdata

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat"
)

// dataSubject is the account that a call acts on.
type dataSubject struct {
	account wechat.Account
	userID  string
}

var (
	errNoDataToken = &oauth.Error{
		Code: oauth.InsufficientScope,
		Description: "A back end needs a token for this server only: from client_credentials, with " +
			"wechat.data as its only scope.",
		Scope: oauth.ScopeWechatData,
	}
	errNotOfWechat = &oauth.Error{Code: oauth.LoginRequired,
		Description: "This session was not opened with WeChat. Sign in with a code from wx.login."}
	errUnknownUser = &oauth.Error{Code: oauth.UnknownUser, Description: "This app has no user with that sub."}
)

// dataSubject returns the account that a call acts on: for a user's token the account that opened its session, for a
// back end's token the account of the user in the form.
func (s *Service) dataSubject(ctx context.Context, bearer string, form url.Values) (dataSubject, error) {
	presented, err := s.access.Bearer(ctx, bearer, oauth.ScopeWechatData)
	if err != nil {
		return dataSubject{}, err
	}
	if presented.Claims.Session == "" {
		return s.namedSubject(ctx, presented, form)
	}
	session := presented.Session
	switch {
	case form.Has("user") || form.Has("appid"):
		return dataSubject{}, invalidRequest("user and appid are only for back ends: a user's token determines both.")
	case session.Account.Platform != identity.PlatformWechat:
		return dataSubject{}, errNotOfWechat
	}
	return dataSubject{wechat.Account{AppID: session.Account.App, OpenID: session.Account.Subject}, session.UserID}, nil
}

// namedSubject returns a user's account at an app of a back end. The token must be only for this server, so that an
// API cannot use a token that it received (RFC 9068 §4), and the client's record must still allow its scope.
func (s *Service) namedSubject(ctx context.Context, backEnd access.Bearer, form url.Values) (dataSubject, error) {
	client := backEnd.Client
	if !onlyForThisServer(backEnd.Claims) || !client.MayUse(oauth.GrantClientCredentials) ||
		!slices.Contains(client.Scopes, oauth.ScopeWechatData) {
		return dataSubject{}, errNoDataToken
	}
	appID, err := client.App(form.Get("appid"), wechat.ValidAppID)
	if err != nil {
		return dataSubject{}, err
	}
	userID := form.Get("user")
	if userID == "" {
		return dataSubject{}, invalidRequest("user is missing: send the sub of the user whose data this is.")
	}
	user, err := s.findUser(ctx, userID)
	switch {
	case err != nil:
		return dataSubject{}, userFailed(err)
	case user.Disabled() || user.DeletionRequested():
		return dataSubject{}, errUnknownUser
	}
	account, err := s.accounts.FindByUser(ctx, user.ID, identity.PlatformWechat, appID)
	if err != nil {
		return dataSubject{}, userFailed(err)
	}
	return dataSubject{wechat.Account{AppID: account.App, OpenID: account.Subject}, account.UserID}, nil
}

// onlyForThisServer reports whether this server is a token's only audience.
func onlyForThisServer(claims tokens.AccessClaims) bool {
	return slices.Equal(claims.Audience, tokens.Audience{claims.Issuer})
}

// findUser returns the user of a "sub", or the user that it was merged into.
func (s *Service) findUser(ctx context.Context, id string) (identity.User, error) {
	user, err := s.users.Find(ctx, id)
	if err == nil && user.MergedInto != "" {
		return s.users.Find(ctx, user.MergedInto)
	}
	return user, err
}

func userFailed(err error) error {
	if isNotFound(err) {
		return errUnknownUser
	}
	return oauth.StoreFailed(err)
}

// vaultFailed converts an error of the vault to an OAuth error. It does not reveal why data was rejected.
func vaultFailed(err error) error {
	switch {
	case errors.Is(err, wechat.ErrBadData):
		return &oauth.Error{
			Code: oauth.InvalidData,
			Description: "This is not data that WeChat created recently for this user and app. Call wx.login, sign " +
				"in, get new data, and send it once.",
		}
	case errors.Is(err, wechat.ErrNoSessionKey), errors.Is(err, wechat.ErrStaleKey):
		return &oauth.Error{Code: oauth.LoginRequired,
			Description: "There is no valid session key for this user. Call wx.login and sign in.",
			Cause:       err}
	}
	return oauth.StoreFailed(err)
}
