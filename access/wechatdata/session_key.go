package wechatdata

import (
	"context"
	"errors"
	"net/url"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// SessionKeyState is the state of a user's stored session key. The key itself is never returned.
type SessionKeyState struct {
	AppID  string `json:"appid"`
	Valid  bool   `json:"valid"` // at WeChat
	UserID string `json:"-"`
}

// CheckSessionKey asks WeChat whether the session key of a user is still valid. It returns
//   - oauth.InvalidToken if the access token is not valid,
//   - oauth.InsufficientScope if it lacks the scope wechat.data, or is a back end's and not only for this server,
//   - oauth.InvalidRequest if a parameter is missing or invalid,
//   - oauth.UnknownUser if the app has no such user,
//   - oauth.LoginRequired if the session is not WeChat's or no session key is stored,
//   - oauth.TooManyRequests if WeChat was asked about the key too often,
//   - oauth.ServerError if the app is not registered here or WeChat rejects its configuration,
//   - oauth.TemporarilyUnavailable if WeChat or the store fails.
func (s *Service) CheckSessionKey(ctx context.Context, bearer string, form url.Values) (SessionKeyState, error) {
	k, err := s.sessionKeyOf(ctx, bearer, form)
	if err != nil {
		return SessionKeyState{}, err
	}
	valid, err := s.appTokens.CheckSession(ctx, k.credentials, k.account.OpenID, k.key)
	if err != nil {
		return SessionKeyState{}, s.sessionKeyFailed(ctx, k, err)
	}
	return SessionKeyState{AppID: k.account.AppID, Valid: valid, UserID: k.userID}, nil
}

// ResetSessionKey asks WeChat to replace the session key of a user, and stores the new one. As after a sign-in, the
// old key is still tried for a while, because data may have been encrypted just before. It returns the errors of
// [Service.CheckSessionKey], and oauth.LoginRequired if the old key is no longer valid.
func (s *Service) ResetSessionKey(ctx context.Context, bearer string, form url.Values) (SessionKeyState, error) {
	k, err := s.sessionKeyOf(ctx, bearer, form)
	if err != nil {
		return SessionKeyState{}, err
	}
	ctx = context.WithoutCancel(ctx) // store the new key even if the client disconnects
	fresh, err := s.appTokens.ResetSession(ctx, k.credentials, k.account.OpenID, k.key)
	if err != nil {
		return SessionKeyState{}, s.sessionKeyFailed(ctx, k, err)
	}
	if err := s.vault.Keep(ctx, k.account, fresh, s.now()); err != nil {
		return SessionKeyState{}, oauth.StoreFailed(err)
	}
	return SessionKeyState{AppID: k.account.AppID, Valid: true, UserID: k.userID}, nil
}

// sessionKey is a user's session key with what is needed to ask WeChat about it.
type sessionKey struct {
	dataSubject
	credentials wechat.Credentials
	key         wechat.SessionKey
	uses        limits.Uses // that have been counted
}

// sessionKeyOf returns a user's session key. It returns oauth.TooManyRequests if WeChat was asked about it too often.
func (s *Service) sessionKeyOf(ctx context.Context, bearer string, form url.Values) (sessionKey, error) {
	subject, err := s.dataSubject(ctx, bearer, form)
	if err != nil {
		return sessionKey{}, err
	}
	key, err := s.vault.Current(ctx, subject.account)
	if err != nil {
		return sessionKey{}, vaultFailed(err)
	}
	uses := limits.Of(limits.SessionKeys, subject.account.AppID, subject.account.OpenID).
		About(identity.Event{UserID: subject.userID, Detail: subject.account.AppID})
	if err := s.limiter.Count(ctx, uses); err != nil { // WeChat has a limit too
		return sessionKey{}, err
	}
	credentials, err := s.credentialsOf(ctx, subject.account.AppID)
	if err != nil {
		s.limiter.GiveBack(ctx, uses)
	}
	return sessionKey{subject, credentials, key, uses}, err
}

// sessionKeyFailed converts an error of WeChat about a session key to an OAuth error. It gives back what WeChat did not
// answer.
func (s *Service) sessionKeyFailed(ctx context.Context, k sessionKey, err error) error {
	if errors.Is(err, wechat.ErrStaleKey) {
		return vaultFailed(err)
	}
	s.limiter.GiveBack(ctx, k.uses)
	return wechatFailed(err)
}
