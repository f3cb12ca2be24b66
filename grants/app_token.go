package grants

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math"
	"net/url"
	"slices"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat"
)

// AppToken is the app-level access token of an app, with which a back end calls WeChat's APIs without knowing
// the AppSecret.
type AppToken struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"`
	AppID       string `json:"appid"`
	ClientID    string `json:"-"` // who got it
}

// appTokenRate is how often a client may ask for the token of an app. It keeps one for its life, so this
// leaves room for its replicas.
func appTokenRate() rate { return rate{60, time.Minute} }

// appTokenAudit is how long a client's next tokens of an app leave no trace in the audit log, which would
// grow with every call else.
const appTokenAudit = time.Hour

var errNoAppTokenScope = &oauth.Error{
	Code: oauth.InsufficientScope, Description: "This needs a token that the client got for itself, by " +
		"client_credentials with the scope wechat.app_token.",
	Scope: oauth.ScopeWechatAppToken,
}

// AppToken gives a client the token of one of its apps, which appid in the form names if there are several.
// Nobody can have a new one made: that would end the old one under everybody's hands.
func (m *Manager) AppToken(ctx context.Context, bearer string, form url.Values) (AppToken, error) {
	client, err := m.checkAppTokenClient(ctx, bearer)
	if err != nil {
		return AppToken{}, err
	}
	appID, err := chooseApp(Request{Client: client, form: form}, m.Platforms[oauth.GrantWechatCode])
	if err != nil {
		return AppToken{}, err
	}
	if err := m.countAppToken(ctx, client.ID, appID); err != nil {
		return AppToken{}, err
	}
	credentials, err := m.credentialsOf(ctx, appID)
	if err != nil {
		return AppToken{}, err
	}
	token, err := m.AppTokens.Token(ctx, credentials)
	if err != nil {
		return AppToken{}, appTokenRefused(err)
	}
	m.auditAppToken(ctx, client.ID, appID)
	life := math.Floor(token.Expires.Sub(m.Now()).Seconds())
	return AppToken{AccessToken: token.Text.Reveal(), ExpiresIn: int64(max(life, 0)), AppID: appID,
		ClientID: client.ID}, nil
}

// checkAppTokenClient returns the client that a token speaks for. The token must be the client's own, and for
// this server alone: an API that was shown one for itself could come here with it (RFC 9068 §4). The client
// must still be one that gets such tokens.
func (m *Manager) checkAppTokenClient(ctx context.Context, bearer string) (identity.Client, error) {
	claims, err := m.Issuer.ReadAccessToken(bearer)
	if err != nil {
		return identity.Client{}, errInvalidToken
	}
	client, _, err := m.bearerOf(ctx, claims)
	if err != nil {
		return identity.Client{}, err
	}
	own := claims.Session == "" && claims.Subject == claims.ClientID && slices.Equal(claims.Audience,
		tokens.Audience{claims.Issuer})
	if !own || !oauth.HasScope(claims.Scope, oauth.ScopeWechatAppToken) ||
		!m.mayUse(client, oauth.GrantClientCredentials) ||
		!slices.Contains(client.Scopes, oauth.ScopeWechatAppToken) {
		return identity.Client{}, errNoAppTokenScope
	}
	return client, nil
}

// countAppToken refuses a client that asks too often. When it cannot be counted it is not: few calls get as
// far as WeChat anyway.
func (m *Manager) countAppToken(ctx context.Context, client, appID string) error {
	rate := appTokenRate()
	wait, err := m.Volatile.Allow(ctx, "app_token/"+appTokenKey(client, appID), rate.uses, rate.period)
	switch {
	case err != nil:
		m.Logger.WarnContext(ctx, "cannot count who asks for app tokens", "error", err)
	case wait > 0:
		return &oauth.Error{Code: oauth.TooManyRequests,
			Description: "Too many requests for the token of this app. Keep it for as long as expires_in says.",
			RetryAfter:  wait}
	}
	return nil
}

// appTokenKey names a client and an app in few bytes, which a client's id alone could exceed.
func appTokenKey(client, appID string) string {
	sum := sha256.Sum256([]byte(appID + " " + client))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// auditAppToken writes that a client has got an app's token, once in a while. The log has every time.
func (m *Manager) auditAppToken(ctx context.Context, client, appID string) {
	first, err := m.Volatile.PutIfAbsent(ctx, "app_token/audited/"+appTokenKey(client, appID), []byte{1}, appTokenAudit)
	if err != nil {
		m.Logger.WarnContext(ctx, "cannot tell whether the audit log knows", "kind", identity.EventAppTokenGiven,
			"client", client, "error", err)
	}
	if first {
		m.record(ctx, identity.Event{Kind: identity.EventAppTokenGiven, ClientID: client, Detail: appID})
	}
}

// appTokenRefused says in OAuth's words why WeChat gave no token. None of it is the client's fault.
func appTokenRefused(err error) error {
	retry := wechatRetry
	if refusal, ok := errors.AsType[*wechat.Error](err); ok {
		retry = max(refusal.RetryAfter, retry)
	}
	switch {
	case errors.Is(err, wechat.ErrMisconfigured):
		return &oauth.Error{
			Code: oauth.ServerError,
			Description: "WeChat refuses this server's configuration (AppID, AppSecret or IP allow-list). " +
				"Its operator must mend it.",
			Cause: err,
		}
	case errors.Is(err, wechat.ErrThrottled):
		return oauth.Unavailable("WeChat is limiting requests for the token of this app. Wait before asking again.",
			retry, err)
	}
	return oauth.Unavailable("WeChat cannot be reached right now. Try again shortly.", retry, err)
}
