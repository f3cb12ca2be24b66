package wechattest

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// A WebView is what a mini-program shows in a <web-view>.
type WebView struct {
	AppID string `json:"appid"`
	URL   string `json:"url"` // its src
}

// An OpenedWebView is a web-view that opens its URL. It shares no cookies with browsers, or with the mini-program.
type OpenedWebView struct {
	URL       string `json:"url"`
	UserAgent string `json:"user_agent"` // by which a page learns where it is
}

// OpenWebView opens a web-view. It returns an error where WeChat shows one, or nothing: mini-programs of persons have
// no web-view, the host must be one of the app's WebViewDomains and have https, and on iOS a URL with anything but
// ASCII shows an empty page. A host on loopback may have http and a port, so that programs in development can be tried.
func (s *platform) OpenWebView(view WebView) (OpenedWebView, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	known, err := s.app(view.AppID)
	if err != nil {
		return OpenedWebView{}, err
	}
	to, err := url.Parse(view.URL)
	switch {
	case !known.isMiniProgram():
		return OpenedWebView{}, errors.New("appid: only a mini-program has a web-view")
	case known.Personal:
		return OpenedWebView{}, errors.New("appid: 个人类型的小程序暂不支持使用 web-view (a person's has none)")
	case strings.ContainsFunc(view.URL, func(r rune) bool { return r <= ' ' || r > '~' }):
		return OpenedWebView{}, errors.New("url: must be visible ASCII, or the page stays empty on iOS")
	case err != nil || to.Host == "" || to.User != nil || to.Scheme != "https" && !isLoopbackHTTP(to):
		return OpenedWebView{}, errors.New("url: must be an https URL")
	case to.Port() != "" && !isLoopbackHTTP(to) || !slices.Contains(known.WebViewDomains, to.Hostname()):
		return OpenedWebView{}, fmt.Errorf("url: 无法打开该页面，不支持打开非业务域名 %s (not one of web_view_domains)", to.Host)
	}
	return OpenedWebView{view.URL, webViewAgent + view.AppID}, nil
}

// webViewAgent is the User-Agent header of a web-view, before the AppID.
const webViewAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 " +
	"(KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.54(0x18003630) NetType/WIFI Language/zh_CN miniProgram/"

func isLoopbackHTTP(to *url.URL) bool {
	address, err := netip.ParseAddr(to.Hostname())
	return to.Scheme == "http" && (to.Hostname() == "localhost" || err == nil && address.IsLoopback())
}

// webViewPage is GET /_sim/web_view: a web-view for a browser on this machine, which goes on to the page, or says why
// WeChat would not. The browser's User-Agent header stays what it is.
func (c control) webViewPage(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	opened, err := c.OpenWebView(WebView{AppID: query.Get("appid"), URL: query.Get("url")})
	if err != nil {
		showPage(w, http.StatusBadRequest, "web view", err.Error())
		return
	}
	w.Header().Set("Referrer-Policy", "no-referrer") // the URL may have a ticket
	http.Redirect(w, r, opened.URL, http.StatusSeeOther)
}

const webViewTemplate = `{{template "head"}}
<h1>web-view</h1><p id="fault" role="alert">{{.}}`
