package provider_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/authorize"
	serversettings "github.com/lingpai/lingpai/server/settings"
)

// withFrame shows WeChat's page in a frame.
func withFrame(s *settings) {
	s.also(func(c *serversettings.Settings) { c.WechatFrame = true })
}

var frameSource = regexp.MustCompile(`<iframe [^>]*src="([^"]*)"[^>]* allow="([^"]*)"></iframe>`)

// frame loads the frame on a page, and returns where it leads to at WeChat.
func (g guest) frame(p page) *url.URL {
	g.t.Helper()
	found := frameSource.FindStringSubmatch(p.body)
	require.NotNil(g.t, found, "no frame at %s: %s", p.at, p.body)
	p = g.visit(html.UnescapeString(found[1]))
	require.Equal(g.t, http.StatusSeeOther, p.status)
	require.Equal(g.t, "no-referrer", p.header.Get("Referrer-Policy"))
	to, err := url.Parse(p.next())
	require.NoError(g.t, err)
	return to
}

// trips returns the value of the cookie with the trips of the browser.
func (g guest) trips() string {
	g.t.Helper()
	at, err := url.Parse(g.issuer + "/sign-in/wechat")
	require.NoError(g.t, err)
	for _, cookie := range g.client.Jar.Cookies(at) {
		if strings.HasSuffix(cookie.Name, "_trips") {
			return cookie.Value
		}
	}
	return ""
}

// forgetTrips takes the cookie of the trips away.
func (g guest) forgetTrips() {
	g.t.Helper()
	at, err := url.Parse(g.issuer + "/sign-in/wechat")
	require.NoError(g.t, err)
	for _, cookie := range g.client.Jar.Cookies(at) {
		if strings.HasSuffix(cookie.Name, "_trips") {
			g.client.Jar.SetCookies(at, []*http.Cookie{{Name: cookie.Name, Path: at.Path, MaxAge: -1}})
		}
	}
	require.Empty(g.t, g.trips())
}

// TestSigningInInAFrame: the page has a frame whose address is at this server, so that nothing is sealed or sent to
// WeChat before the browser loads it. WeChat's page moves the whole window back, where the trip counts as any other.
func TestSigningInInAFrame(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t, withFrame, func(s *settings) { s.path = "/id" })
	g := w.guest(onDesktop)
	p := g.visit(w.request("shop", "ui_locales", "en"))
	require.Contains(t, p.body, `id="password"`)
	require.Contains(t, p.body, `id="way-wechat"`, "the way that works everywhere")
	require.Empty(t, g.trips())
	at := g.frame(p)
	require.NotEmpty(t, g.trips())
	origin := at.Scheme + "://" + at.Host
	require.Equal(t, "local-network-access "+origin, frameSource.FindStringSubmatch(p.body)[2],
		"without the origin, it would be for this server only")
	require.Contains(t, p.header.Get("Content-Security-Policy"), "; frame-src 'self' "+origin)
	require.Contains(t, p.header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Equal(t, "/connect/qrconnect", at.Path)
	require.True(t, strings.HasSuffix(at.RawQuery, "&lang=en&login_type=jssdk&self_redirect=false"), at.RawQuery)
	require.Equal(t, "wechat_redirect", at.Fragment)
	back, _ := g.atWechat(at.String(), "user", "ada")
	g.signedInAs(g.visit(back), "shop")
}

// TestWhereThereIsNoFrame: no other page may contain one, nor this page where WeChat's code would be of no use.
func TestWhereThereIsNoFrame(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t, withFrame)
	requireNone := func(p page) {
		t.Helper()
		require.NotContains(t, p.body, "<iframe")
		require.NotContains(t, p.header.Get("Content-Security-Policy"), "frame-src")
	}
	for _, agent := range []string{onPhone, inWechat, inMiniProgram} {
		p := w.guest(agent).visit(w.request("shop"))
		require.Contains(t, p.body, `id="password"`, agent)
		requireNone(p)
	}
	g := w.guest(onDesktop)
	requireNone(g.visit("/device"))
	requireNone(g.visit("/sign-out"))
	requireNone(g.visit(w.request("nobody")))
	g.signIn("alice", "shop")
	requireNone(g.visit(w.request("partner")))
	requireNone(newWechatWeb(t).guest(onDesktop).visit(w.request("shop")))
	requireNone(newWeb(t, withFrame).guest(onDesktop).visit(w.request("shop")))
	classes := newWechatWeb(t, withClasses, withFrame)
	requires := func(class string) string {
		return classes.request("shop", "claims", `{"id_token":{"acr":{"essential":true,"value":"`+class+`"}}}`)
	}
	requireNone(classes.guest(onDesktop).visit(requires(passwordClass)))
	require.Contains(t, classes.guest(onDesktop).visit(requires(wechatClass)).body, "<iframe")
}

// TestFramesThatNobodyIsOffered leave no trip.
func TestFramesThatNobodyIsOffered(t *testing.T) {
	t.Parallel()
	w, without := newWechatWeb(t, withFrame), newWechatWeb(t)
	leave := func(w *web, app string) string {
		return onPage("sign-in/wechat", w.request("shop")) + "&wechat_frame=1&wechat_app=" + app
	}
	for name, test := range map[string]struct {
		w             *web
		agent, target string
		status        int
	}{
		"switched off":     {without, onDesktop, leave(without, websiteApp), http.StatusNotFound},
		"on a phone":       {w, onPhone, leave(w, websiteApp), http.StatusNotFound},
		"official account": {w, inWechat, leave(w, accountApp), http.StatusNotFound},
		"another app":      {w, onDesktop, leave(w, accountApp), http.StatusNotFound},
		"no app":           {w, onDesktop, leave(w, ""), http.StatusNotFound},
		"malformed":        {w, onDesktop, leave(w, websiteApp) + "&a=%zz", http.StatusBadRequest},
		"no request": {w, onDesktop, "/sign-in/wechat?wechat_frame=1&wechat_app=" + websiteApp,
			http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			g := test.w.guest(test.agent)
			p := g.visit(test.target)
			require.Equal(t, test.status, p.status)
			require.Equal(t, "DENY", p.header.Get("X-Frame-Options"))
			require.Empty(t, g.trips())
		})
	}
	require.Equal(t, http.StatusSeeOther, w.guest(onDesktop).visit(leave(w, websiteApp)).status, "the one that is")
}

// TestAPageWithAFrameIsShownAgain: after a wrong password or a reload, its frame has the same state, so that other tabs
// keep their trips, and as long as the browser loads the frame twice at once, either answer has the trip of both. A
// state that was used or has expired, another page's and another browser's do not come again.
func TestAPageWithAFrameIsShownAgain(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t, withFrame)
	w.clock.Move(time.Until(time.Now().Truncate(authorize.TripLasts).Add(authorize.TripLasts + time.Second)))
	g := w.guest(onDesktop)
	state := func(at *url.URL) string { return at.Query().Get("state") }
	other := g.frame(g.visit(w.request("shop", "state", "other")))
	p := g.visit(w.request("shop"))
	first := g.frame(p)
	require.NotEqual(t, state(other), state(first))
	for range 5 {
		p = g.submit(p, "username", "alice", "password", "wrong")
		require.Equal(t, http.StatusBadRequest, p.status)
		require.Equal(t, state(first), state(g.frame(p)))
	}
	require.Len(t, strings.Split(g.trips(), "."), 2)
	links := []string{g.leave(p), g.leave(p)}
	require.NotContains(t, links[0], state(first), "the link is another trip")
	require.NotEqual(t, links[0], links[1], "each time")
	stranger := w.guest(onDesktop)
	require.NotEqual(t, state(first), state(stranger.frame(stranger.visit(w.request("shop")))))

	w.clock.Move(14 * time.Minute)
	require.Equal(t, state(first), state(g.frame(p)))
	w.clock.Move(14 * time.Minute)
	last := g.frame(p)
	w.clock.Move(14 * time.Minute)
	back, _ := g.atWechat(last.String(), "user", "ada")
	g.signedInAs(g.visit(back), "shop") // since it was shown again
	again := g.frame(p)
	require.NotEqual(t, state(last), state(again), "the trip was used")
	w.clock.Move(15 * time.Minute)
	require.NotEqual(t, state(again), state(g.frame(p)), "the trip has expired")
}

// TestQuickLoginIsSwitchedOff, in the frame and on WeChat's page.
func TestQuickLoginIsSwitchedOff(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t, func(s *settings) {
		s.also(func(c *serversettings.Settings) { c.WechatFrame, c.WechatQuickLogin = true, false })
	})
	g := w.guest(onDesktop)
	p := g.visit(w.request("shop"))
	for _, at := range []string{g.leave(p), g.frame(p).String()} {
		require.Contains(t, at, "&fast_login=0#wechat_redirect")
		_, body := g.atWechat(at)
		require.NotContains(t, body, `id="quick"`)
	}
	usual := newWechatWeb(t).guest(onDesktop)
	at := usual.leave(usual.visit(w.request("shop")))
	require.NotContains(t, at, "fast_login")
	_, body := usual.atWechat(at)
	require.Contains(t, body, `id="quick"`)
}

// TestAFrameThatIsLoadedTwiceAtOnce: Chromium does that. Neither request has the cookie of the other's answer, and
// whichever answer comes last, the browser may come back with either state.
func TestAFrameThatIsLoadedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t, withFrame)
	w.clock.Move(time.Until(time.Now().Truncate(authorize.TripLasts).Add(authorize.TripLasts + time.Second)))
	g := w.guest(onDesktop)
	p := g.visit(w.request("shop"))
	first := g.frame(p)
	g.forgetTrips()
	require.Equal(t, first.Query().Get("state"), g.frame(p).Query().Get("state"))
	back, _ := g.atWechat(first.String(), "user", "ada")
	g.signedInAs(g.visit(back), "shop")
}
