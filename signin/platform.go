package signin

import (
	"context"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/qq"
)

// Platform trades codes for who signed in. It is all that a sibling of WeChat has to bring: the rest of a
// sign-in is the same for all.
type Platform interface {
	// Name is the platform of its accounts and apps, and how sessions say that their user was proved ("amr").
	Name() string
	// Owns says whether an AppID has the form of the platform's.
	Owns(appID string) bool
	// Trade asks the platform, once, whom a code of an app stands for. The code may be used up after an
	// error. Errors are of package wechat's classes.
	Trade(ctx context.Context, app identity.App, code string) (Login, error)
	// Title is what people call the platform, and Again tells a client how to get a fresh code.
	Title() string
	Again() string
}

// Login is what a platform said of a code.
type Login struct {
	Subject    string
	UnionID    string            // empty: none
	SessionKey wechat.SessionKey // of a mini-program; zero: none that is kept
	// Profile asks what the platform tells of the person; nil: the code does not reach so far.
	Profile func(context.Context) (identity.Profile, error)
}

// WechatPlatform is WeChat, whose kinds of apps have codes of two kinds.
type WechatPlatform struct{ Client *wechat.Client }

// Name implements Platform.
func (WechatPlatform) Name() string { return identity.PlatformWechat }

// Owns implements Platform.
func (WechatPlatform) Owns(appID string) bool { return wechat.ValidAppID(appID) }

// Title implements Platform.
func (WechatPlatform) Title() string { return "WeChat" }

// Again implements Platform.
func (WechatPlatform) Again() string { return "Call wx.login again." }

// Trade implements Platform.
func (p WechatPlatform) Trade(ctx context.Context, app identity.App, code string) (Login, error) {
	credentials := Credentials(app)
	if app.Kind == identity.KindMiniProgram {
		login, err := p.Client.CodeToSession(ctx, credentials, code)
		return Login{Subject: login.OpenID, UnionID: login.UnionID, SessionKey: login.SessionKey}, err
	}
	login, err := p.Client.OAuthCode(ctx, credentials, code)
	traded := Login{Subject: login.OpenID, UnionID: login.UnionID}
	if err == nil && login.TellsProfile() {
		traded.Profile = func(ctx context.Context) (identity.Profile, error) {
			profile, err := p.Client.OAuthProfile(ctx, app.ID, login)
			return SuggestedProfile(profile), err
		}
	}
	return traded, err
}

// QQPlatform is QQ, with its mini-programs.
type QQPlatform struct{ Client *qq.Client }

// Name implements Platform.
func (QQPlatform) Name() string { return identity.PlatformQQ }

// Owns implements Platform.
func (QQPlatform) Owns(appID string) bool { return qq.ValidAppID(appID) }

// Title implements Platform.
func (QQPlatform) Title() string { return "QQ" }

// Again implements Platform.
func (QQPlatform) Again() string { return "Call qq.login again." }

// Trade implements Platform. Nobody has asked for what QQ's session key opens, so it is not kept.
func (p QQPlatform) Trade(ctx context.Context, app identity.App, code string) (Login, error) {
	login, err := p.Client.CodeToSession(ctx, Credentials(app), code)
	return Login{Subject: login.OpenID, UnionID: login.UnionID}, err
}

// Credentials are what an app is known by at its platform.
func Credentials(app identity.App) wechat.Credentials {
	return wechat.Credentials{AppID: app.ID, Secret: wechat.Secret(app.Secret.Reveal())}
}

// SuggestedProfile is what a platform says of a person, in our words.
func SuggestedProfile(p wechat.Profile) identity.Profile {
	return identity.Profile{Nickname: p.Nickname, Picture: p.Picture, Gender: p.Gender}
}
