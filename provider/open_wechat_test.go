package provider_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/limits"
	serversettings "github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	schemePath = "/wxa/generatescheme"
	linkPath   = "/wxa/generate_urllink"
)

var (
	openWay    = regexp.MustCompile(`<a id="way-open"[^>]* href="([^"]*)"`)
	openScheme = regexp.MustCompile(`<a id="open-wechat"[^>]* href="(weixin://[^"]*)"`)
)

// newLinks returns scans with a published mini-program that a phone's browser opens in WeChat.
func newLinks(t *testing.T, options ...option) scans {
	t.Helper()
	w := newScans(t, append([]option{func(s *settings) {
		s.also(func(c *serversettings.Settings) { c.ScanLinkApp, c.ScanPage = testApp, "pages/scan/scan" })
	}}, options...)...)
	require.NoError(t, w.simulator.AddApp(wechattest.App{AppID: testApp, Secret: "simulator-" + testApp,
		Pages: []string{"pages/index/index", "pages/scan/scan"}}))
	return w
}

// calls returns how many links WeChat was asked for.
func (w scans) calls() int {
	asked := w.simulator.Requests().Paths
	return asked[schemePath] + asked[linkPath]
}

// browserOnPhone returns the browser of a phone, outside of WeChat.
func (w scans) browserOnPhone() screen {
	s := w.screen()
	s.sends.Set("User-Agent", onPhone)
	return s
}

// offers opens the page that opens WeChat, for a request of a client.
func (s screen) offers(client string) page {
	s.t.Helper()
	found := openWay.FindStringSubmatch(s.at(s.request(client)).body)
	require.NotNil(s.t, found)
	p := s.at(html.UnescapeString(found[1]))
	require.Contains(s.t, p.body, `name="open" value="scheme"`)
	require.NotContains(s.t, p.body, `class="qr"`, "nobody can scan it on the same phone")
	return p
}

// opens opens what a page leads to on the phone of a user of WeChat, and returns the parameters of the mini-program.
func (w scans) opens(p page, user string) wechattest.Scanned {
	w.t.Helper()
	opened, err := w.simulator.Scan(wechattest.Scan{User: user, Link: p.next()})
	require.NoError(w.t, err)
	require.Equal(w.t, wechattest.OpensMiniProgram, opened.Opens, opened.Reason)
	require.Equal(w.t, "pages/scan/scan", opened.Path)
	return opened
}

// TestOpeningWeChat: a phone's browser opens the mini-program for its own code, and goes on when that has approved.
func TestOpeningWeChat(t *testing.T) {
	t.Parallel()
	for how, scene := range map[string]string{"scheme": "1065", "link": "1194"} {
		w := newLinks(t)
		s, ada := w.browserOnPhone(), w.phone("ada")
		p := s.offers("shop")
		number := numberOn(t, p)
		opening := s.submit(p, "open", how)
		require.Equal(t, http.StatusOK, opening.status, "Chromium applies form-action to redirects after a form")
		opened := w.opens(opening, "ada")
		require.Equal(t, map[string]string{"scan": handleOf(t, p)}, opened.Query)
		if how == "scheme" {
			require.Equal(t, opening.next(), openScheme.FindStringSubmatch(opening.body)[1], "as a link, too")
			require.Equal(t, number, numberOn(t, opening))
		}
		seen := ada.look(opened.Query["scan"], "scene", scene)
		require.Equal(t, http.StatusOK, seen.status, seen.body)
		if how == "scheme" {
			require.Equal(t, http.StatusOK, s.wait(opening).status, "it still waits")
		}
		require.Contains(t, s.again(p).body, "请在微信里确认")
		require.Equal(t, http.StatusNoContent, ada.approve(handleOf(t, p), "number", number).status)
		confirm := s.again(p)
		require.Contains(t, confirm.body, "这个账号已在微信里确认登录。")
		s.code(s.goOn(confirm), "shop")
	}
}

// TestLinksAreMadeWhenAUserAsks, and not when a page is loaded, again or in advance, or by another site's form: WeChat
// counts them, and so anybody could use them up.
func TestLinksAreMadeWhenAUserAsks(t *testing.T) {
	t.Parallel()
	w := newLinks(t)
	s := w.browserOnPhone()
	p := s.offers("shop")
	for _, header := range []http.Header{nil, {"Sec-Purpose": {"prefetch"}}, {"Purpose": {"prefetch"}}} {
		require.Equal(t, http.StatusOK, s.do(http.MethodGet, p.at, nil, header).status)
		s.do(http.MethodHead, p.at, nil, header)
		s.do(http.MethodGet, p.at+"&open=scheme", nil, header)
	}
	values := url.Values{"open": {"scheme"}}
	foreign := s.do(http.MethodPost, p.at, values, http.Header{"Origin": {"https://attacker.example"},
		"Sec-Fetch-Site": {"cross-site"}})
	require.Equal(t, http.StatusForbidden, foreign.status)
	stranger := w.browserOnPhone()
	require.Equal(t, http.StatusBadRequest, stranger.do(http.MethodPost, p.at, values, nil).status, "no cookie")
	stranger.offers("shop")
	require.Equal(t, http.StatusSeeOther, stranger.do(http.MethodPost, p.at, values, nil).status, "another's code")
	require.Equal(t, http.StatusBadRequest, s.submit(p, "open", "javascript").status)
	require.Zero(t, w.calls())

	for range 10 {
		require.Equal(t, s.submit(p, "open", "scheme").next(), s.submit(p, "open", "scheme").next())
		s.submit(p, "open", "link")
	}
	require.Equal(t, 2, w.calls(), "one of each kind for a code, however often it is used")
}

// TestALinkThatWasSent to somebody elsewhere is refused, like a picture: who has sent it would be signed in.
func TestALinkThatWasSent(t *testing.T) {
	t.Parallel()
	w := newLinks(t)
	attacker, victim := w.browserOnPhone(), w.phone("victim")
	victim.address = elsewhere
	p := attacker.offers("shop")
	opened := w.opens(attacker.submit(p, "open", "scheme"), "victim")
	for _, scene := range []string{"1065", "1167", "1179", "1194"} {
		requireScanError(t, victim.look(opened.Query["scan"], "scene", scene), "from_link")
	}
	requireScanError(t, victim.approve(opened.Query["scan"], "number", numberOn(t, p)), "not_scanned")
	require.Contains(t, attacker.again(p).body, `value="scheme"`, "nobody was signed in")
}

// TestLinksBeyondTheBudget: the page offers the other ways to sign in, whether WeChat or a limit refuses, and who asks
// again and again fills no log with our own limits.
func TestLinksBeyondTheBudget(t *testing.T) {
	t.Parallel()
	for name, errcode := range map[string]int{"the day's quota": 45009, "too fast": 44990, "a person's": 40002,
		"not published": 85079, "busy": -1} {
		w := newLinks(t, limited(limits.ScanLinks, 1))
		require.NoError(t, w.simulator.Fail(wechattest.Fault{Errcode: errcode, Path: schemePath}))
		s := w.browserOnPhone()
		p := s.offers("shop")
		failed := s.submit(p, "open", "scheme")
		require.Equal(t, http.StatusServiceUnavailable, failed.status, name)
		require.Contains(t, failed.body, "现在无法从这里打开微信", name)
		require.Contains(t, failed.body, `<a id="other-way"`)
		require.Empty(t, failed.next())
		require.Contains(t, w.log.String(), "no link to a mini-program")
		if errcode == -1 {
			require.Equal(t, http.StatusOK, s.submit(p, "open", "scheme").status, "the failure is not the user's")
		}
	}
	for name, uses := range map[limits.Name]int{limits.ScanLinks: 1, limits.ScanLinksAddress: 1,
		limits.AllScanLinks: 1} {
		w := newLinks(t, limited(name, uses))
		s := w.browserOnPhone()
		p := s.offers("shop")
		require.Equal(t, http.StatusOK, s.submit(p, "open", "scheme").status)
		for range 10 {
			failed := s.submit(p, "open", "link")
			require.Equal(t, http.StatusTooManyRequests, failed.status, name)
			require.Contains(t, failed.body, "现在无法从这里打开微信")
		}
		require.Equal(t, 1, w.calls())
		require.NotContains(t, w.log.String(), "no link to a mini-program")
		require.Equal(t, http.StatusOK, s.submit(p, "open", "scheme").status, "the one that is kept")
		other := w.browserOnPhone()
		status := other.submit(other.offers("shop"), "open", "scheme").status
		require.Equal(t, name == limits.ScanLinks, status == http.StatusOK, name)
	}
}

// TestLinksExpire with their code, and as early as WeChat allows. The page then begins again, without a link.
func TestLinksExpire(t *testing.T) {
	t.Parallel()
	w := newLinks(t)
	s, ada := w.browserOnPhone(), w.phone("ada")
	p := s.offers("shop")
	asked := w.clock.Now()
	opening := s.submit(p, "open", "scheme")
	life := w.simulator.Links()[0].Expires.Sub(asked)
	require.Greater(t, life, time.Minute)
	require.LessOrEqual(t, life, 2*time.Minute)
	w.advance(2 * time.Minute)
	requireScanError(t, ada.look(handleOf(t, p), "scene", "1065"), "expired")
	opened, err := w.simulator.Scan(wechattest.Scan{User: "ada", Link: opening.next()})
	require.NoError(t, err)
	require.Equal(t, wechattest.OpensNothing, opened.Opens)
	next := s.follow(s.submit(p, "open", "link"))
	require.NotEqual(t, handleOf(t, p), handleOf(t, next))
	require.Contains(t, next.body, `value="scheme"`)
	require.Equal(t, 1, w.calls())

	late := s.offers("shop")
	w.advance(110 * time.Second)
	require.Equal(t, http.StatusOK, s.submit(late, "open", "scheme").status, "WeChat allows no shorter life")
	p = s.offers("shop")
	require.Equal(t, http.StatusOK, ada.look(handleOf(t, p)).status)
	require.Equal(t, http.StatusNoContent, ada.decline(handleOf(t, p)).status)
	require.Contains(t, s.follow(s.submit(p, "open", "scheme")).body, "微信里拒绝了这次登录")
}

// TestWhereWeChatIsNotOpened: other browsers have the same pages as before, also if links are on, and a phone's if they
// are off.
func TestWhereWeChatIsNotOpened(t *testing.T) {
	t.Parallel()
	w, off := newLinks(t), newScans(t)
	for agent, way := range map[string]string{onDesktop: "scan", inWechat: "press"} {
		s := w.screen()
		s.sends.Set("User-Agent", agent)
		p := s.at(s.request("shop"))
		require.Contains(t, p.body, `id="way-`+way+`"`)
		require.NotContains(t, p.body, `id="way-open"`)
		require.NotContains(t, s.show("shop").body, "open-wechat")
	}
	s := off.browserOnPhone()
	require.NotContains(t, s.at(s.request("shop")).body, `id="way-open"`)
	p := s.at(onPage("sign-in/scan", s.request("shop")))
	require.Contains(t, p.body, `class="qr"`)
	require.Equal(t, http.StatusBadRequest, s.do(http.MethodPost, p.at, url.Values{"open": {"scheme"}}, nil).status)
	require.Zero(t, off.calls())
}
