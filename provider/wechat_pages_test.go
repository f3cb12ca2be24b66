package provider_test

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	serversettings "github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	onDesktop     = "Mozilla/5.0 (X11; Linux x64) Chrome/156"
	onPhone       = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148 Safari/604.1"
	inWechat      = "Mozilla/5.0 (Linux; Android 14) Mobile Safari/537.36 MicroMessenger/8.0.63"
	inMiniProgram = inWechat + " miniProgram/wx0123456789abcdef"
	inWeCom       = inWechat + " wxwork/4.1"
)

// newWechatWeb is a web whose users can sign in with a website app and an official account of one Open Platform
// account.
func newWechatWeb(t testing.TB, options ...option) *web {
	t.Helper()
	offered := func(s *settings) {
		s.also(func(c *serversettings.Settings) { c.WechatApps = []string{websiteApp, accountApp} })
	}
	w := newWeb(t, append([]option{offered}, options...)...)
	for id, kind := range map[string]string{websiteApp: identity.KindWebsite,
		accountApp: identity.KindOfficialAccount} {
		require.NoError(t, w.database.Apps().Add(t.Context(), identity.App{Platform: identity.PlatformWechat, ID: id,
			Kind: kind, Secret: identity.Secret("simulator-" + id), OpenPlatform: testOpenPlatform}))
		require.NoError(t, w.simulator.AddApp(wechattest.App{AppID: id, Kind: kind, Secret: "simulator-" + id,
			OpenPlatform: testOpenPlatform, CallbackHost: "127.0.0.1"}))
	}
	return w
}

// guest is a visitor with a User-Agent header, who may sign in at WeChat.
type guest struct {
	visitor
	agent string
}

func (w *web) guest(agent string) guest {
	v := w.visitor()
	v.sends = http.Header{"User-Agent": {agent}}
	return guest{v, agent}
}

// visit requests a URL of this server or of WeChat, and follows redirects within this server.
func (g guest) visit(target string) page {
	g.t.Helper()
	return g.follow(g.open(strings.TrimPrefix(target, strings.TrimSuffix(g.issuer, g.settings.path))))
}

// atWechat answers a page of WeChat, and returns where the browser goes next.
func (g guest) atWechat(at string, pairs ...string) (string, string) {
	g.t.Helper()
	method, values := http.MethodGet, url.Values{}
	for n := 0; n < len(pairs); n += 2 {
		method = http.MethodPost
		values.Set(pairs[n], pairs[n+1])
	}
	at, _, _ = strings.Cut(at, "#")
	request, err := http.NewRequestWithContext(g.t.Context(), method, at, strings.NewReader(values.Encode()))
	require.NoError(g.t, err)
	request.Header.Set("User-Agent", g.agent)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := g.client.Do(request)
	require.NoError(g.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(g.t, err)
	return response.Header.Get("Location"), string(body)
}

var wayLink = regexp.MustCompile(`<a id="(?:way-wechat|wechat-continue)"[^>]* href="([^"]*)"`)

// leave follows the link to WeChat on a page.
func (g guest) leave(p page) string {
	g.t.Helper()
	found := wayLink.FindStringSubmatch(p.body)
	require.NotNil(g.t, found, "no way to WeChat at %s: %s", p.at, p.body)
	p = g.visit(html.UnescapeString(found[1]))
	require.Equal(g.t, http.StatusSeeOther, p.status)
	require.Contains(g.t, p.next(), "/connect/")
	require.Equal(g.t, "no-referrer", p.header.Get("Referrer-Policy"))
	return p.next()
}

// holding sets who holds the phone whose browser this is.
func (g guest) holding(user string, snapshot bool) {
	g.t.Helper()
	pairs := []string{"user", user}
	if snapshot {
		pairs = append(pairs, "snapshot", "1")
	}
	base := g.leave(g.visit(g.request("shop")))
	at, err := url.Parse(base)
	require.NoError(g.t, err)
	g.atWechat("http://"+at.Host+"/connect/phone", pairs...)
}

// scanned is where somebody gets who has scanned the code of the website app, for a client.
func (g guest) scanned(user, client string) page {
	g.t.Helper()
	back, _ := g.atWechat(g.leave(g.visit(g.request(client))), "user", user)
	return g.visit(back)
}

// signedInAs returns who a client was told about.
func (g guest) signedInAs(p page, client string) string {
	g.t.Helper()
	tokens := g.redeem(client, g.code(p, client))
	requireTokens(g.t, tokens)
	claims := claimsOf(g.t, tokens.text("id_token"))
	require.Equal(g.t, []any{"wechat"}, claims["amr"])
	return claims["sub"].(string)
}

// TestSigningInByScanning: the page of a website app leads back into the same request, at any kind of client, and the
// next time it is the same user.
func TestSigningInByScanning(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t)
	var subs []string
	for _, client := range []string{"shop", "spa"} {
		g := w.guest(onDesktop)
		at := g.leave(g.visit(w.request(client, "ui_locales", "en")))
		require.Contains(t, at, "&lang=en#wechat_redirect")
		back, _ := g.atWechat(at, "user", "ada")
		subs = append(subs, g.signedInAs(g.visit(back), client))
		require.NotEmpty(t, g.code(g.visit(w.request(client)), client), "the browser is signed in")
	}
	require.Equal(t, subs[0], subs[1])
	require.NotEqual(t, w.user("alice").ID, subs[0])
}

// TestDecliningAtWechat: who declines stays there, and whose page sends the browser back without a code can go on.
func TestDecliningAtWechat(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t)
	g := w.guest(onDesktop)
	at := g.leave(g.visit(w.request("shop")))
	to, body := g.atWechat(at, "decision", "decline")
	require.Empty(t, to)
	require.Contains(t, body, "declined")
	p := g.visit(backWith(t, at, ""))
	require.Contains(t, p.body, "你没有在微信中同意登录")
	g.code(g.enter(p, "alice"), "shop")
}

// backWith returns where WeChat would send the browser with a code.
func backWith(t *testing.T, at, code string) string {
	t.Helper()
	parsed, err := url.Parse(at)
	require.NoError(t, err)
	query := url.Values{"state": {parsed.Query().Get("state")}}
	if code != "" {
		query.Set("code", code)
	}
	return parsed.Query().Get("redirect_uri") + "?" + query.Encode()
}

// TestWaysByEnvironment: each browser is offered what works there, and a password everywhere. Where there is nothing
// else, the page says where there is more.
func TestWaysByEnvironment(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t)
	const nowhere, fromMiniProgram, elsewhere = "", "在小程序自己的页面里登录", "在微信里或电脑上重新打开"
	for agent, want := range map[string]struct{ app, hint string }{
		onDesktop: {websiteApp, nowhere}, "": {websiteApp, nowhere}, inWechat: {accountApp, nowhere},
		onPhone: {"", elsewhere}, inWeCom: {"", elsewhere}, inMiniProgram: {"", fromMiniProgram},
	} {
		p := w.guest(agent).visit(w.request("shop"))
		require.Equal(t, want.hint != "", strings.Contains(p.body, `id="hint"`), agent)
		require.Contains(t, p.body, want.hint, agent)
		require.Contains(t, p.body, `id="password"`, agent)
		if want.app == "" {
			require.NotContains(t, p.body, "way-wechat", agent)
			continue
		}
		require.Contains(t, p.body, "wechat_app="+want.app, agent)
		first := strings.Index(p.body, "way-wechat") < strings.Index(p.body, `id="password"`)
		require.Equal(t, agent == inWechat, first, "%s: which stands first", agent)
	}
	link := html.UnescapeString(wayLink.FindStringSubmatch(w.guest(inWechat).visit(w.request("shop")).body)[1])
	website := strings.Replace(link, accountApp, websiteApp, 1)
	require.Equal(t, http.StatusSeeOther, w.guest(onDesktop).visit(website).status)
	require.Equal(t, http.StatusNotFound, w.guest(inWechat).visit(website).status, "WeChat would answer 10012")
	require.Equal(t, http.StatusNotFound, w.guest(onPhone).visit(website).status, "nobody could scan it")
	require.NotContains(t, newWeb(t).guest(onDesktop).visit(w.request("shop")).body, "way-wechat", "none is configured")
}

// TestNoWayHere: where nothing that the request accepts works, the page says where it does.
func TestNoWayHere(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t, withClasses)
	request := w.request("shop", "claims", `{"id_token":{"acr":{"essential":true,"value":"`+wechatClass+`"}}}`)
	for agent, hint := range map[string]string{onPhone: "在微信里或电脑上重新打开", inMiniProgram: "在小程序自己的页面里登录"} {
		p := w.guest(agent).visit(request)
		require.NotContains(t, p.body, `id="password"`, agent)
		require.Contains(t, p.body, "这里无法使用该应用要求的登录方式", agent)
		require.Contains(t, p.body, hint, agent)
	}
	require.NotContains(t, w.guest(onDesktop).visit(request).body, "这里无法使用")
}

// TestSigningInWithinWechat: an official account asks nothing of those it knows. It asks others for the profile once
// they have tapped, so that they are the same user at all apps of the Open Platform account.
func TestSigningInWithinWechat(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t)
	desktop := w.guest(onDesktop)
	sub := desktop.signedInAs(desktop.scanned("ada", "shop"), "shop")

	g := w.guest(inWechat)
	g.holding("ada", false)
	at := g.leave(g.visit(w.request("shop", "scope", "openid profile")))
	require.Contains(t, at, "scope=snsapi_base&")
	back, _ := g.atWechat(at)
	p := g.visit(back)
	require.Contains(t, p.body, "首次使用微信登录")
	at = g.leave(p)
	require.Contains(t, at, "scope=snsapi_userinfo&")
	back, _ = g.atWechat(at, "decision", "allow")
	require.Equal(t, sub, g.signedInAs(g.visit(back), "shop"))
	profile, err := w.database.Profiles().Find(t.Context(), sub)
	require.NoError(t, err)
	require.Equal(t, "ada", profile.Nickname)

	again := w.guest(inWechat)
	again.holding("ada", false)
	back, _ = again.atWechat(again.leave(again.visit(w.request("shop"))))
	require.Equal(t, sub, again.signedInAs(again.visit(back), "shop"), "without a question")
}

// TestSnapshotsSignNobodyIn: they are of visitors who do not exist. The page says how to leave the snapshot.
func TestSnapshotsSignNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t)
	g := w.guest(inWechat)
	g.holding("eve", true)
	before, err := w.database.Users().List(t.Context(), "", 10)
	require.NoError(t, err)
	back, _ := g.atWechat(g.leave(g.visit(w.request("shop"))))
	back, _ = g.atWechat(g.leave(g.visit(back)))
	p := g.visit(back)
	require.Contains(t, p.body, "使用完整服务")
	found := continueLink.FindStringSubmatch(p.body)
	require.NotNil(t, found, p.body)
	after, err := w.database.Users().List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Equal(t, before, after, "nobody was created")
	require.Contains(t, g.visit(w.request("shop")).body, `id="password"`, "nobody is signed in")

	g.holding("eve", false) // they have left the snapshot
	back, _ = g.atWechat(g.leave(g.visit(html.UnescapeString(found[1]))))
	back, _ = g.atWechat(g.leave(g.visit(back)), "decision", "allow")
	g.signedInAs(g.visit(back), "shop")
}

var continueLink = regexp.MustCompile(`<a id="continue"[^>]* href="([^"]*)"`)

// TestForeignReturns (login CSRF): a code counts only in the browser that was sent for it, with its state, once, and
// for a while.
func TestForeignReturns(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t)
	attacker, victim := w.guest(onDesktop), w.guest(onDesktop)
	code := func(user string) string {
		code, err := w.simulator.MintOAuthCode(wechattest.OAuthCode{AppID: websiteApp, User: user})
		require.NoError(t, err)
		return code
	}
	requireExpired := func(p page) {
		t.Helper()
		require.Equal(t, http.StatusBadRequest, p.status)
		require.Contains(t, p.body, "页面已过期")
	}
	theirs := attacker.leave(attacker.visit(w.request("shop")))
	requireExpired(victim.visit(backWith(t, theirs, code("mallory"))))
	at, err := url.Parse(w.issuer + "/sign-in/wechat")
	require.NoError(t, err)
	for _, cookie := range attacker.client.Jar.Cookies(at) { // as a neighbor's host can set it
		if strings.HasSuffix(cookie.Name, "_trips") {
			victim.client.Jar.SetCookies(at, []*http.Cookie{{Name: cookie.Name, Value: cookie.Value, Path: at.Path}})
		}
	}
	requireExpired(victim.visit(backWith(t, theirs, code("mallory"))))
	mine := victim.leave(victim.visit(w.request("shop")))
	requireExpired(victim.visit(backWith(t, theirs, code("mallory"))))
	for _, changed := range []string{"", "x", strings.Repeat("A", 26)} {
		parsed, err := url.Parse(mine)
		require.NoError(t, err)
		requireExpired(victim.visit(strings.Replace(backWith(t, mine, code("mallory")),
			parsed.Query().Get("state"), changed, 1)))
	}
	w.clock.Move(15 * time.Minute)
	requireExpired(victim.visit(backWith(t, mine, code("ada"))))
	mine = victim.leave(victim.visit(w.request("shop")))
	other, err := w.simulator.MintOAuthCode(wechattest.OAuthCode{AppID: accountApp, User: "ada"})
	require.NoError(t, err)
	require.Contains(t, victim.visit(backWith(t, mine, other)).body, "微信登录没有成功", "a code of another app")
	mine = victim.leave(victim.visit(w.request("shop")))
	victim.code(victim.visit(backWith(t, mine, code("ada"))), "shop")
}

// TestBackToWechatsAnswer: the back button sends the browser to the same answer again. It goes on from there.
func TestBackToWechatsAnswer(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t)
	g := w.guest(onDesktop)
	back, _ := g.atWechat(g.leave(g.visit(w.request("shop"))), "user", "ada")
	first := g.signedInAs(g.visit(back), "shop")
	require.Equal(t, first, g.signedInAs(g.visit(back), "shop"))
	for _, sent := range w.simulator.Requests().Codes {
		require.Equal(t, 1, sent, "the code is not sent again")
	}
}

// TestTripsOfManyTabs: four tabs may be at WeChat at a time, and none of them disturbs another.
func TestTripsOfManyTabs(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t)
	g := w.guest(onDesktop)
	var away []string
	for range 5 {
		away = append(away, g.leave(g.visit(w.request("shop", "prompt", "select_account"))))
	}
	back, _ := g.atWechat(away[0], "user", "ada")
	require.Contains(t, g.visit(back).body, "页面已过期", "the oldest of five")
	for _, at := range away[1:] {
		back, _ := g.atWechat(at, "user", "ada")
		g.signedInAs(g.visit(back), "shop")
	}
	long := w.request("shop", "state", strings.Repeat("s", 1000), "nonce", strings.Repeat("n", 255))
	for range 4 {
		g.leave(g.visit(strings.Replace(long, "/authorize?", "/sign-in?another_account=1&to=authorize&", 1)))
	}
	at, err := url.Parse(g.issuer + "/sign-in/wechat")
	require.NoError(t, err)
	size := 0
	for _, cookie := range g.client.Jar.Cookies(at) {
		size += len(cookie.Name) + len(cookie.Value)
	}
	require.Less(t, size, 5000, "servers in front accept 8 KiB of headers")
}

// TestChangesWhileAtWechat: request and user are read again when the browser comes back.
func TestChangesWhileAtWechat(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t)
	g := w.guest(onDesktop)
	sub := g.signedInAs(g.scanned("ada", "shop"), "shop")
	require.NoError(t, w.database.Users().Disable(t.Context(), sub))
	other := w.guest(onDesktop)
	require.Contains(t, other.scanned("ada", "shop").body, "微信登录没有成功", "a disabled user")
	back, _ := other.atWechat(other.leave(other.visit(w.request("shop"))), "user", "bea")
	require.NoError(t, w.database.Clients().Disable(t.Context(), "shop"))
	require.Contains(t, other.visit(back).body, "应用未注册")
}

// TestWechatIsDown: the page says so, and a password still works.
func TestWechatIsDown(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t)
	g := w.guest(onDesktop)
	back, _ := g.atWechat(g.leave(g.visit(w.request("shop"))), "user", "ada")
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Errcode: -1, Count: 10}))
	p := g.visit(back)
	require.Contains(t, p.body, "暂时无法登录")
	g.code(g.enter(p, "alice"), "shop")
}

// TestWaysByACR: a page offers the ways that would do, and a sign-in by another is not enough.
func TestWaysByACR(t *testing.T) {
	t.Parallel()
	w := newWechatWeb(t, withClasses)
	requires := func(class string) string {
		return w.request("shop", "claims", `{"id_token":{"acr":{"essential":true,"value":"`+class+`"}}}`)
	}
	g := w.guest(onDesktop)
	g.signIn("alice", "shop")
	p := g.visit(requires(wechatClass))
	require.NotContains(t, p.body, `id="password"`, "it would not do")
	back, _ := g.atWechat(g.leave(p), "user", "ada")
	tokens := w.redeem("shop", g.visitor.code(g.visit(back), "shop"))
	require.Equal(t, wechatClass, claimsOf(t, tokens.text("id_token"))["acr"])
	other := w.guest(onDesktop)
	p = other.visit(requires(passwordClass))
	require.NotContains(t, p.body, "way-wechat", "it would not do")
	require.NotEmpty(t, other.visitor.code(other.enter(p, "alice"), "shop"))
	require.Contains(t, w.guest(inMiniProgram).visit(requires(wechatClass)).body, "这里无法使用")
}
