package signin

import (
	"context"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// ConnectRequest sends a browser to the page of WeChat on which somebody signs in with an app.
type ConnectRequest struct {
	App         identity.App // a website app, or an official account
	RedirectURI string       // of this server, on the host that is registered at WeChat
	State       string       // at most 128 letters and digits
	Chinese     bool         // the language of a website app's page
	InFrame     bool         // a website app's page is in a frame of this server
	QuickLogin  bool         // WeChat on the same computer may confirm there, instead of a scan
	// Profile asks for unionid and profile at an official account. Without it WeChat asks nothing, but gives an openid
	// only.
	Profile bool
}

// WechatPages are the pages of WeChat on which people sign in with a browser.
type WechatPages struct {
	service *Service
	base    string
}

// NewWechatPages returns the pages at a base URL, for the users of a service.
func NewWechatPages(service *Service, base string) WechatPages { return WechatPages{service, base} }

// Origin returns the origin of the pages, such as https://open.weixin.qq.com.
func (p WechatPages) Origin() string {
	scheme, rest, _ := strings.Cut(p.base, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// URL returns the URL of the page for a request.
func (p WechatPages) URL(r ConnectRequest) string {
	to := wechat.ConnectRequest{AppID: r.App.ID, RedirectURI: r.RedirectURI, State: r.State, Scope: wechat.ScopeLogin}
	if r.App.Kind == identity.KindWebsite {
		page := wechat.WebsitePage{Language: "en", InFrame: r.InFrame, QuickLogin: r.QuickLogin}
		if r.Chinese {
			page.Language = "cn"
		}
		return to.WebsiteURL(p.base, page)
	}
	to.Scope = wechat.ScopeBase
	if r.Profile {
		to.Scope = wechat.ScopeUserInfo
	}
	return to.OfficialAccountURL(p.base)
}

// SignedIn returns the user who has signed in with an app on its page, where a code came from. Of an official account
// that has not asked for the profile, it returns only users who have signed in with it before, and identity.ErrNotFound
// for others: an account without the unionid would be a second one of the same person. Other errors are those of
// [Service.Exchange] and [Service.Person].
func (p WechatPages) SignedIn(ctx context.Context, r Request, app identity.App, code string, profile bool) (Person,
	error) {
	s := p.service
	r.atPage = true
	exchange, err := s.Exchange(ctx, r, Code{Platform: s.platforms[oauth.GrantWechatCode], AppID: app.ID, Text: code},
		nil)
	if err != nil {
		return Person{}, err
	}
	if app.Kind == identity.KindOfficialAccount && !profile {
		_, err := s.accounts.Find(ctx, identity.AccountKey{Platform: exchange.App.Platform, App: exchange.App.ID,
			Subject: exchange.Login.Subject})
		switch {
		case isNotFound(err):
			s.codeSucceeded(ctx, r, exchange.uses)
			return Person{}, identity.ErrNotFound
		case err != nil:
			return Person{}, oauth.StoreFailed(err)
		}
	}
	return s.Person(ctx, r, exchange)
}
