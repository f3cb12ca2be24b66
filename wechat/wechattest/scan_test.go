package wechattest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

// linked returns a mini-program with rules.
func linked(rules ...wechattest.LinkRule) wechattest.App {
	return wechattest.App{AppID: appID, Secret: secret, Pages: []string{"pages/index/index", loginPage},
		LinkRules: rules}
}

func (w *env) scan(scan wechattest.Scan) wechattest.Scanned {
	w.t.Helper()
	scanned, err := w.Scan(scan)
	require.NoError(w.t, err)
	return scanned
}

func TestALinkOpensAMiniProgram(t *testing.T) {
	w := start(t)
	w.App(linked(wechattest.LinkRule{Prefix: "https://id.example/l/", Page: loginPage, Published: true}))
	w.Advance(time.Hour)
	for by, scene := range map[string]int{"": 1011, "camera": 1011, "long_press": 1012, "album": 1013} {
		const link = "https://id.example/l/h4~n(d)*le?a=b c+d&e=王!#f'"
		answered := w.post("/_sim/scan", `{"user":"ada","text":"`+link+`","by":"`+by+`"}`)
		require.Equal(t, http.StatusOK, answered.status, answered.text)
		query := answered.members["query"].(map[string]any)
		at, err := strconv.ParseInt(query["scancode_time"].(string), 10, 64)
		require.NoError(t, err)
		require.LessOrEqual(t, at, w.Now().Unix())
		require.Greater(t, at, time.Now().Unix()+3000, "it is the simulator's clock")
		delete(query, "scancode_time")
		require.Equal(t, map[string]any{
			"opens": "mini-program", "appid": appID, "path": loginPage, "scene": float64(scene),
			"env_version": "release",
			"query": map[string]any{ // what encodeURIComponent makes of it
				"q": "https%3A%2F%2Fid.example%2Fl%2Fh4~n(d)*le%3Fa%3Db%20c%2Bd%26e%3D%E7%8E%8B!%23f'"},
		}, answered.members)
	}
}

// TestLinksThatNoRuleCovers: among them are WeChat's own examples, and of a site that looks like the rule's.
func TestLinksThatNoRuleCovers(t *testing.T) {
	for _, test := range []struct {
		prefix, link string
		covered      bool
	}{
		{"http://www.qq.com/a/b", "https://www.qq.com/a/b", false},
		{"https://www.qq.com/a/b", "https://www.weixin.qq.com/a/b", false},
		{"https://www.qq.com/a/b?id=123", "https://www.qq.com/a/b?id=132", false},
		{"https://www.qq.com/a/b", "https://www.qq.com/a/bc", false},
		{"https://www.qq.com/a/b", "https://www.qq.com/a/b/123", false},
		{"http://www.qq.com/a/", "http://www.qq.com/a/123456", true},
		{"https://www.qq.com/a/b", "https://www.qq.com/a/b", true},
		{"https://www.qq.com/a/b", "https://www.qq.com/a/b?id=1", true},
		{"https://www.qq.com/a/b?id=123", "https://www.qq.com/a/b?id=1234", true},
		{"https://www.qq.com/a/b?id=123", "https://www.qq.com/a/b", false},
		{"https://www.qq.com/a/", "https://www.qq.com/a", false},
		{"https://www.qq.com/a/", "https://WWW.QQ.com/a/1", true},
		{"https://www.qq.com/a/", "https://www.qq.com/A/1", false},
		{"https://www.qq.com", "https://www.qq.com/", true},
		{"https://www.qq.com/", "https://www.qq.com", true},
		{"https://www.qq.com", "https://www.qq.com/a", false},
		{"https://www.qq.com/", "https://www.qq.com/a", true},
		{"https://www.qq.com/a/", "https://www.qq.com:8443/a/1", false},
		{"https://www.qq.com/a/", "https://www.qq.com.evil.example/a/1", false},
		{"https://www.qq.com/a/", "https://www.qq.com@evil.example/a/1", false},
		{"https://www.qq.com/a/", "https://evil@www.qq.com/a/1", false},
		{"https://www.qq.com/a/", "https://evil.example/https://www.qq.com/a/1", false},
		{"http://127.0.0.1:8080/l/", "http://127.0.0.1:8080/l/1", true},
	} {
		w := start(t)
		w.App(linked(wechattest.LinkRule{Prefix: test.prefix, Page: loginPage, Published: true}))
		want := wechattest.Scanned{Opens: wechattest.OpensBrowser, URL: test.link}
		scanned := w.scan(wechattest.Scan{User: "ada", Text: test.link})
		if test.covered {
			require.Equal(t, wechattest.OpensMiniProgram, scanned.Opens, "%+v", test)
			continue
		}
		require.Equal(t, want, scanned, "%+v", test)
	}
}

func TestTheLongestRuleDecides(t *testing.T) {
	w := start(t)
	w.App(linked(
		wechattest.LinkRule{Prefix: "https://www.qq.com/a/", Page: "pages/index/index", Published: true},
		wechattest.LinkRule{Prefix: "https://www.qq.com/a/b", Page: loginPage},
	))
	w.App(wechattest.App{AppID: otherApp, Secret: secret, Pages: []string{"p/p"}, LinkRules: []wechattest.LinkRule{
		{Prefix: "https://www.qq.com/a/other/", Page: "p/p", Published: true},
		{Prefix: "https://www.qq.com/", Page: "p/p", Published: true}}})
	for link, opened := range map[string][2]string{
		"https://www.qq.com/a/1":       {appID, "pages/index/index"},
		"https://www.qq.com/a/b":       {}, // WeChat's example: a rule that is not published opens nothing
		"https://www.qq.com/a/other/1": {otherApp, "p/p"},
		"https://www.qq.com/b":         {otherApp, "p/p"},
	} {
		for range 20 { // rules are in no order
			scanned := w.scan(wechattest.Scan{User: "ada", Text: link})
			require.Equal(t, opened, [2]string{scanned.AppID, scanned.Path}, link)
		}
	}
}

func TestTestLinksAreForTesters(t *testing.T) {
	w := start(t)
	test := "https://id.example/l/test"
	rule := wechattest.LinkRule{Prefix: "https://id.example/l/", Page: "pages/new", TestLinks: []string{test}}
	app := linked(rule)
	app.Testers = []string{"ada"}
	opens := func(user, link string) [2]string {
		scanned := w.scan(wechattest.Scan{User: user, Text: link})
		return [2]string{scanned.Opens, scanned.EnvVersion}
	}
	browser := [2]string{"browser"}

	w.App(app)
	require.Equal(t, [2]string{"mini-program", "develop"}, opens("ada", test))
	require.Equal(t, browser, opens("bob", test))
	require.Equal(t, browser, opens("ada", test+"2"))

	app.LinkRules[0].TestVersion = "trial"
	require.Equal(t, [2]string{"mini-program", "develop"}, opens("ada", test), "the simulator has a copy")
	w.App(app)
	require.Equal(t, [2]string{"mini-program", "trial"}, opens("ada", test))

	app.LinkRules[0].Page, app.LinkRules[0].Published = loginPage, true
	w.App(app)
	require.Equal(t, [2]string{"mini-program", "trial"}, opens("ada", test), "also if the rule is published")
	require.Equal(t, [2]string{"mini-program", "release"}, opens("bob", test))

	app.LinkRules[0], app.Testers = rule, nil
	app.LinkRules[0].TestVersion = "release"
	w.App(app)
	require.Equal(t, "nothing", opens("bob", test)[0], "the page is not in the published version")
	app.LinkRules[0].TestVersion = ""
	w.App(app)
	require.Equal(t, [2]string{"mini-program", "develop"}, opens("bob", test), "without testers, all users are")
}

func TestAppsThatWeChatsConsoleRefuses(t *testing.T) {
	valid := wechattest.LinkRule{Prefix: "https://id.example/l/", Page: loginPage, Published: true}
	with := func(change func(*wechattest.LinkRule)) wechattest.App {
		rule := valid
		change(&rule)
		return linked(rule)
	}
	prefix := func(text string) wechattest.App { return with(func(r *wechattest.LinkRule) { r.Prefix = text }) }
	page := func(path string) wechattest.App {
		return with(func(r *wechattest.LinkRule) { r.Page, r.Published = path, false })
	}
	testLink := func(link string) wechattest.App {
		return with(func(r *wechattest.LinkRule) { r.TestLinks = []string{link} })
	}
	many := make([]wechattest.LinkRule, 101)
	for i := range many {
		many[i] = wechattest.LinkRule{Prefix: "https://id.example/" + strconv.Itoa(i), Page: loginPage}
	}
	personal, unpublished, launch, pages := linked(valid), linked(valid), linked(), linked()
	personal.Personal, unpublished.Pages, launch.LaunchURL = true, nil, "javascript:alert(1)"
	pages.Pages = []string{"/pages/index"}
	for name, test := range map[string]struct {
		app   wechattest.App
		words string
	}{
		"a person":             {personal, "85075"},
		"101 rules":            {linked(many...), "85073"},
		"one twice":            {linked(valid, valid), "85071"},
		"another app's":        {prefix("https://taken.example/"), "85072"},
		"not a URL":            {prefix("id.example/l/"), "85066"},
		"another scheme":       {prefix("ftp://id.example/l/"), "85066"},
		"no host":              {prefix("https:///l/"), "85066"},
		"a fragment":           {prefix("https://id.example/l/#a"), "85066"},
		"a user":               {prefix("https://a@id.example/l/"), "85066"},
		"an address":           {prefix("https://203.0.113.7/l/"), "85066"},
		"not published":        {unpublished, "85074"},
		"a page of its own":    {with(func(r *wechattest.LinkRule) { r.Page = "pages/other" }), "85074"},
		"no page":              {page(""), "link_rules: page"},
		"a page with a query":  {page("a?b"), "link_rules: page"},
		"a foreign test link":  {testLink("https://id.example/"), "85068"},
		"a test link, not one": {testLink("x"), "85068"},
		"an odd test version":  {with(func(r *wechattest.LinkRule) { r.TestVersion = "beta" }), "test_version"},
		"an odd page":          {pages, "pages:"},
		"a script to launch":   {launch, "launch_url:"},
		"six test links": {with(func(r *wechattest.LinkRule) {
			r.TestLinks = slices.Repeat([]string{"https://id.example/l/1"}, 6)
		}), "more than 5"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.App(wechattest.App{AppID: otherApp, Secret: secret, LinkRules: []wechattest.LinkRule{
				{Prefix: "https://taken.example/", Page: "p/p"}}})
			w.App(linked(valid))
			test.app.AppID, test.app.Secret = appID, secret
			require.ErrorContains(t, w.AddApp(test.app), test.words)
			require.Equal(t, wechattest.OpensMiniProgram,
				w.scan(wechattest.Scan{User: "ada", Text: "https://id.example/l/1"}).Opens, "the app is as it was")
		})
	}
	w := start(t)
	require.NoError(t, w.AddApp(linked(many[:100]...)))
	require.NoError(t, w.AddApp(linked(many[:100]...)), "its own rules are not another app's")
	require.NoError(t, w.AddApp(with(func(r *wechattest.LinkRule) {
		r.TestLinks = slices.Repeat([]string{"https://id.example/l/1"}, 5)
	})))
	require.NoError(t, w.AddApp(prefix("http://[::1]:8080/l/")))
}

// TestOtherAppsHaveNoPages: only mini-programs have what opens them.
func TestOtherAppsHaveNoPages(t *testing.T) {
	w := start(t)
	for _, app := range []wechattest.App{
		{Kind: wechattest.KindOfficialAccount, LinkRules: []wechattest.LinkRule{{Prefix: "https://a.a", Page: "p/p"}}},
		{Kind: wechattest.KindWebsite, Pages: []string{"p/p"}},
		{Kind: wechattest.KindWebsite, Testers: []string{"ada"}},
		{Kind: wechattest.KindWebsite, Personal: true},
		{Kind: wechattest.KindMobileApp, LaunchURL: "https://a.a"},
	} {
		app.AppID, app.Secret = website, secret
		require.ErrorContains(t, w.AddApp(app), "kind:")
		_, err := w.MintOAuthCode(wechattest.OAuthCode{AppID: website, User: "ada"})
		require.ErrorContains(t, err, "not registered")
	}
}

func TestAMiniProgramCodeOpensItsPage(t *testing.T) {
	w, ask := startPublished(t)
	ask(`{"scene":"a=1&b=(x)","page":"` + loginPage + `"}`)
	id := w.MiniProgramCodes()[0].ID
	for by, scene := range map[string]int{"": 1047, "camera": 1047, "long_press": 1048, "album": 1049} {
		answered := w.post("/_sim/scan", `{"user":"ada","code":"`+id+`","by":"`+by+`"}`)
		require.Equal(t, map[string]any{
			"opens": "mini-program", "appid": appID, "path": loginPage, "scene": float64(scene),
			"env_version": "release",
			"query":       map[string]any{"scene": "a%3D1%26b%3D(x)"},
		}, answered.members)
	}
	ask(scene("a"))
	require.Equal(t, "pages/index/index", w.scan(wechattest.Scan{User: "ada", Code: w.MiniProgramCodes()[0].ID}).Path)
}

func TestVersionsThatAPhoneDoesNotOpen(t *testing.T) {
	w, ask := startPublished(t)
	app := linked()
	app.Testers = []string{"ada"}
	w.App(app)
	code := func(body string) string {
		require.Contains(t, ask(body).contentType, "image/")
		return w.MiniProgramCodes()[0].ID
	}
	opens := func(user, code string) wechattest.Scanned { return w.scan(wechattest.Scan{User: user, Code: code}) }
	release, trial := code(`{"scene":"a","page":"no/such","check_path":false}`),
		code(`{"scene":"a","page":"no/such","check_path":false,"env_version":"trial"}`)
	require.Equal(t, wechattest.OpensNothing, opens("ada", release).Opens)
	require.Contains(t, opens("ada", release).Reason, "not published")
	require.Empty(t, opens("ada", release).AppID)
	require.Equal(t, "trial", opens("ada", trial).EnvVersion)
	require.Equal(t, "no/such", opens("ada", trial).Path)
	require.Contains(t, opens("bob", trial).Reason, "testers")
	require.Empty(t, opens("bob", trial).AppID)
}

func TestTextsThatOpenNoMiniProgram(t *testing.T) {
	w := start(t)
	for text, opens := range map[string]wechattest.Scanned{
		"https://shop.example/a?b#c": {Opens: "browser", URL: "https://shop.example/a?b#c"},
		"HTTP://shop.example":        {Opens: "browser", URL: "HTTP://shop.example"},
		"hello":                      {Opens: "text", Text: "hello"},
		"https://":                   {Opens: "text", Text: "https://"},
		"javascript:alert(1)":        {Opens: "text", Text: "javascript:alert(1)"},
		"weixin://dl/business":       {Opens: "text", Text: "weixin://dl/business"},
	} {
		require.Equal(t, opens, w.scan(wechattest.Scan{User: "ada", Text: text}), text)
	}
}

func TestScansThatAreNone(t *testing.T) {
	w, ask := startPublished(t)
	ask(scene("a"))
	id := w.MiniProgramCodes()[0].ID
	for body, words := range map[string]string{
		`{"text":"x"}`:                                                     "user:",
		`{"user":"ada"}`:                                                   "text, code, link:",
		`{"user":"ada","text":"","code":""}`:                               "text, code, link:",
		`{"user":"ada","text":"x","by":"fax"}`:                             "by:",
		`{"user":"ada","text":"x","code":"` + id + `"}`:                    "text, code, link:",
		`{"user":"ada","code":"x"}`:                                        `no mini-program code "x"`,
		`{"user":"ada","text":"` + strings.Repeat("a", 2954) + `"}`:        "at most 2953 bytes",
		`{"user":"ada","text":"x","kind":"x"}`:                             "unknown field",
		`{"user":"ada","text":"` + strings.Repeat("a", 1<<16) + `","by":1`: "too large",
	} {
		answered := w.post("/_sim/scan", body)
		require.Equal(t, http.StatusBadRequest, answered.status, "%.80s", body)
		require.Contains(t, answered.textOf("error"), words, "%.80s", body)
	}
}

// TestTheLaunchURL: what represents a mini-program in a browser gets the launch options.
func TestTheLaunchURL(t *testing.T) {
	w := start(t)
	app := linked(wechattest.LinkRule{Prefix: "https://id.example/l/", Page: loginPage, Published: true})
	app.LaunchURL = "http://127.0.0.1:3000/mini?theme=dark&scene=x#top"
	w.App(app)
	link := "https://id.example/l/a?b=c&d=王"
	at, err := url.Parse(w.scan(wechattest.Scan{User: "ada & bob", Text: link, By: "long_press"}).LaunchURL)
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:3000/mini#top", at.Scheme+"://"+at.Host+at.Path+"#"+at.Fragment)
	given := at.Query()
	options, err := url.ParseQuery(given.Get("query"))
	require.NoError(t, err)
	require.Equal(t, link, options.Get("q"), "decoded once, as pages do")
	require.NotEmpty(t, options.Get("scancode_time"))
	require.Equal(t, "q="+url.QueryEscape(link)+"&scancode_time="+options.Get("scancode_time"), given.Get("query"))
	given.Del("query")
	require.Equal(t, url.Values{"theme": {"dark"}, "appid": {appID}, "path": {loginPage}, "scene": {"1012"},
		"user": {"ada & bob"}}, given)
	require.Empty(t, w.scan(wechattest.Scan{User: "ada", Text: "https://shop.example"}).LaunchURL)
}
