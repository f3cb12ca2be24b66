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

// dataSubject is the account that a call about WeChat's data acts on.
type dataSubject struct {
	account wechat.Account
	userID  string
}

var (
	errNoDataScope = &oauth.Error{Code: oauth.InsufficientScope,
		Description: "The access token lacks the scope wechat.data.", Scope: oauth.ScopeWechatData}
	errNoDataToken = &oauth.Error{
		Code: oauth.InsufficientScope,
		Description: "A back end needs a token that it got for this server alone: by client_credentials, " +
			"with the scope wechat.data and no other.",
		Scope: oauth.ScopeWechatData,
	}
	errNotOfWechat = &oauth.Error{Code: oauth.LoginRequired,
		Description: "This session was not opened by WeChat. Sign in with a code of wx.login."}
	errUnknownUser = &oauth.Error{Code: oauth.UnknownUser, Description: "No user of this app has that sub."}
)

// dataSubject finds whom a call is about. The token of a signed-in user says so itself: by its session,
// whatever the form says. A back end names the user.
func (s *Service) dataSubject(ctx context.Context, bearer string, form url.Values) (dataSubject, error) {
	presented, err := s.access.Bearer(ctx, bearer)
	if err != nil {
		return dataSubject{}, err
	}
	if !oauth.HasScope(presented.Claims.Scope, oauth.ScopeWechatData) {
		return dataSubject{}, errNoDataScope
	}
	if presented.Claims.Session == "" {
		return s.namedSubject(ctx, presented, form)
	}
	session := presented.Session
	switch {
	case form.Has("user") || form.Has("appid"):
		return dataSubject{}, invalidRequest("user and appid are for back ends: the token of a user names both.")
	case session.Account.Platform != identity.PlatformWechat:
		return dataSubject{}, errNotOfWechat
	}
	return dataSubject{wechat.Account{AppID: session.Account.App, OpenID: session.Account.Subject}, session.UserID}, nil
}

// namedSubject is the account that a user has at an app of a back end's. The token must be for this server
// alone, since an API that was shown one for itself could come here with it (RFC 9068 §4), and the client's
// record must still allow what the token says.
func (s *Service) namedSubject(ctx context.Context, backEnd access.Bearer, form url.Values) (dataSubject, error) {
	client := backEnd.Client
	if !forUsAlone(backEnd.Claims) || !client.MayUse(oauth.GrantClientCredentials) ||
		!slices.Contains(client.Scopes, oauth.ScopeWechatData) {
		return dataSubject{}, errNoDataToken
	}
	appID, err := client.App(form.Get("appid"), wechat.ValidAppID)
	if err != nil {
		return dataSubject{}, err
	}
	userID := form.Get("user")
	if userID == "" {
		return dataSubject{}, invalidRequest("user is missing: name the sub of the user whose data this is.")
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

// forUsAlone reports whether a token is for this server and no other.
func forUsAlone(claims tokens.AccessClaims) bool {
	return slices.Equal(claims.Audience, tokens.Audience{claims.Issuer})
}

// findUser returns the user of a "sub", or the one that he turned out to be.
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

// vaultFailed says why the vault did not do what it was asked. Of data that it refuses nobody learns more than that.
func vaultFailed(err error) error {
	switch {
	case errors.Is(err, wechat.ErrBadData):
		return &oauth.Error{
			Code: oauth.InvalidData,
			Description: "This is not what WeChat made for this user and app just now. Call wx.login, sign " +
				"in, have it made again, and send it once.",
		}
	case errors.Is(err, wechat.ErrNoSessionKey), errors.Is(err, wechat.ErrStaleKey):
		return &oauth.Error{Code: oauth.LoginRequired,
			Description: "There is no session key of this user that can be used. Call wx.login and sign in.",
			Cause:       err}
	}
	return oauth.StoreFailed(err)
}
