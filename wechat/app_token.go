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
	// renewEarly is how long before its end a token is renewed. WeChat changes
	// it then, and for so long the old one and the new one both work.
	renewEarly = 5 * time.Minute

	// confirmEvery is how old a token may be that is handed out. Whoever gets
	// it cannot tell us that WeChat refuses it, so we ask, which changes
	// nothing at WeChat, whether it still is the app's token.
	confirmEvery = 5 * time.Minute

	// retryAfter is how long a token that could not be renewed goes on being
	// used without another try.
	retryAfter = 10 * time.Second

	// distrust is how long a token that WeChat refused is not used, though
	// WeChat should name it again.
	distrust = 10 * time.Second

	// twinPoll is how often a replica looks for what another one asks for.
	twinPoll = 25 * time.Millisecond
)

// AppTokensConfig says how to keep app tokens. Client, Store and Sealer are
// required.
type AppTokensConfig struct {
	Client *Client
	Store  Store
	Sealer Sealer
	Now    func() time.Time // default time.Now
}

// AppTokens keeps the app-level access tokens with which an app calls WeChat's
// APIs, and makes such calls. All replicas share a token through the store,
// where it is sealed; without the store each asks for itself, and WeChat gives
// all of them the same one. It is safe for concurrent use.
type AppTokens struct {
	client  *Client
	shelf   shelf
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

// appToken is a token as it is kept.
type appToken struct {
	Text      Secret
	expires   time.Time
	renew     time.Time // when to ask for the next one
	confirmed time.Time // when WeChat last said that it is the app's
}

// appState is what this process knows of an app's token.
type appState struct {
	kept    appToken
	settled time.Time            // until then kept is not renewed: it could not be
	refused map[Secret]time.Time // tokens that WeChat refused, and until when they are not used
}

// NewAppTokens returns a keeper of app tokens that has none yet.
func NewAppTokens(config AppTokensConfig) *AppTokens {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &AppTokens{
		client: config.Client,
		shelf:  shelf{config.Store, config.Sealer, config.Client.base.String()},
		now:    config.Now,
		apps:   map[string]*appState{},
	}
}

// Token returns the app's token for somebody else to use. WeChat has confirmed
// it within minutes. The error is an *Error.
func (a *AppTokens) Token(ctx context.Context, credentials Credentials) (AppToken, error) {
	token, err := a.find(ctx, credentials, confirmEvery)
	if err != nil {
		return AppToken{}, err
	}
	return AppToken{Text: token.Text, Expires: token.expires}, nil
}

// find returns a token that was confirmed within age. While there is one, it is
// kept in use when no newer one is to be had.
func (a *AppTokens) find(ctx context.Context, credentials Credentials, age time.Duration) (appToken, error) {
	if token, ok := a.known(credentials.AppID, age); ok {
		return token, nil
	}
	// Its callers may leave, and the others want the answer.
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

// fetch returns the token that another replica got lately, or asks WeChat.
func (a *AppTokens) fetch(ctx context.Context, credentials Credentials) (appToken, error) {
	if token, ok := a.known(credentials.AppID, confirmEvery); ok { // since the flight before this one landed
		return token, nil
	}
	token, shared, land := a.waitForTwin(ctx, credentials.AppID)
	defer land()
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
		return appToken{}, &Error{Class: ErrUnavailable, RetryAfter: distrust,
			Reason: "WeChat names the token that it refused"}
	}
	if err := a.shelf.write(ctx, credentials.AppID, token, life); err != nil {
		a.client.logger.LogAttrs(ctx, slog.LevelWarn, "wechat: an app token is not shared with the other replicas",
			slog.String("appid", weixin().printableAppID(credentials.AppID)))
	}
	return token, nil
}

// newAppToken says when to renew a token: early, but not at once, though WeChat
// should have named an old one.
func newAppToken(text Secret, asked time.Time, life time.Duration) appToken {
	return appToken{
		Text: text, confirmed: asked,
		expires: asked.Add(life),
		renew:   asked.Add(max(life-renewEarly, life/10)),
	}
}

// waitForTwin notes in the store that this replica asks WeChat. If another one
// does, it waits for what that gets, but not long: asking twice does no harm.
// The caller calls land when it is done.
func (a *AppTokens) waitForTwin(ctx context.Context, appID string) (token appToken, found bool, land func()) {
	deadline := time.After(a.client.timeout / 2)
	for {
		first, err := a.shelf.takeOff(ctx, appID, a.client.timeout+time.Second)
		if err != nil {
			return appToken{}, false, func() {}
		}
		land = func() {}
		if first {
			land = func() { a.shelf.land(ctx, appID) }
		}
		// Looked for after the note: a twin that has landed has left it there.
		if token, found = a.shelf.read(ctx, appID); found && a.fit(appID, token) {
			return token, true, land
		}
		if first {
			return appToken{}, false, land
		}
		select {
		case <-deadline:
			return appToken{}, false, land
		case <-time.After(twinPoll):
		}
	}
}

// withAppToken makes a call that needs the app's token. If WeChat does not
// accept the token, as when somebody had it replaced, it gets the new one and
// calls once more. It never calls with a token that was refused, and never a
// third time. All of it takes no longer than two calls may.
func withAppToken[T any](ctx context.Context, a *AppTokens, api string, credentials Credentials,
	do func(context.Context, Secret) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*a.client.timeout, errTimeout)
	defer cancel()
	answer, refused, err := tryAppToken(ctx, a, api, credentials, do)
	if refused {
		answer, _, err = tryAppToken(ctx, a, api, credentials, do)
	}
	return answer, err
}

// tryAppToken calls once. refused says that WeChat did not accept the token.
func tryAppToken[T any](ctx context.Context, a *AppTokens, api string, credentials Credentials,
	do func(context.Context, Secret) (T, error)) (answer T, refused bool, err error) {
	token, err := a.find(ctx, credentials, maxAppTokenLife)
	if err != nil {
		return answer, false, err
	}
	answer, err = call(ctx, a.client, api, credentials.AppID, func(ctx context.Context) (T,
		error) {
		return do(ctx, token.Text)
	})
	if refused = isTokenRefusal(err); refused {
		a.refuse(credentials.AppID, token)
		a.shelf.drop(context.WithoutCancel(ctx), credentials.AppID, token)
	}
	return answer, refused, err
}

// isTokenRefusal recognises an app token that is invalid, replaced or expired.
func isTokenRefusal(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	return ok && (failed.Errcode == 40001 || failed.Errcode == 40014 || failed.Errcode == 42001)
}

const (
	// maxAppTokenLife is the longest life that WeChat gives.
	maxAppTokenLife = 2 * time.Hour

	// maxAppToken bounds a token, in bytes. WeChat asks to have room for 512.
	maxAppToken = 2048
)

// stableTokenClasses are the numbers that mean something else here than at
// code2Session: 40001 is a wrong AppSecret, the 895 ones are calls that an
// administrator of the app has not allowed, the 5000 ones a frozen account.
func stableTokenClasses() map[int]error {
	return map[int]error{
		40001: ErrMisconfigured, 89501: ErrMisconfigured, 89503: ErrMisconfigured, 89506: ErrMisconfigured,
		89507: ErrMisconfigured,
		50004: ErrMisconfigured, 50007: ErrMisconfigured,
	}
}

// stableToken asks for the app's token and its remaining life
// (getStableAccessToken, POST /cgi-bin/stable_token). All who ask get the same
// token. It never forces a new one, which would end the old one at once, under
// the hands of whoever uses it.
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
	if err != nil || seconds <= 0 || seconds > int(maxAppTokenLife/time.Second) {
		return "", 0, outage("implausible life of an access token")
	}
	return Secret(text), time.Duration(seconds) * time.Second, nil
}

// withToken is the query of a call that carries an access token.
func withToken(token Secret, query url.Values) url.Values {
	if query == nil {
		query = url.Values{}
	}
	query.Set("access_token", token.Reveal())
	return query
}
