package wechat

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// renewEarly is how long before its expiry a token is renewed. WeChat issues a
	// new one in this period, and both the old and the new one are valid.
	renewEarly = 5 * time.Minute

	// confirmEvery is how long ago WeChat may have confirmed a token that is given
	// to a client. The client cannot report that WeChat rejects it, so we ask
	// WeChat whether it still is the app's token; asking does not change it.
	confirmEvery = 5 * time.Minute

	// retryAfter is how long a token that could not be renewed is used before the
	// next try.
	retryAfter = 10 * time.Second

	// rejectedFor is how long a token that WeChat rejected is not used, even if
	// WeChat returns it again.
	rejectedFor = 10 * time.Second

	// replicaPoll is how often a replica looks for the token that another one requests.
	replicaPoll = 25 * time.Millisecond
)

// AppTokensConfig configures AppTokens. Client, Store and Sealer are required.
type AppTokensConfig struct {
	Client *Client
	Store  Store
	Sealer Sealer
	Now    func() time.Time // default time.Now
}

// AppTokens keeps the app-level access tokens with which an app calls WeChat's APIs, and makes such calls. All
// replicas share a token through the store, where it is sealed; without the store each requests it itself, and WeChat
// gives all of them the same one. It is safe for concurrent use.
type AppTokens struct {
	client  *Client
	store   tokenStore
	now     func() time.Time
	flights singleflight.Group

	mutex sync.Mutex // guards apps
	apps  map[string]*appState
}

// An AppToken is an app-level access token.
type AppToken struct {
	Text    Secret
	Expires time.Time
}

// appToken is a token with the times that determine its use.
type appToken struct {
	Text      Secret
	expires   time.Time
	renew     time.Time // when to request the next one
	confirmed time.Time // when WeChat last confirmed it
}

// appState is the state of an app's token in this process.
type appState struct {
	kept     appToken
	settled  time.Time            // until then kept is not renewed, since renewing it failed
	rejected map[Secret]time.Time // tokens that WeChat rejected, and until when they are not used
}

// NewAppTokens returns AppTokens without any tokens.
func NewAppTokens(config AppTokensConfig) *AppTokens {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &AppTokens{
		client: config.Client,
		store:  tokenStore{config.Store, config.Sealer, config.Client.base.String()},
		now:    config.Now,
		apps:   map[string]*appState{},
	}
}

// Token returns the app's token for a client. WeChat confirmed it within the last 5 minutes. The error is an *Error.
func (a *AppTokens) Token(ctx context.Context, credentials Credentials) (AppToken, error) {
	token, err := a.find(ctx, credentials, confirmEvery)
	if err != nil {
		return AppToken{}, err
	}
	return AppToken{Text: token.Text, Expires: token.expires}, nil
}

// find returns a token that was confirmed within age. If it cannot get a newer one, it returns the
// current one until that expires.
func (a *AppTokens) find(ctx context.Context, credentials Credentials, age time.Duration) (appToken, error) {
	if token, ok := a.known(credentials.AppID, age); ok {
		return token, nil
	}
	// The request continues when its caller leaves, since others may wait for it.
	flight := a.flights.DoChan(credentials.AppID, func() (any, error) {
		return a.fetch(context.WithoutCancel(ctx), credentials)
	})
	select {
	case landed := <-flight:
		if landed.Err != nil {
			return a.fallBack(credentials.AppID, landed.Err)
		}
		return landed.Val.(appToken), nil
	case <-ctx.Done():
		return appToken{}, contextFailure(ctx)
	}
}

// fetch returns the token that another replica got recently, or asks WeChat.
func (a *AppTokens) fetch(ctx context.Context, credentials Credentials) (appToken, error) {
	if token, ok := a.known(credentials.AppID, confirmEvery); ok { // another call may have just fetched it
		return token, nil
	}
	token, shared, done := a.waitForReplica(ctx, credentials.AppID)
	defer done()
	if shared && a.keep(credentials.AppID, token) {
		return token, nil
	}
	asked := a.now()
	text, life, err := a.client.stableToken(ctx, credentials)
	if err != nil {
		return appToken{}, err
	}
	token = newAppToken(text, asked, life)
	if !a.keep(credentials.AppID, token) {
		return appToken{}, &Error{Class: ErrUnavailable, RetryAfter: rejectedFor,
			Reason: "WeChat returned the token that it rejected"}
	}
	if err := a.store.write(ctx, credentials.AppID, token, life); err != nil {
		a.client.logger.LogAttrs(ctx, slog.LevelWarn, "wechat: an app token is not shared with the other replicas",
			slog.String("appid", wechatPlatform().printableAppID(credentials.AppID)))
	}
	return token, nil
}

// newAppToken computes when to renew a token: early, but not at once even if WeChat
// returned an old one.
func newAppToken(text Secret, asked time.Time, life time.Duration) appToken {
	return appToken{
		Text: text, confirmed: asked,
		expires: asked.Add(life),
		renew:   asked.Add(max(life-renewEarly, life/10)),
	}
}

// waitForReplica records in the store that this replica asks WeChat. If another one does
// already, it waits for the token of that one, but not for long: asking twice does
// no harm. The caller must call done when it has stored its token.
func (a *AppTokens) waitForReplica(ctx context.Context, appID string) (token appToken, found bool, done func()) {
	deadline := time.After(a.client.timeout / 2)
	for {
		first, err := a.store.claim(ctx, appID, a.client.timeout+time.Second)
		if err != nil {
			return appToken{}, false, func() {}
		}
		done = func() {}
		if first {
			done = func() { a.store.unclaim(ctx, appID) }
		}
		// Read after the claim: a replica stores its token before it ends its claim.
		if token, found = a.store.read(ctx, appID); found && a.fit(appID, token) {
			return token, true, done
		}
		if first {
			return appToken{}, false, done
		}
		select {
		case <-deadline:
			return appToken{}, false, done
		case <-time.After(replicaPoll):
		}
	}
}

// withAppToken makes a call that needs the app's token. If WeChat does not
// accept the token, as when somebody had it replaced, it fetches the
// new one and calls once more. It never calls with a rejected token, and never a third
// time. In total it takes at most twice the timeout.
func withAppToken[T any](ctx context.Context, a *AppTokens, api string, credentials Credentials,
	do func(context.Context, Secret) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*a.client.timeout, errTimeout)
	defer cancel()
	answer, rejected, err := tryAppToken(ctx, a, api, credentials, do)
	if rejected {
		answer, _, err = tryAppToken(ctx, a, api, credentials, do)
	}
	return answer, err
}

// tryAppToken calls once. It reports whether WeChat rejected the token.
func tryAppToken[T any](ctx context.Context, a *AppTokens, api string, credentials Credentials,
	do func(context.Context, Secret) (T, error)) (answer T, rejected bool, err error) {
	token, err := a.find(ctx, credentials, maxAppTokenLifetime)
	if err != nil {
		return answer, false, err
	}
	answer, err = call(ctx, a.client, api, credentials.AppID, func(ctx context.Context) (T,
		error) {
		return do(ctx, token.Text)
	})
	if rejected = isTokenRejection(err); rejected {
		a.reject(credentials.AppID, token)
		a.store.drop(context.WithoutCancel(ctx), credentials.AppID, token)
	}
	return answer, rejected, err
}

// isTokenRejection reports whether WeChat rejected the app token as invalid, replaced or expired.
func isTokenRejection(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && (failed.Errcode == 40001 || failed.Errcode == 40014 || failed.Errcode == 42001)
}

const (
	// maxAppTokenLifetime is the longest lifetime that WeChat gives.
	maxAppTokenLifetime = 2 * time.Hour

	// maxAppToken limits a token, in bytes. WeChat's documentation asks for room for 512.
	maxAppToken = 2048
)

// stableTokenClasses are the errcodes that mean something else here than in other calls: 40001 is a wrong AppSecret,
// 895xx are calls that an administrator of the app has not allowed.
func stableTokenClasses() map[int]error {
	return map[int]error{
		40001: ErrMisconfigured, 89501: ErrMisconfigured, 89503: ErrMisconfigured, 89506: ErrMisconfigured,
		89507: ErrMisconfigured,
	}
}

// stableToken requests the app's token and its remaining lifetime
// (getStableAccessToken, POST /cgi-bin/stable_token). All callers get the same
// token. It never forces a new one, which would invalidate the old one at once while
// others use it.
func (c *Client) stableToken(ctx context.Context, credentials Credentials) (Secret, time.Duration, error) {
	type answer struct {
		text Secret
		life time.Duration
	}
	got, err := call(ctx, c, "getStableAccessToken", credentials.AppID, func(ctx context.Context) (answer, error) {
		body, err := c.post(ctx, "/cgi-bin/stable_token", nil, map[string]any{
			"grant_type":    "client_credential",
			"appid":         credentials.AppID,
			"secret":        credentials.Secret.Reveal(),
			"force_refresh": false,
		})
		if err != nil {
			return answer{}, err
		}
		text, life, err := parseStableToken(body)
		return answer{text, life}, err
	})
	return got.text, got.life, err
}

func parseStableToken(body []byte) (Secret, time.Duration, error) {
	members, err := parseAnswer(body, stableTokenClasses())
	if err != nil {
		return "", 0, err
	}
	text, err := members.text("access_token")
	if err != nil || !plausibleText(text, maxAppToken) {
		return "", 0, outage("no plausible access token")
	}
	seconds, err := members.integer("expires_in")
	if err != nil || seconds <= 0 || seconds > int(maxAppTokenLifetime/time.Second) {
		return "", 0, outage("implausible lifetime of an access token")
	}
	return Secret(text), time.Duration(seconds) * time.Second, nil
}

// withToken adds an access token to the query of a call.
func withToken(token Secret, query url.Values) url.Values {
	if query == nil {
		query = url.Values{}
	}
	query.Set("access_token", token.Reveal())
	return query
}
