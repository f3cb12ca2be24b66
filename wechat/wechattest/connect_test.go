package wechattest_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

const inWechat = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Mobile Safari/537.36 MicroMessenger/8.0.63"

// pages is a browser at the pages of open.weixin.qq.com.
type pages struct {
	*env
	userAgent   string
	destination string // its Sec-Fetch-Dest header
}

func startPages(t *testing.T, userAgent string) pages {
	t.Helper()
	w := start(t)
	w.App(wechattest.App{AppID: website, Secret: secret, Kind: wechattest.KindWebsite, CallbackHost: "shop.example"})
	w.App(wechattest.App{AppID: account, Secret: secret, Kind: wechattest.KindOfficialAccount,
		OpenPlatform: "platform", CallbackHost: "shop.example"})
	var err error
	w.client.Jar, err = cookiejar.New(nil)
	require.NoError(t, err)
	return pages{w, userAgent, "document"}
}

// link returns a link of an app, whose parts can be replaced.
func link(app, scope string, replaced ...string) string {
	text := "appid=" + app + "&redirect_uri=https%3A%2F%2Fshop.example%2Fback%3Fa%3D1&response_type=code&scope=" +
		scope + "&state=abc123"
	return strings.NewReplacer(replaced...).Replace(text)
}

// visit opens a page, or posts a form to it, and returns the text and where it redirects.
func (p pages) visit(path string, form ...string) (text, to string) {
	p.t.Helper()
	method, values := http.MethodGet, url.Values{}
	for n := 0; n < len(form); n += 2 {
		method = http.MethodPost
		values.Set(form[n], form[n+1])
	}
	request, err := http.NewRequest(method, p.URL+path, strings.NewReader(values.Encode()))
	require.NoError(p.t, err)
	request.Header.Set("User-Agent", p.userAgent)
	request.Header.Set("Sec-Fetch-Dest", p.destination)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := p.client.Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close()
	var body strings.Builder
	require.NoError(p.t, response.Write(&body))
	return body.String(), response.Header.Get("Location")
}

// code returns the code with which a browser goes back.
func (p pages) code(to string) string {
	p.t.Helper()
	at, err := url.Parse(to)
	require.NoError(p.t, err)
	require.Equal(p.t, "https://shop.example/back", at.Scheme+"://"+at.Host+at.Path)
	require.Equal(p.t, "abc123", at.Query().Get("state"))
	require.Equal(p.t, "1", at.Query().Get("a"), "the query of the redirect URI stays")
	return at.Query().Get("code")
}

func TestAWebsiteShowsACodeToScan(t *testing.T) {
	p := startPages(t, "Chrome")
	at := "/connect/qrconnect?" + link(website, "snsapi_login")
	text, _ := p.visit(at)
	require.Contains(t, text, `id="quick"`)
	text, _ = p.visit(at + "&fast_login=0")
	require.NotContains(t, text, `id="quick"`)
	text, to := p.visit(at, "decision", "decline", "user", "ada")
	require.Contains(t, text, `id="declined"`)
	require.Empty(t, to, "a refusal never comes back")
	_, to = p.visit(at, "user", "ada")
	answered := p.exchange(website, p.code(to))
	require.Equal(t, wechattest.OpenID(website, "ada"), answered.textOf("openid"))
	require.Equal(t, "snsapi_login", answered.textOf("scope"))
}

// TestAWebsiteInAFrame moves the whole window back, unless the program wants to stay in the frame.
func TestAWebsiteInAFrame(t *testing.T) {
	p := startPages(t, "Chrome")
	p.destination = "iframe"
	at := "/connect/qrconnect?" + link(website, "snsapi_login", "%3Fa%3D1", "%3Fa%3D%3C%2Fscript%3E")
	text, to := p.visit(at+"&login_type=jssdk&self_redirect=false", "user", "ada")
	require.Empty(t, to)
	require.Regexp(t, `<script>window\.top\.location = "https:\S+shop\.example\S+state=abc123"</script>`, text)
	require.Equal(t, 1, strings.Count(text, "</script>"), "the address leaves no string")
	_, to = p.visit("/connect/qrconnect?"+link(website, "snsapi_login")+"&self_redirect=true", "user", "ada")
	p.code(to)
	text, to = p.visit(at, "decision", "decline", "user", "ada")
	require.Contains(t, text, `id="declined"`)
	require.NotContains(t, text, "<script>")
	require.Empty(t, to)
}

func TestAnOfficialAccountKnowsWhosePhoneItIs(t *testing.T) {
	p := startPages(t, inWechat)
	base := "/connect/oauth2/authorize?" + link(account, "snsapi_base")
	_, to := p.visit(base)
	require.Contains(t, to, "/connect/phone?then=")
	_, to = p.visit(to, "user", "王芳")
	_, to = p.visit(to)
	answered := p.exchange(account, p.code(to))
	require.Equal(t, wechattest.OpenID(account, "王芳"), answered.textOf("openid"))
	require.NotContains(t, answered.members, "unionid", "snsapi_base gives none")

	profile := "/connect/oauth2/authorize?" + link(account, "snsapi_userinfo")
	text, to := p.visit(profile)
	require.Contains(t, text, `id="allow"`)
	require.Empty(t, to, "it asks first")
	text, to = p.visit(profile, "decision", "decline")
	require.Contains(t, text, `id="declined"`)
	require.Empty(t, to)
	_, to = p.visit(profile, "decision", "allow")
	require.Equal(t, wechattest.UnionID("platform", "王芳"), p.exchange(account, p.code(to)).textOf("unionid"))
	_, to = p.visit(profile+"&forceSnapShot=true", "decision", "allow")
	require.EqualValues(t, 1, p.exchange(account, p.code(to)).members["is_snapshotuser"])

	_, to = p.visit("/connect/phone?then=%2F%2Fevil.example", "user", "bob", "snapshot", "1")
	require.Equal(t, "/connect/phone", to, "an open redirect")
	_, to = p.visit(profile)
	require.EqualValues(t, 1, p.exchange(account, p.code(to)).members["is_snapshotuser"], "nobody has tapped")
	_, to = p.visit(base)
	require.NotContains(t, p.exchange(account, p.code(to)).members, "is_snapshotuser")
}

func TestLinksThatWeChatRefuses(t *testing.T) {
	desktop, phone := startPages(t, "Chrome"), startPages(t, inWechat)
	phone.visit("/connect/phone", "user", "ada")
	phone.App(wechattest.App{AppID: appID, Secret: secret, Kind: wechattest.KindOfficialAccount,
		CallbackHost: "shop.example", Unverified: true})
	for name, test := range map[string]struct {
		p                  pages
		path, query, words string
	}{
		"unknown app":  {desktop, "qrconnect", link("wx9999999999999999", "snsapi_login"), "AppID 参数错误"},
		"another kind": {desktop, "qrconnect", link(account, "snsapi_login"), "AppID 参数错误"},
		"another order": {desktop, "qrconnect", link(website, "snsapi_login",
			"&response_type=code", "", "&state", "&response_type=code&state"), "顺序"},
		"another host": {desktop, "qrconnect", link(website, "snsapi_login", "shop.example", "evil.example"),
			"10003"},
		"a port": {desktop, "qrconnect", link(website, "snsapi_login", "shop.example", "shop.example%3A8443"),
			"10003"},
		"no host": {desktop, "qrconnect", link(website, "snsapi_login", "https%3A%2F%2Fshop.example", "x"),
			"10003"},
		"a scope":         {desktop, "qrconnect", link(website, "snsapi_base"), "10005"},
		"a state":         {desktop, "qrconnect", link(website, "snsapi_login", "abc123", "a-b"), "state 参数错误"},
		"inside WeChat":   {phone, "qrconnect", link(website, "snsapi_login"), "10012"},
		"outside WeChat":  {desktop, "oauth2/authorize", link(account, "snsapi_base"), "请在微信客户端打开链接"},
		"not verified":    {phone, "oauth2/authorize", link(appID, "snsapi_base"), "10005"},
		"a website scope": {phone, "oauth2/authorize", link(account, "snsapi_login"), "10005"},
		"account's port": {phone, "oauth2/authorize", link(account, "snsapi_base", "shop.example",
			"shop.example%3A80"), "10003"},
	} {
		t.Run(name, func(t *testing.T) {
			text, to := test.p.visit("/connect/" + test.path + "?" + test.query)
			require.Contains(t, text, test.words)
			require.Empty(t, to)
		})
	}
}

// TestProgramsInDevelopmentMayHaveAPort: they run on loopback, where WeChat's own pages cannot be used.
func TestProgramsInDevelopmentMayHaveAPort(t *testing.T) {
	p := startPages(t, "Chrome")
	p.App(wechattest.App{AppID: website, Secret: secret, Kind: wechattest.KindWebsite, CallbackHost: "127.0.0.1"})
	_, to := p.visit("/connect/qrconnect?"+link(website, "snsapi_login", "https%3A%2F%2Fshop.example",
		"http%3A%2F%2F127.0.0.1%3A8080"), "user", "ada")
	require.Contains(t, to, "http://127.0.0.1:8080/back?")
}
