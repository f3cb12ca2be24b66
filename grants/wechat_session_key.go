package grants

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// sessionKeyRate is how often WeChat is asked about the key of one account. Beyond some number of its own it refuses.
func sessionKeyRate() rate { return rate{10, time.Minute} }

// keepSessionKey keeps the session key that a sign-in came with, if anybody may ask for what it is needed
// for: what nobody needs is not kept, not even sealed. Who signs in is certain without it, so no fault of the
// vault decides that.
func (m *Manager) keepSessionKey(ctx context.Context, client identity.Client, appID string, login Login,
	answered time.Time) {
	if login.SessionKey.Zero() || !m.dataIsWanted(ctx, client, appID) { // the log tells of the former already
		return
	}
	if err := m.Vault.Keep(ctx, wechat.Account{AppID: appID, OpenID: login.Subject}, login.SessionKey,
		answered); err != nil {
		m.Logger.WarnContext(ctx, "cannot keep a session key: encrypted data of this user does not open "+
			"until the next sign-in", "appid", appID, "error", err)
	}
}

// dataIsWanted says whether some enabled client of an app may ask for the scope wechat.data. If that cannot
// be found out, it may. The client that is signing somebody in comes first: the list of all may be a second
// old, and not have it yet.
func (m *Manager) dataIsWanted(ctx context.Context, client identity.Client, appID string) bool {
	if slices.Contains(client.Scopes, oauth.ScopeWechatData) {
		return true
	}
	clients, err := m.Clients.List(ctx)
	return err != nil || slices.ContainsFunc(clients, func(client identity.Client) bool {
		return slices.Contains(client.Scopes, oauth.ScopeWechatData) && slices.Contains(client.Apps, appID) &&
			!client.Disabled()
	})
}

// SessionKeyState says whether WeChat still knows the session key that is kept of a user. The key itself is never told.
type SessionKeyState struct {
	AppID  string `json:"appid"`
	Valid  bool   `json:"valid"`
	UserID string `json:"-"`
}

// CheckSessionKey asks WeChat whether the session key of a user is still valid.
func (m *Manager) CheckSessionKey(ctx context.Context, bearer string, form url.Values) (SessionKeyState, error) {
	subject, credentials, key, err := m.sessionKeyOf(ctx, bearer, form)
	if err != nil {
		return SessionKeyState{}, err
	}
	valid, err := m.AppTokens.CheckSession(ctx, credentials, subject.account.OpenID, key)
	if err != nil {
		return SessionKeyState{}, sessionKeyRefused(err)
	}
	return SessionKeyState{AppID: subject.account.AppID, Valid: valid, UserID: subject.userID}, nil
}

// ResetSessionKey has WeChat replace the session key of a user, and keeps the new one. Like a key that a
// login replaced, the old one is tried for a while: the user may have tapped before.
func (m *Manager) ResetSessionKey(ctx context.Context, bearer string, form url.Values) (SessionKeyState, error) {
	subject, credentials, key, err := m.sessionKeyOf(ctx, bearer, form)
	if err != nil {
		return SessionKeyState{}, err
	}
	ctx = context.WithoutCancel(ctx) // who hangs up must not lose the key that WeChat has changed by then
	fresh, err := m.AppTokens.ResetSession(ctx, credentials, subject.account.OpenID, key)
	if err != nil {
		return SessionKeyState{}, sessionKeyRefused(err)
	}
	if err := m.Vault.Keep(ctx, subject.account, fresh, m.Now()); err != nil {
		return SessionKeyState{}, oauth.StoreFailed(err)
	}
	return SessionKeyState{AppID: subject.account.AppID, Valid: true, UserID: subject.userID}, nil
}

// sessionKeyOf returns what to ask WeChat about a user's session key with, unless it was asked too often.
func (m *Manager) sessionKeyOf(ctx context.Context, bearer string, form url.Values) (dataSubject,
	wechat.Credentials, wechat.SessionKey, error) {
	fail := func(err error) (dataSubject, wechat.Credentials, wechat.SessionKey, error) {
		return dataSubject{}, wechat.Credentials{}, wechat.SessionKey{}, err
	}
	subject, err := m.dataSubject(ctx, bearer, form)
	if err != nil {
		return fail(err)
	}
	key, err := m.Vault.Current(ctx, subject.account)
	if err != nil {
		return fail(dataRefused(err))
	}
	sum := sha256.Sum256([]byte(subject.account.AppID + " " + subject.account.OpenID))
	if err := m.allow(ctx, "session_key/"+base64.RawURLEncoding.EncodeToString(sum[:16]),
		sessionKeyRate()); err != nil {
		return fail(err)
	}
	credentials, err := m.credentialsOf(ctx, subject.account.AppID)
	if err != nil {
		return fail(err)
	}
	return subject, credentials, key, nil
}

// sessionKeyRefused says in OAuth's words why WeChat did not answer about a session key.
func sessionKeyRefused(err error) error {
	if errors.Is(err, wechat.ErrStaleKey) {
		return dataRefused(err)
	}
	return appTokenRefused(err)
}
