package wechatdata

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"time"

	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// sessionKeyRate is how often WeChat is asked about the key of one account. Beyond some number of its own it refuses.
func sessionKeyRate() limits.Rate { return limits.Rate{Uses: 10, Period: time.Minute} }

// SessionKeyState says whether WeChat still knows the session key that is kept of a user. The key itself is never told.
type SessionKeyState struct {
	AppID  string `json:"appid"`
	Valid  bool   `json:"valid"`
	UserID string `json:"-"`
}

// CheckSessionKey asks WeChat whether the session key of a user is still valid.
func (s *Service) CheckSessionKey(ctx context.Context, bearer string, form url.Values) (SessionKeyState, error) {
	k, err := s.sessionKeyOf(ctx, bearer, form)
	if err != nil {
		return SessionKeyState{}, err
	}
	valid, err := s.appTokens.CheckSession(ctx, k.credentials, k.account.OpenID, k.key)
	if err != nil {
		return SessionKeyState{}, sessionKeyFailed(err)
	}
	return SessionKeyState{AppID: k.account.AppID, Valid: valid, UserID: k.userID}, nil
}

// ResetSessionKey has WeChat replace the session key of a user, and keeps the new one. Like a key that a
// login replaced, the old one is tried for a while: the user may have tapped before.
func (s *Service) ResetSessionKey(ctx context.Context, bearer string, form url.Values) (SessionKeyState, error) {
	k, err := s.sessionKeyOf(ctx, bearer, form)
	if err != nil {
		return SessionKeyState{}, err
	}
	ctx = context.WithoutCancel(ctx) // who hangs up must not lose the key that WeChat has changed by then
	fresh, err := s.appTokens.ResetSession(ctx, k.credentials, k.account.OpenID, k.key)
	if err != nil {
		return SessionKeyState{}, sessionKeyFailed(err)
	}
	if err := s.vault.Keep(ctx, k.account, fresh, s.now()); err != nil {
		return SessionKeyState{}, oauth.StoreFailed(err)
	}
	return SessionKeyState{AppID: k.account.AppID, Valid: true, UserID: k.userID}, nil
}

// sessionKey is what to ask WeChat about a user's session key with.
type sessionKey struct {
	dataSubject
	credentials wechat.Credentials
	key         wechat.SessionKey
}

// sessionKeyOf returns a user's session key, unless WeChat was asked about it too often.
func (s *Service) sessionKeyOf(ctx context.Context, bearer string, form url.Values) (sessionKey, error) {
	subject, err := s.dataSubject(ctx, bearer, form)
	if err != nil {
		return sessionKey{}, err
	}
	key, err := s.vault.Current(ctx, subject.account)
	if err != nil {
		return sessionKey{}, vaultFailed(err)
	}
	sum := sha256.Sum256([]byte(subject.account.AppID + " " + subject.account.OpenID))
	counted := "session_key/" + base64.RawURLEncoding.EncodeToString(sum[:16])
	if err := s.allow(ctx, counted, sessionKeyRate()); err != nil {
		return sessionKey{}, err
	}
	credentials, err := s.credentialsOf(ctx, subject.account.AppID)
	return sessionKey{subject, credentials, key}, err
}

// sessionKeyFailed says in OAuth's words why WeChat did not answer about a session key.
func sessionKeyFailed(err error) error {
	if errors.Is(err, wechat.ErrStaleKey) {
		return vaultFailed(err)
	}
	return wechatFailed(err)
}
