package authorize

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
)

// WechatConfig holds the dependencies of a Wechat, and what the operator wants. The dependencies are required.
type WechatConfig struct {
	Service  *Service
	Scans    *Scans
	Apps     identity.Apps
	Profiles identity.Profiles
	Pages    signin.WechatPages
	Callback string // URL at which browsers come back
	Now      func() time.Time

	AppIDs     []string // of the website app and the official account that users may sign in with
	Frame      bool     // the page of the website app is also shown in a frame
	QuickLogin bool     // see signin.ConnectRequest
}

// Wechat signs users in on pages of WeChat: a browser goes there with a state, and comes back with a code.
type Wechat struct{ config WechatConfig }

// NewWechat returns a Wechat.
func NewWechat(c WechatConfig) *Wechat { return &Wechat{c} }

// Origin returns the origin of WeChat's pages.
func (w *Wechat) Origin() string { return w.config.Pages.Origin() }

// Departure is how a browser leaves for a page of WeChat.
type Departure struct {
	App     identity.App
	Query   string // of the page that it leaves, which carries the request on
	Profile bool   // asks for the profile; see signin.ConnectRequest
	Chinese bool   // the language of the page at WeChat
	InFrame bool   // which is in a frame of the page that carries the request on
}

// Leave returns the URL of the page at WeChat, and the browser's trips with this one.
func (w *Wechat) Leave(browser Browser, trips Trips, d Departure) (string, Trips, error) {
	trip := Trip{Query: d.Query, App: d.App.ID, Profile: d.Profile, InFrame: d.InFrame, State: rand.Text()}
	if d.InFrame {
		trip, trips = w.again(trips, browser, trip)
	}
	trip.Began = w.config.Now().UnixMilli()
	sealed, err := w.sealTrip(trip, browser)
	if err != nil {
		return "", nil, err
	}
	return w.config.Pages.URL(signin.ConnectRequest{App: d.App, RedirectURI: w.config.Callback, State: trip.State,
			Profile: d.Profile, Chinese: d.Chinese, InFrame: d.InFrame, QuickLogin: w.config.QuickLogin}),
		trips.with(sealed), nil
}

// ErrNoTrip is about a browser that comes back from a page to which it was not sent, or too late: a code that an
// attacker has made must sign nobody in (RFC 6749 §10.12).
var ErrNoTrip = oauth.NewError(oauth.InvalidGrant, "This browser was not sent to WeChat with this state within the "+
	"last 15 minutes. Start again.")

// ErrNewAtAccount is about somebody who has not signed in with an official account before: it must ask for the profile.
var ErrNewAtAccount = errors.New("the user is new at this official account")

// Return returns the trip of a browser that comes back with a state, and its trips in which it is used, or ErrNoTrip.
func (w *Wechat) Return(browser Browser, trips Trips, state string) (Trip, Trips, error) {
	trip, n := w.find(trips, browser, state)
	if n < 0 {
		return Trip{}, trips, ErrNoTrip
	}
	used := trip
	used.Used = true
	sealed, err := w.sealTrip(used, browser)
	if err != nil {
		return Trip{}, trips, err
	}
	trips = slices.Clone(trips)
	trips[n] = sealed
	return trip, trips, nil
}

// SignIn signs a user in with the code with which the browser has come back from a trip. It returns the browser with a
// new secret, and what the browser has done for the request. It returns ErrNewAtAccount, and the errors of
// [signin.WechatPages.SignedIn].
func (w *Wechat) SignIn(ctx context.Context, r Request, browser Browser, seen string, trip Trip, code string,
	c Credentials) (Browser, string, error) {
	app, err := signin.FindApp(ctx, w.config.Apps, identity.PlatformWechat, trip.App)
	if err != nil {
		return browser, seen, err
	}
	// Go on if the browser disconnects: the code is used up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signin.CodeTimeout)
	defer cancel()
	person, err := w.config.Pages.SignedIn(ctx,
		signin.Request{Client: r.Client, Address: c.Address, Device: c.Device}, app, code, trip.Profile)
	if errors.Is(err, identity.ErrNotFound) {
		return browser, seen, ErrNewAtAccount
	}
	if err != nil {
		return browser, seen, err
	}
	opened, done, err := w.config.Service.open(ctx, r, browser, seen, identity.BrowserSession{UserID: person.User.ID,
		Epoch: person.User.AuthEpoch, Account: person.Account, Method: identity.PlatformWechat, Device: c.Device},
		newSecret())
	if err == nil {
		w.suggestProfile(ctx, r, person)
	}
	return opened, done, err
}

// suggestProfile keeps the profile that WeChat has of a user, if the client asks for it. The sign-in does not depend on
// it.
func (w *Wechat) suggestProfile(ctx context.Context, r Request, person signin.Person) {
	if person.Login.Profile == nil || !oauth.HasScope(r.Scope, oauth.ScopeProfile) {
		return
	}
	profile, err := person.Login.Profile(ctx)
	if err == nil && profile != (identity.Profile{}) {
		_, err = w.config.Profiles.Suggest(ctx, person.User.ID, profile)
	}
	if err != nil {
		w.config.Service.logger.WarnContext(ctx, "cannot keep the profile of a user", "user", person.User.ID,
			"error", err)
	}
}
