package wechat_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// linkKinds are the two kinds of links, with the paths at which they are made.
func linkKinds() map[string]func(*wechat.AppTokens, wechat.Link) (string, error) {
	return map[string]func(*wechat.AppTokens, wechat.Link) (string, error){
		"/wxa/generatescheme": func(tokens *wechat.AppTokens, link wechat.Link) (string, error) {
			return tokens.URLScheme(context.Background(), credentials(), link)
		},
		"/wxa/generate_urllink": func(tokens *wechat.AppTokens, link wechat.Link) (string, error) {
			return tokens.URLLink(context.Background(), credentials(), link)
		},
	}
}

// newLinkEnv returns a simulator whose app has published a page, and a link to it that WeChat makes.
func newLinkEnv(t *testing.T) (*appTokenEnv, wechat.Link) {
	t.Helper()
	w := newAppTokenEnv(t)
	require.NoError(t, w.AddApp(wechattest.App{AppID: appID, Secret: secret, Pages: []string{"pages/scan/scan"}}))
	return w, wechat.Link{Page: "pages/scan/scan", Query: "scan=aZ0-_",
		Expires: w.clock.Now().Add(2 * wechat.MinLinkLife)}
}

// TestLinks open the page with the query, until they expire.
func TestLinks(t *testing.T) {
	for path, ask := range linkKinds() {
		w, link := newLinkEnv(t)
		tokens := w.replica()
		made, err := ask(tokens, link)
		require.NoError(t, err)
		require.Equal(t, path == "/wxa/generatescheme", strings.HasPrefix(made, "weixin://dl/business/?t="))
		kept := w.Links()[0]
		require.Equal(t, made, kept.URL)
		require.Equal(t, link.Query, kept.Query)
		require.Equal(t, link.Page, kept.Path)
		require.Equal(t, "release", kept.EnvVersion)
		require.Equal(t, link.Expires.Unix(), kept.Expires.Unix())

		link.Page, link.Version, link.Expires = "", "trial", w.clock.Now().Add(wechat.MaxLinkLife)
		_, err = ask(tokens, link)
		require.NoError(t, err)
		require.Equal(t, "trial", w.Links()[0].EnvVersion)
		w.force()
		_, err = ask(tokens, link)
		require.NoError(t, err, "with a new token if the one that is kept was replaced")
	}
}

// TestLinksThatAreNotAskedFor: WeChat would count them.
func TestLinksThatAreNotAskedFor(t *testing.T) {
	for path, ask := range linkKinds() {
		w, link := newLinkEnv(t)
		tokens := w.replica()
		for name, change := range map[string]func(*wechat.Link){
			"a query in the page":   func(l *wechat.Link) { l.Page = "pages/scan?a=b" },
			"a slash":               func(l *wechat.Link) { l.Page = "/pages/scan/scan" },
			"a space in the query":  func(l *wechat.Link) { l.Query = "a=b c" },
			"Chinese in the query":  func(l *wechat.Link) { l.Query = "a=令" },
			"a long query":          func(l *wechat.Link) { l.Query = strings.Repeat("a", 1025) },
			"an unknown version":    func(l *wechat.Link) { l.Version = "beta" },
			"no expiry":             func(l *wechat.Link) { l.Expires = time.Time{} },
			"an early expiry":       func(l *wechat.Link) { l.Expires = w.clock.Now().Add(wechat.MinLinkLife - 1) },
			"more than thirty days": func(l *wechat.Link) { l.Expires = l.Expires.Add(wechat.MaxLinkLife) },
		} {
			wrong := link
			change(&wrong)
			_, err := ask(tokens, wrong)
			requireClass(t, err, wechat.ErrMisconfigured)
			require.Zero(t, w.Requests().Paths[path], name)
		}
	}
}

// TestLinksThatWechatRefuses blame the settings, the quota or WeChat.
func TestLinksThatWechatRefuses(t *testing.T) {
	for path, ask := range linkKinds() {
		for errcode, class := range map[int]error{40002: wechat.ErrMisconfigured, 40013: wechat.ErrMisconfigured,
			40097: wechat.ErrMisconfigured, 40165: wechat.ErrMisconfigured, 40212: wechat.ErrMisconfigured,
			85079: wechat.ErrMisconfigured, 85401: wechat.ErrMisconfigured, 85402: wechat.ErrMisconfigured,
			48001: wechat.ErrMisconfigured,
			44990: wechat.ErrThrottled, 44993: wechat.ErrThrottled, 85400: wechat.ErrThrottled,
			45009: wechat.ErrThrottled, -1: wechat.ErrUnavailable, 12345: wechat.ErrUnavailable} {
			w, link := newLinkEnv(t)
			w.Fault(wechattest.Fault{Errcode: errcode, Path: path})
			_, err := ask(w.replica(), link)
			requireClass(t, err, class)
		}
		w, link := newLinkEnv(t)
		tokens := w.replica()
		w.Fault(wechattest.Fault{Errcode: 45009, Path: path})
		for range 2 {
			_, err := ask(tokens, link)
			requireClass(t, err, wechat.ErrThrottled)
		}
		require.Equal(t, 1, w.Requests().Paths[path], "who has used up the quota does not ask again at once")
	}
}

// TestAnswersThatAreNoLink: an answer must not lead users elsewhere, or run a script.
func TestAnswersThatAreNoLink(t *testing.T) {
	for path, ask := range linkKinds() {
		for _, text := range []string{`{}`, `{"openlink":"","url_link":""}`, `{"openlink":5,"url_link":5}`,
			`{"openlink":"https://wxaurl.cn/a","url_link":"weixin://dl/business/?t=a"}`,
			`{"openlink":"javascript:alert(1)","url_link":"javascript:alert(1)"}`,
			`{"openlink":"weixin://other/","url_link":"http://wxaurl.cn/a"}`,
			`{"openlink":"weixin://dl/ x","url_link":"https://wxaurl.cn/ x"}`,
			`{"openlink":"weixin://dl/` + strings.Repeat("x", 1024) + `","url_link":"https://a:b@wxaurl.cn/"}`,
			`<html>`} {
			w, link := newLinkEnv(t)
			w.Fault(wechattest.Fault{Text: text, Path: path})
			_, err := ask(w.replica(), link)
			requireClass(t, err, wechat.ErrUnavailable)
		}
	}
}
