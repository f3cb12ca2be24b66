package wechattest

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// phoneCookie names who holds the browser of a phone, and snapshotCookie is there if WeChat shows pages there as
// snapshots.
const (
	phoneCookie    = "simulated_phone"
	snapshotCookie = "simulated_snapshot"
)

// connectPages are the pages of open.weixin.qq.com on which a user lets a website or an official account know who they
// are. They redirect to the program with a code, or tell the user what is wrong with the program's link.
type connectPages struct {
	*platform
	*oauthLogins
}

// connectLink is what a program's link to such a page asks for.
type connectLink struct {
	app      App
	redirect *url.URL
	scope    string
	state    string
}

// inOrder matches the query of a link: WeChat compares it with regular expressions, so the order of its parameters is
// fixed. More may follow. validState matches its state.
var (
	inOrder = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^appid=[^&]+&redirect_uri=[^&]+&response_type=code&scope=[^&]+(&state=[^&]*)?(&|$)`)
	})
	validState = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9]{0,128}$`) })
)

// linkFault is what is wrong with a link: an error of WeChat's page, or only words.
type linkFault struct {
	Errcode int // 0: the page has none
	Text    string
}

// The faults of links. WeChat documents the numbers; the others have words only.
var (
	faultAppID    = linkFault{0, "AppID 参数错误"}
	faultOrder    = linkFault{0, "链接参数错误：参数必须按 appid、redirect_uri、response_type、scope、state 的顺序排列"}
	faultState    = linkFault{0, "state 参数错误：最多 128 个字母和数字"}
	faultRedirect = linkFault{10003, "redirect_uri 域名与后台配置不一致"}
	faultScope    = linkFault{10005, "该公众号没有这些 scope 的权限"}
	faultInside   = linkFault{10012, "请在微信之外的浏览器中打开"}
	faultOutside  = linkFault{0, "请在微信客户端打开链接"}
)

// read reads a link to the page for a kind of app. It runs with the mutex held.
func (s connectPages) read(r *http.Request, kind string) (connectLink, *linkFault) {
	query := r.URL.Query()
	known, err := s.app(query.Get("appid"))
	redirect, malformed := url.Parse(query.Get("redirect_uri"))
	switch {
	case !inOrder().MatchString(r.URL.RawQuery):
		return connectLink{}, &faultOrder
	case err != nil || known.Kind != kind:
		return connectLink{}, &faultAppID
	case malformed != nil || !known.mayRedirect(redirect):
		return connectLink{}, &faultRedirect
	case !known.maySee(query.Get("scope")):
		return connectLink{}, &faultScope
	case !validState().MatchString(query.Get("state")):
		return connectLink{}, &faultState
	}
	return connectLink{known.App, redirect, query.Get("scope"), query.Get("state")}, nil
}

// mayRedirect reports whether a URL is at the registered host, without a port. A host on loopback may have one, as
// programs in development have; WeChat itself cannot be used there.
func (a App) mayRedirect(to *url.URL) bool {
	if to.Scheme != "http" && to.Scheme != "https" || a.CallbackHost == "" || to.Hostname() != a.CallbackHost {
		return false
	}
	address, err := netip.ParseAddr(to.Hostname())
	return to.Port() == "" || to.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

// maySee reports whether a link of the app may have a scope.
func (a App) maySee(scope string) bool {
	if a.Kind == KindWebsite {
		return scope == "snsapi_login"
	}
	return !a.Unverified && (scope == "snsapi_base" || scope == "snsapi_userinfo")
}

// answer returns where a browser goes with a code of a user.
func (s connectPages) answer(link connectLink, user string, snapshot bool) (string, error) {
	code, err := s.MintOAuthCode(OAuthCode{AppID: link.app.AppID, User: user, Scope: link.scope, Snapshot: snapshot})
	if err != nil {
		return "", err
	}
	to := *link.redirect
	query := to.Query()
	query.Set("code", code)
	query.Set("state", link.state)
	to.RawQuery = query.Encode()
	return to.String(), nil
}

// website is /connect/qrconnect. A real one shows a QR code, and somebody scans it with a phone; here the page asks who
// does. If they decline, the browser stays. In a frame, the page moves the whole window, as the real one does, unless
// self_redirect=true.
func (s connectPages) website(w http.ResponseWriter, r *http.Request) {
	link, fault := s.locked(r, KindWebsite)
	switch {
	case inWechat(r):
		showConnect(w, http.StatusOK, connectPage{Fault: &faultInside})
	case fault != nil:
		showConnect(w, http.StatusOK, connectPage{Fault: fault})
	case r.PostFormValue("decision") == "decline":
		showConnect(w, http.StatusOK, connectPage{Title: link.app.AppID, Declined: true, Ask: askScan})
	case r.PostFormValue("user") != "":
		s.redirect(w, r, link, r.PostFormValue("user"), false)
	default:
		quick := r.URL.Query().Get("fast_login") != "0"
		showConnect(w, http.StatusOK, connectPage{Title: link.app.AppID, Ask: askScan, Quick: quick})
	}
}

// officialAccount is /connect/oauth2/authorize. With snsapi_base it asks nothing. A refusal leads nowhere: WeChat
// closes the page.
func (s connectPages) officialAccount(w http.ResponseWriter, r *http.Request) {
	link, fault := s.locked(r, KindOfficialAccount)
	holder, snapshot := phoneOf(r)
	switch {
	case !inWechat(r):
		showConnect(w, http.StatusOK, connectPage{Fault: &faultOutside})
	case fault != nil:
		showConnect(w, http.StatusOK, connectPage{Fault: fault})
	case holder == "":
		http.Redirect(w, r, "/connect/phone?"+url.Values{"then": {r.URL.RequestURI()}}.Encode(), http.StatusFound)
	case r.PostFormValue("decision") == "decline":
		showConnect(w, http.StatusOK, connectPage{Title: link.app.AppID, Declined: true})
	case link.scope == "snsapi_base" || snapshot || r.PostFormValue("decision") == "allow":
		snapshot = link.scope == "snsapi_userinfo" && (snapshot || r.URL.Query().Get("forceSnapShot") == "true")
		s.redirect(w, r, link, holder, snapshot)
	default:
		showConnect(w, http.StatusOK, connectPage{Title: link.app.AppID, Ask: askProfile, User: holder})
	}
}

// phone is a page of the simulator's own: it sets who holds the phone whose browser this is.
func (s connectPages) phone(w http.ResponseWriter, r *http.Request) {
	user, then := r.PostFormValue("user"), r.URL.Query().Get("then")
	if user == "" {
		holder, snapshot := phoneOf(r)
		showConnect(w, http.StatusOK, connectPage{Ask: askPhone, User: holder, Snapshot: snapshot})
		return
	}
	http.SetCookie(w, &http.Cookie{Name: phoneCookie, Value: url.QueryEscape(user), Path: "/connect/", HttpOnly: true})
	snapshot := http.Cookie{Name: snapshotCookie, Value: "1", Path: "/connect/", HttpOnly: true}
	if r.PostFormValue("snapshot") == "" {
		snapshot.MaxAge = -1
	}
	http.SetCookie(w, &snapshot)
	if !strings.HasPrefix(then, "/connect/") {
		then = "/connect/phone"
	}
	http.Redirect(w, r, then, http.StatusSeeOther)
}

func phoneOf(r *http.Request) (holder string, snapshot bool) {
	if cookie, err := r.Cookie(phoneCookie); err == nil {
		holder, _ = url.QueryUnescape(cookie.Value)
	}
	_, err := r.Cookie(snapshotCookie)
	return holder, err == nil
}

// inWechat reports whether a request is from WeChat's own browser.
func inWechat(r *http.Request) bool { return strings.Contains(r.UserAgent(), "MicroMessenger") }

func (s connectPages) locked(r *http.Request, kind string) (connectLink, *linkFault) {
	s.platform.mutex.Lock()
	defer s.platform.mutex.Unlock()
	return s.read(r, kind)
}

func (s connectPages) redirect(w http.ResponseWriter, r *http.Request, link connectLink, user string, snapshot bool) {
	to, err := s.answer(link, user, snapshot)
	if err != nil {
		showConnect(w, http.StatusBadRequest, connectPage{Fault: &linkFault{0, err.Error()}})
		return
	}
	if r.Header.Get("Sec-Fetch-Dest") == "iframe" && r.URL.Query().Get("self_redirect") != "true" {
		showConnect(w, http.StatusOK, connectPage{Title: link.app.AppID, Moves: to})
		return
	}
	http.Redirect(w, r, to, http.StatusFound)
}

// What a page asks.
const (
	askScan    = "scan"    // who scans the code
	askProfile = "profile" // whether the program may have the profile
	askPhone   = "phone"   // whose phone this is
)

// connectPage is what a page shows.
type connectPage struct {
	Title    string // the AppID
	Fault    *linkFault
	Ask      string
	User     string
	Quick    bool // a WeChat on this computer can confirm without a scan
	Snapshot bool
	Declined bool
	Moves    string // URL to which the page, in a frame, moves the whole window
}

func showConnect(w http.ResponseWriter, status int, page connectPage) {
	showPage(w, status, "connect", page)
}

const connectTemplate = `{{template "head"}}
{{with .Fault}}<h1>Oops! Something went wrong:(</h1>
<p id="fault">{{.Text}}{{with .Errcode}}<br>错误码 <span id="errcode">{{.}}</span>{{end}}
{{else}}{{if .Title}}<p>{{.Title}}{{end}}
{{with .Moves}}<script>window.top.location = {{.}}</script>{{end}}
{{if .Declined}}<p id="declined">已拒绝 · Declined{{end}}
{{if eq .Ask "scan"}}<h1>扫码登录 Scan to sign in</h1>
<form method="post"><label>谁来扫码 Who scans <input id="user" name="user" type="text" value="alice" required></label>
<button id="confirm" class="main">扫码并允许 Scan and allow</button>
{{if .Quick}}<button id="quick">微信快捷登录 Quick login</button>{{end}}
<button id="decline" name="decision" value="decline">扫码后拒绝 Scan and decline</button></form>
{{else if eq .Ask "profile"}}<h1>获取你的昵称、头像 Get your nickname and picture</h1>
<p>{{.User}} · <a href="/connect/phone">换人 change</a>
<form method="post"><button id="allow" class="main" name="decision" value="allow">允许 Allow</button>
<button id="decline" name="decision" value="decline">拒绝 Decline</button></form>
{{else if eq .Ask "phone"}}<h1>这是谁的手机？ Whose phone is this?</h1>
<form method="post"><label>用户 User
<input id="user" name="user" type="text" value="{{or .User "alice"}}" required></label>
<label><input id="snapshot" name="snapshot" type="checkbox" value="1"{{if .Snapshot}} checked{{end}}>
以快照页打开网页 Pages open as snapshots</label>
<button id="confirm" class="main">确定 OK</button></form>{{end}}{{end}}
`
