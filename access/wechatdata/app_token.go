package wechatdata

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"math"
	"net/url"
	"slices"
	"time"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
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
func appTokenRate() limits.Rate { return limits.Rate{Uses: 60, Period: time.Minute} }

// appTokenAudit is how long a client's next tokens of an app leave no trace in the audit log, which would
// grow with every call else.
const appTokenAudit = time.Hour

var errNoAppTokenScope = &oauth.Error{
	Code: oauth.InsufficientScope, Description: "This needs a token that the client got for itself, by " +
		"client_credentials with the scope wechat.app_token.",
	Scope: oauth.ScopeWechatAppToken,
}

// AppTokens gives back ends the app-level access tokens of their apps. Use NewAppTokens to make one. It is safe for
// parallel use.
type AppTokens struct {
	access   *access.Service
	apps     identity.Apps
	events   identity.Events
	volatile identity.Volatile
	tokens   *wechat.AppTokens
	now      func() time.Time
	logger   *slog.Logger
}

// NewAppTokens makes one.
func NewAppTokens(c Config) *AppTokens {
	return &AppTokens{
		access: c.Access, apps: c.Apps, events: c.Events, volatile: c.Volatile, tokens: c.AppTokens,
		now: c.Now, logger: c.Logger,
	}
}

// AppToken gives a client the token of one of its apps, which appid in the form names if there are several. Nobody
// can have a new one made: that would end the old one under everybody's hands.
func (a *AppTokens) AppToken(ctx context.Context, bearer string, form url.Values) (AppToken, error) {
	client, err := a.clientOf(ctx, bearer)
	if err != nil {
		return AppToken{}, err
	}
	appID, err := client.App(form.Get("appid"), wechat.ValidAppID)
	if err != nil {
		return AppToken{}, err
	}
	if err := a.count(ctx, client.ID, appID); err != nil {
		return AppToken{}, err
	}
	credentials, err := credentialsOf(ctx, a.apps, appID)
	if err != nil {
		return AppToken{}, err
	}
	token, err := a.tokens.Token(ctx, credentials)
	if err != nil {
		return AppToken{}, wechatFailed(err)
	}
	a.audit(ctx, client.ID, appID)
	life := math.Floor(token.Expires.Sub(a.now()).Seconds())
	return AppToken{
		AccessToken: token.Text.Reveal(), ExpiresIn: int64(max(life, 0)), AppID: appID, ClientID: client.ID,
	}, nil
}

// clientOf returns the client that a token speaks for. The token must be the client's own, and for this server
// alone: an API that was shown one for itself could come here with it (RFC 9068 §4). The client must still be one
// that gets such tokens.
func (a *AppTokens) clientOf(ctx context.Context, bearer string) (clients.Client, error) {
	presented, err := a.access.Bearer(ctx, bearer)
	if err != nil {
		return clients.Client{}, err
	}
	claims, client := presented.Claims, presented.Client
	own := claims.Session == "" && claims.Subject == claims.ClientID && forUsAlone(claims)
	if !own || !oauth.HasScope(claims.Scope, oauth.ScopeWechatAppToken) ||
		!client.MayUse(oauth.GrantClientCredentials) || !slices.Contains(client.Scopes, oauth.ScopeWechatAppToken) {
		return clients.Client{}, errNoAppTokenScope
	}
	return client, nil
}

// count refuses a client that asks too often. When it cannot be counted it is not: few calls get as
// far as WeChat anyway.
func (a *AppTokens) count(ctx context.Context, client, appID string) error {
	rate := appTokenRate()
	wait, err := a.volatile.Allow(ctx, "app_token/"+appTokenKey(client, appID), rate.Uses, rate.Period)
	switch {
	case err != nil:
		a.logger.WarnContext(ctx, "cannot count who asks for app tokens", "error", err)
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

// audit writes that a client has got an app's token, once in a while. The log has every time.
func (a *AppTokens) audit(ctx context.Context, client, appID string) {
	first, err := a.volatile.PutIfAbsent(ctx, "app_token/audited/"+appTokenKey(client, appID), []byte{1}, appTokenAudit)
	if err != nil {
		a.logger.WarnContext(ctx, "cannot tell whether the audit log knows", "kind", identity.EventAppTokenGiven,
			"client", client, "error", err)
	}
	if first {
		identity.RecordOrLog(ctx, a.events, a.logger, identity.Event{Kind: identity.EventAppTokenGiven,
			ClientID: client, Detail: appID})
	}
}

// wechatRetry is how long to wait when WeChat does not say.
const wechatRetry = 5 * time.Second

// wechatFailed says in OAuth's words why WeChat did not do what it was asked. None of it is the client's fault.
func wechatFailed(err error) error {
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
		return oauth.Unavailable("WeChat is limiting this app's requests. Wait before asking again.",
			retry, err)
	}
	return oauth.Unavailable("WeChat cannot be reached right now. Try again shortly.", retry, err)
}
