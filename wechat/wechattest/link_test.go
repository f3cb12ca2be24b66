package wechattest_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	schemePath  = "/wxa/generatescheme"
	urlLinkPath = "/wxa/generate_urllink"
)

// linksOf returns a simulator whose app has published two pages, and a function that asks for a link with the members
// of the target and those of the expiry.
func linksOf(t *testing.T, options ...wechattest.Options) (w *env, ask func(path, target, expiry string) reply) {
	t.Helper()
	w = start(t, options...)
	w.App(wechattest.App{AppID: appID, Secret: secret, Pages: []string{"pages/index/index", loginPage}})
	token := w.stableToken(false).textOf("access_token")
	return w, func(path, target, expiry string) reply {
		body := `{"jump_wxa":{` + target + `},` + expiry + `}`
		if path == urlLinkPath {
			body = `{` + strings.Trim(target+","+expiry, ",") + `}`
		}
		return w.post(path, body, "access_token", token)
	}
}

// in returns the members of an expiry after a time.
func in(w *env, life time.Duration) string {
	return fmt.Sprintf(`"expire_type":0,"expire_time":%d`, w.Now().Add(life).Unix())
}

func TestLinksOpenAMiniProgram(t *testing.T) {
	w, ask := linksOf(t)
	target := `"path":"` + loginPage + `","query":"scan=x%20y&a=1"`
	for path, scene := range map[string]int{schemePath: 1065, urlLinkPath: 1194} {
		made := ask(path, target, in(w, 10*time.Minute))
		require.Zero(t, made.errcode(), made.text)
		link := made.textOf("openlink") + made.textOf("url_link")
		opened, err := w.Scan(wechattest.Scan{User: "ada", Link: link})
		require.NoError(t, err)
		require.Equal(t, wechattest.Scanned{Opens: wechattest.OpensMiniProgram, AppID: appID, Path: loginPage,
			Query: map[string]string{"scan": "x%20y", "a": "1"}, Scene: scene, EnvVersion: "release"}, opened)
		if path == urlLinkPath {
			require.True(t, strings.HasPrefix(link, w.URL+"/url_link/"), link)
			page := w.get("/_sim/phone", "link", link)
			require.Contains(t, page.text, `name="link" value="`+link+`"`, "it asks whose phone it is")
			page = w.get("/_sim/phone", "user", "ada", "link", link)
			require.Contains(t, page.text, `data-opens="mini-program"`)
			require.Contains(t, page.text, `<dd id="scene">1194`)
		}
		w.Advance(10 * time.Minute)
		opened, err = w.Scan(wechattest.Scan{User: "ada", Link: link})
		require.NoError(t, err)
		require.Equal(t, wechattest.OpensNothing, opened.Opens, "it has expired")
	}
	home := ask(schemePath, `"env_version":"trial"`, `"expire_type":1,"expire_interval":30`)
	opened, err := w.Scan(wechattest.Scan{User: "ada", Link: home.textOf("openlink")})
	require.NoError(t, err)
	require.Equal(t, "pages/index/index", opened.Path)
	require.Equal(t, "trial", opened.EnvVersion)
	opened, err = w.Scan(wechattest.Scan{User: "ada", Link: "weixin://dl/business/?t=none"})
	require.NoError(t, err)
	require.Equal(t, wechattest.OpensNothing, opened.Opens)

	var listed []wechattest.Link
	require.NoError(t, json.Unmarshal([]byte(w.get("/_sim/links").text), &listed))
	require.Len(t, listed, 3)
	require.Equal(t, home.textOf("openlink"), listed[0].URL)
	body, err := json.Marshal(wechattest.Scan{User: "ada", Link: listed[0].URL})
	require.NoError(t, err)
	require.Equal(t, "mini-program", w.post("/_sim/scan", string(body)).textOf("opens"))
	for _, wrong := range []wechattest.Scan{{User: "ada"}, {User: "ada", Link: "a", Text: "b"}, {Link: "a"}} {
		_, err := w.Scan(wrong)
		require.Error(t, err)
	}
}

func TestLinksThatWeChatDoesNotMake(t *testing.T) {
	w, ask := linksOf(t)
	hour := in(w, time.Hour)
	for path := range map[string]int{schemePath: 1065, urlLinkPath: 1194} {
		for target, errcode := range map[string]int{
			`"path":"no/such"`: 40165, `"path":"` + loginPage + `?a=1"`: 40165, `"path":"//` + loginPage + `"`: 40165,
			`"query":"a b"`: 40212, `"query":"令牌"`: 40212, `"query":"` + strings.Repeat("a", 1025) + `"`: 40212,
			`"env_version":"beta"`: 40097, `"path":5`: 47001, `"path":"/` + loginPage + `"`: 0,
			`"query":"` + strings.Repeat("%", 1024) + `"`: 0,
		} {
			require.Equal(t, errcode, ask(path, target, hour).errcode(), target)
		}
		for expiry, errcode := range map[string]int{
			`"expire_type":0`: 85401, in(w, time.Minute): 85401, in(w, -time.Hour): 85401,
			in(w, 30*24*time.Hour+2*time.Second): 85401, `"expire_type":1`: 85402,
			`"expire_type":1,"expire_interval":31`: 85402, `"expire_type":2`: 40097,
			in(w, 30*24*time.Hour): 0, `"expire_type":1,"expire_interval":1`: 0,
		} {
			require.Equal(t, errcode, ask(path, `"query":""`, expiry).errcode(), expiry)
		}
		require.Equal(t, 43002, w.get(path).errcode())
		require.Equal(t, 41001, w.post(path, `{}`).errcode())
		require.Equal(t, 40014, w.post(path, `{}`, "access_token", "x").errcode())
		for errcode, app := range map[int]wechattest.App{
			40002: {AppID: appID, Secret: secret, Pages: []string{loginPage}, Personal: true},
			85079: {AppID: appID, Secret: secret},
			48001: {AppID: appID, Secret: secret, Kind: wechattest.KindOfficialAccount},
		} {
			other, asks := linksOf(t)
			other.App(app)
			require.Equal(t, errcode, asks(path, `"query":""`, in(other, time.Hour)).errcode())
			require.Empty(t, other.Links(), "what is refused leaves nothing")
		}
	}
}

// TestTheQuotasOfLinks are for both kinds together.
func TestTheQuotasOfLinks(t *testing.T) {
	_, ask := linksOf(t, wechattest.Options{DailyLinks: 3})
	hour := `"expire_type":1,"expire_interval":1`
	for _, path := range []string{schemePath, urlLinkPath, schemePath} {
		require.Zero(t, ask(path, `"query":""`, hour).errcode())
	}
	for _, path := range []string{schemePath, urlLinkPath} {
		require.Equal(t, 45009, ask(path, `"query":""`, hour).errcode())
	}
	now := time.Now()
	w, ask := linksOf(t, wechattest.Options{Now: func() time.Time { return now }})
	for range 100 {
		require.Equal(t, 40212, ask(schemePath, `"query":"a b"`, hour).errcode())
	}
	require.Equal(t, 44990, ask(urlLinkPath, `"query":""`, hour).errcode())
	w.Advance(time.Second)
	require.Zero(t, ask(urlLinkPath, `"query":""`, hour).errcode())
}

// TestFollowingALink: its page keeps the host by which it was called.
func TestFollowingALink(t *testing.T) {
	w := start(t)
	response, err := w.client.Get(w.URL + "/url_link/x")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, "/_sim/phone?"+url.Values{"link": {w.URL + "/url_link/x"}}.Encode(),
		response.Header.Get("Location"))
}
