package wechat

import (
	"context"
	"log/slog"
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
			reason: "WeChat names the token that it refused"}
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
