package wechat

import "net/url"

// DefaultConnectURL is the base URL of WeChat's pages on which people let a program know who they are.
const DefaultConnectURL = "https://open.weixin.qq.com"

// The scopes of these pages.
const (
	ScopeLogin    = "snsapi_login"    // of website apps
	ScopeBase     = "snsapi_base"     // of official accounts: the openid, without a question
	ScopeUserInfo = "snsapi_userinfo" // of official accounts: also unionid and profile, which WeChat asks for
)

// A ConnectRequest is what a program asks for on such a page.
type ConnectRequest struct {
	AppID       string
	RedirectURI string // on the host that is registered at WeChat
	Scope       string
	State       string // at most 128 letters and digits
}

// WebsitePage is what the page of a website app is like.
type WebsitePage struct {
	Language string // "cn" or "en"
	// InFrame is for a page in a frame. If somebody has allowed the sign-in, it moves the whole window to the redirect
	// URI, for which browsers require that the page around it is on the same site.
	InFrame bool
	// QuickLogin lets WeChat on the same computer confirm, instead of a scan.
	QuickLogin bool
}

// WebsiteURL returns the page that shows a code to scan, for a website app. WeChat documents the parameters for frames
// and quick login as options of its script wxLogin.js, which puts them into the URL of a frame as this does.
func (r ConnectRequest) WebsiteURL(base string, page WebsitePage) string {
	to := base + "/connect/qrconnect?" + r.query() + "&lang=" + page.Language
	if page.InFrame {
		to += "&login_type=jssdk&self_redirect=false"
	}
	if !page.QuickLogin {
		to += "&fast_login=0"
	}
	return to + fragment
}

// OfficialAccountURL returns the page for the browser inside WeChat, for an official account.
func (r ConnectRequest) OfficialAccountURL(base string) string {
	return base + "/connect/oauth2/authorize?" + r.query() + fragment
}

// fragment ends the URLs of all these pages.
const fragment = "#wechat_redirect"

// query returns the parameters in the order that WeChat requires.
func (r ConnectRequest) query() string {
	return "appid=" + url.QueryEscape(r.AppID) + "&redirect_uri=" + url.QueryEscape(r.RedirectURI) +
		"&response_type=code&scope=" + url.QueryEscape(r.Scope) + "&state=" + url.QueryEscape(r.State)
}
