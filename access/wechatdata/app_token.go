package wechatdata

import (
	"context"
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

// AppToken is the app-level access token of an app. A back end calls WeChat's APIs with it without knowing the
// AppSecret.
type AppToken struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
	AppID       string `json:"appid"`
	ClientID    string `json:"-"` // the client that requested it
}

// appTokenAudit is the minimum time between two audit events about a client's tokens of an app.
const appTokenAudit = time.Hour

var errNoAppTokenScope = &oauth.Error{
	Code: oauth.InsufficientScope, Description: "This needs a token that the client got for itself, with " +
		"client_credentials and the scope wechat.app_token.",
	Scope: oauth.ScopeWechatAppToken,
}

// AppTokens returns the app-level access tokens of apps to their back ends. It is safe for concurrent use.
type AppTokens struct {
	access   *access.Service
	apps     identity.Apps
	events   identity.Events
	volatile identity.Volatile
	limiter  *limits.Limiter
	tokens   *wechat.AppTokens
	now      func() time.Time
	logger   *slog.Logger
}

// NewAppTokens returns an AppTokens.
func NewAppTokens(c Config) *AppTokens {
	return &AppTokens{
		access: c.Access, apps: c.Apps, events: c.Events, volatile: c.Volatile, limiter: c.Limiter,
		tokens: c.AppTokens, now: c.Now, logger: c.Logger,
	}
}

// AppToken returns the token of one of a client's apps. The form must contain "appid" if the client has several apps.
// A client cannot request a new token, because that would invalidate the one that others are using. AppToken returns
//   - oauth.InvalidToken if the access token is not valid,
//   - oauth.InsufficientScope if it is not the client's own or lacks the scope wechat.app_token,
//   - oauth.InvalidRequest if appid is missing or is not an app of the client,
//   - oauth.TooManyRequests if the client asks too often,
//   - oauth.ServerError if the app is not registered here or WeChat rejects its configuration,
//   - oauth.TemporarilyUnavailable if WeChat or the store fails.
func (a *AppTokens) AppToken(ctx context.Context, bearer string, form url.Values) (AppToken, error) {
	client, err := a.clientOf(ctx, bearer)
	if err != nil {
		return AppToken{}, err
	}
	appID, err := client.App(form.Get("appid"), wechat.ValidAppID)
	if err != nil {
		return AppToken{}, err
	}
	uses, err := a.count(ctx, client.ID, appID)
	if err != nil {
		return AppToken{}, err
	}
	token, err := a.token(ctx, appID)
	if err != nil {
		a.limiter.GiveBack(ctx, uses)
		return AppToken{}, err
	}
	a.audit(ctx, client.ID, appID)
	life := math.Floor(token.Expires.Sub(a.now()).Seconds())
	return AppToken{
		AccessToken: token.Text.Reveal(), ExpiresIn: int64(max(life, 0)), AppID: appID, ClientID: client.ID,
	}, nil
}

// clientOf returns the client of a token. The token must be the client's own and only for this server, so that an API
// cannot use a token that it received (RFC 9068 §4). The client's record must still allow such tokens.
func (a *AppTokens) clientOf(ctx context.Context, bearer string) (clients.Client, error) {
	presented, err := a.access.Bearer(ctx, bearer, oauth.ScopeWechatAppToken)
	if err != nil {
		return clients.Client{}, err
	}
	claims, client := presented.Claims, presented.Client
	own := claims.Session == "" && claims.Subject == claims.ClientID && onlyForThisServer(claims)
	if !own || !client.MayUse(oauth.GrantClientCredentials) ||
		!slices.Contains(client.Scopes, oauth.ScopeWechatAppToken) {
		return clients.Client{}, errNoAppTokenScope
	}
	return client, nil
}

// token returns the token of an app.
func (a *AppTokens) token(ctx context.Context, appID string) (wechat.AppToken, error) {
	credentials, err := credentialsOf(ctx, a.apps, appID)
	if err != nil {
		return wechat.AppToken{}, err
	}
	token, err := a.tokens.Token(ctx, credentials)
	if err != nil {
		return wechat.AppToken{}, wechatFailed(err)
	}
	return token, nil
}

// count returns oauth.TooManyRequests if a client asks too often: it should cache the token until it expires. The limit
// leaves room for its replicas. count accepts the request if the store fails, because few requests reach WeChat anyway.
func (a *AppTokens) count(ctx context.Context, client, appID string) (limits.Uses, error) {
	uses := limits.Of(limits.AppTokens, client, appID).
		About(identity.Event{ClientID: client, Detail: appID})
	err := a.limiter.Count(ctx, uses)
	if err != nil && !errors.Is(err, oauth.TooManyRequests) {
		a.logger.WarnContext(ctx, "cannot count a request for an app token", "error", err)
		return limits.Uses{}, nil
	}
	return uses, err
}

// audit records at most once an hour that a client has received an app's token.
func (a *AppTokens) audit(ctx context.Context, client, appID string) {
	if identity.FirstWithin(ctx, appTokenAudit, a.volatile, a.logger, identity.EventAppTokenGiven, client, appID) {
		identity.RecordOrLog(ctx, a.events, a.logger, identity.Event{Kind: identity.EventAppTokenGiven,
			ClientID: client, Detail: appID})
	}
}

// wechatRetry is the minimum Retry-After.
const wechatRetry = 5 * time.Second

// wechatFailed converts an error of WeChat, which the client did not cause, to an OAuth error.
func wechatFailed(err error) error {
	refusal, ok := errors.AsType[*wechat.Error](err)
	if !ok {
		refusal = &wechat.Error{}
	}
	if errors.Is(err, wechat.ErrMisconfigured) {
		return &oauth.Error{Code: oauth.ServerError, Description: refusal.Explain("WeChat"), Cause: err}
	}
	return oauth.Unavailable(refusal.Explain("WeChat"), max(refusal.RetryAfter, wechatRetry), err)
}
