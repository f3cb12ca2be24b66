package signin

import (
	"context"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/qq"
)

// Platform exchanges codes for users. It is all that must be implemented to support another platform like WeChat: the
// rest of a sign-in is the same for all.
type Platform interface {
	// Name returns the name of the platform in accounts, apps and the "amr" of sessions.
	Name() string
	// Owns reports whether an AppID has the platform's form.
	Owns(appID string) bool
	// Exchange asks the platform once who signed in. The code may be used up even after an error. Errors wrap one of
	// package wechat's error classes, such as wechat.ErrBadCode.
	Exchange(ctx context.Context, app identity.App, code string) (Login, error)
	// Title returns the platform's name in error descriptions.
	Title() string
	// NewCodeHint returns a sentence that tells the client of an app how to get a new code.
	NewCodeHint(app identity.App) string
}

// Login is the platform's answer to a code.
type Login struct {
	Subject    string            // the openid
	UnionID    string            // "" if the platform sent none
	SessionKey wechat.SessionKey // of a mini-program; zero if there is none to store
	// Profile fetches the user's profile from the platform; nil if the code does not allow that.
	Profile func(context.Context) (identity.Profile, error)
}

// WechatPlatform is WeChat. Mini-programs have one kind of code; official accounts and websites have another.
type WechatPlatform struct{ Client *wechat.Client }

// Name implements Platform.
func (WechatPlatform) Name() string { return identity.PlatformWechat }

// Owns implements Platform.
func (WechatPlatform) Owns(appID string) bool { return wechat.ValidAppID(appID) }

// Title implements Platform.
func (WechatPlatform) Title() string { return "WeChat" }

// NewCodeHint implements Platform.
func (WechatPlatform) NewCodeHint(app identity.App) string {
	switch app.Kind {
	case identity.KindOfficialAccount, identity.KindWebsite:
		return "Send the browser to the authorization page of WeChat again."
	case identity.KindMobileApp:
		return "Ask the SDK of WeChat for a new code."
	}
	return "Call wx.login again."
}

// Exchange implements Platform.
func (p WechatPlatform) Exchange(ctx context.Context, app identity.App, code string) (Login, error) {
	credentials := Credentials(app)
	if app.Kind == identity.KindMiniProgram {
		login, err := p.Client.CodeToSession(ctx, credentials, code)
		return Login{Subject: login.OpenID, UnionID: login.UnionID, SessionKey: login.SessionKey}, err
	}
	login, err := p.Client.OAuthCode(ctx, credentials, code)
	exchanged := Login{Subject: login.OpenID, UnionID: login.UnionID}
	if err == nil && login.AllowsProfile() {
		exchanged.Profile = func(ctx context.Context) (identity.Profile, error) {
			profile, err := p.Client.OAuthProfile(ctx, app.ID, login)
			return SuggestedProfile(profile), err
		}
	}
	return exchanged, err
}

// QQPlatform is QQ, with its mini-programs.
type QQPlatform struct{ Client *qq.Client }

// Name implements Platform.
func (QQPlatform) Name() string { return identity.PlatformQQ }

// Owns implements Platform.
func (QQPlatform) Owns(appID string) bool { return qq.ValidAppID(appID) }

// Title implements Platform.
func (QQPlatform) Title() string { return "QQ" }

// NewCodeHint implements Platform.
func (QQPlatform) NewCodeHint(identity.App) string { return "Call qq.login again." }

// Exchange implements Platform. It drops QQ's session key, because nothing uses it.
func (p QQPlatform) Exchange(ctx context.Context, app identity.App, code string) (Login, error) {
	login, err := p.Client.CodeToSession(ctx, Credentials(app), code)
	return Login{Subject: login.OpenID, UnionID: login.UnionID}, err
}

// Credentials returns the AppID and the AppSecret of an app.
func Credentials(app identity.App) wechat.Credentials {
	return wechat.Credentials{AppID: app.ID, Secret: wechat.Secret(app.Secret.Reveal())}
}

// SuggestedProfile converts a platform's profile.
func SuggestedProfile(p wechat.Profile) identity.Profile {
	return identity.Profile{Nickname: p.Nickname, Picture: p.Picture, Gender: p.Gender}
}
