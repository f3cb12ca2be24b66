package wechattest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg"
	_ "image/png"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

const loginPage = "pages/login/index"

// startPublished returns a simulator whose app has published two pages, and a function that asks for a code of it with
// a JSON body.
func startPublished(t *testing.T) (w *env, ask func(body string) reply) {
	t.Helper()
	w = start(t)
	w.App(wechattest.App{AppID: appID, Secret: secret, Pages: []string{"pages/index/index", loginPage}})
	token := w.stableToken(false).textOf("access_token")
	return w, func(body string) reply { return w.post("/wxa/getwxacodeunlimit", body, "access_token", token) }
}

func TestAMiniProgramCodeIsAPicture(t *testing.T) {
	w, ask := startPublished(t)
	for _, test := range []struct {
		members, contentType string
		width                int
		corner, line         color.RGBA
	}{
		{``, "image/jpeg", 430, color.RGBA{255, 255, 255, 255}, color.RGBA{0, 0, 0, 255}},
		{`,"width":280,"line_color":{"r":"0","g":128,"b":"255"},"auto_color":false`, "image/jpeg", 280,
			color.RGBA{255, 255, 255, 255}, color.RGBA{0, 128, 255, 255}},
		{`,"width":1280,"is_hyaline":true`, "image/png", 1280, color.RGBA{}, color.RGBA{0, 0, 0, 255}},
	} {
		answered := ask(`{"scene":"a=1"` + test.members + `}`)
		require.Equal(t, test.contentType, answered.contentType, answered.text)
		picture, format, err := image.Decode(strings.NewReader(answered.text))
		require.NoError(t, err)
		require.Equal(t, test.contentType, "image/"+format)
		require.Equal(t, image.Rect(0, 0, test.width, test.width), picture.Bounds())
		requireColor(t, test.corner, picture.At(0, 0))
		requireColor(t, test.line, picture.At(test.width/2, test.width/40*3/2))
		digest := sha256.Sum256([]byte(answered.text))
		require.Equal(t, hex.EncodeToString(digest[:]), w.MiniProgramCodes()[0].SHA256)
	}
}

// requireColor compares colors as well as a JPEG keeps them.
func requireColor(t *testing.T, want color.RGBA, got color.Color) {
	t.Helper()
	r, g, b, a := got.RGBA()
	for i, part := range []uint32{r, g, b, a} {
		require.InDelta(t, []uint8{want.R, want.G, want.B, want.A}[i], part>>8, 24, "%v is not %v", got, want)
	}
}

func TestTheMiniProgramCodesThatWereMadeLast(t *testing.T) {
	w, ask := startPublished(t)
	require.JSONEq(t, `[]`, w.get("/_sim/codes").text)
	for i := range 101 {
		body := fmt.Sprintf(`{"scene":"n=%d","page":%q,"width":280}`, i, loginPage)
		require.Equal(t, "image/jpeg", ask(body).contentType)
	}
	require.Zero(t, ask(`{"scene":"last","page":"no/such","check_path":false,"env_version":"trial"}`).errcode())
	var listed []wechattest.MiniProgramCode
	require.NoError(t, json.Unmarshal([]byte(w.get("/_sim/codes").text), &listed))
	require.Len(t, listed, 100)
	require.Equal(t, listed[0].Made.UTC(), w.MiniProgramCodes()[0].Made.UTC())
	listed[0].SHA256, listed[0].Made = "", time.Time{}
	require.Regexp(t, `^\d{6}$`, listed[0].ID)
	require.Equal(t, wechattest.MiniProgramCode{ID: listed[0].ID, AppID: appID, Page: "no/such", Scene: "last",
		EnvVersion: "trial"}, listed[0])
	require.Equal(t, "n=100", listed[1].Scene)
	require.Equal(t, "release", listed[1].EnvVersion)
	require.Equal(t, "n=2", listed[99].Scene)
}

func TestMiniProgramCodesThatWeChatRefuses(t *testing.T) {
	w, ask := startPublished(t)
	w.App(wechattest.App{AppID: otherApp, Secret: "simulator-two"})
	for body, errcode := range map[string]int{
		`{}`:                             40169,
		`{"page":"` + loginPage + `"}`:   40169,
		`{"scene":""}`:                   40169,
		scene(strings.Repeat("a", 33)):   40169,
		scene(strings.Repeat("令", 33)):   40169,
		scene("a%3D1"):                   40129,
		scene("a|b"):                     40129,
		scene("a b"):                     40129,
		scene("令牌"):                      40129,
		scene("a`b"):                     40129,
		`{"scene":"a","page":"no/such"}`: 41030,
		`{"scene":"a","page":"no/such","check_path":true}`:                            41030,
		`{"scene":"a","page":"/no/such"}`:                                             41030,
		`{"scene":"a","page":"/` + loginPage + `","check_path":false}`:                41030,
		`{"scene":"a","page":"` + loginPage + `?a=1","check_path":false}`:             41030,
		`{"scene":"a","page":"` + loginPage + `?scancode_time=1","check_path":false}`: 85096,
		`{"scene":"a","width":279}`:                                                   40097,
		`{"scene":"a","width":1281}`:                                                  40097,
		`{"scene":"a","width":0}`:                                                     40097,
		`{"scene":"a","env_version":"beta"}`:                                          40097,
		`{"scene":"a","line_color":{"r":256,"g":0,"b":0}}`:                            40097,
		`{"scene":"a","line_color":{"r":-1,"g":0,"b":0}}`:                             40097,
		`{"scene":"a","width":"wide"}`:                                                47001,
		`scene=a`:                                                                     47001,
		``:                                                                            44002,
	} {
		answered := ask(body)
		require.Equal(t, errcode, answered.errcode(), "%s: %s", body, answered.text)
		require.Equal(t, "application/json; encoding=utf-8", answered.contentType)
		require.Equal(t, http.StatusOK, answered.status)
	}
	require.Empty(t, w.MiniProgramCodes(), "what is refused leaves nothing")
	for _, body := range []string{scene("0123456789ABCXYZabcxyz"), scene("!#$&'()*+,/:;=?@-._~"),
		scene(strings.Repeat("a", 32)), `{"scene":"a","page":"` + loginPage + `","check_path":true,"width":280}`,
		`{"scene":"a","page":"no/such","check_path":false,"width":1280,"env_version":"develop"}`} {
		require.Equal(t, "image/jpeg", ask(body).contentType, body)
	}
}

func scene(text string) string { return `{"scene":"` + text + `"}` }

// TestAnAppWithoutPagesIsNotPublished: the home page is a page, too.
func TestAnAppWithoutPagesIsNotPublished(t *testing.T) {
	w := start(t)
	token := w.stableToken(false).textOf("access_token")
	const path = "/wxa/getwxacodeunlimit"
	require.Equal(t, 41030, w.post(path, scene("a"), "access_token", token).errcode())
	require.Equal(t, "image/jpeg", w.post(path, `{"scene":"a","check_path":false}`, "access_token", token).contentType)
}

func TestAMiniProgramCodeNeedsAToken(t *testing.T) {
	w, _ := startPublished(t)
	ask := func(token string) reply { return w.post("/wxa/getwxacodeunlimit", scene("a"), "access_token", token) }
	require.Equal(t, 43002, w.get("/wxa/getwxacodeunlimit").errcode())
	require.Equal(t, 41001, w.post("/wxa/getwxacodeunlimit", scene("a")).errcode())
	require.Equal(t, 40014, ask("x").errcode())

	replaced := w.stableToken(false).textOf("access_token")
	current := w.stableToken(true).textOf("access_token")
	require.Equal(t, 40001, ask(replaced).errcode())
	require.Equal(t, "image/jpeg", ask(current).contentType)
	w.Advance(2 * time.Hour)
	require.Equal(t, 42001, ask(current).errcode())

	w.App(wechattest.App{AppID: account, Secret: secret, Kind: wechattest.KindOfficialAccount})
	official := w.get("/cgi-bin/token", "grant_type", "client_credential", "appid", account, "secret", secret)
	require.Equal(t, 48001, ask(official.textOf("access_token")).errcode(), "an official account has no such codes")

	other := w.get("/cgi-bin/token", "grant_type", "client_credential", "appid", otherApp, "secret", "simulator-two")
	require.Equal(t, 41030, ask(other.textOf("access_token")).errcode(), "the pages of another app are not its own")
}

// TestTheQuotaOfMiniProgramCodes counts the calls of each app that WeChat refuses, too.
func TestTheQuotaOfMiniProgramCodes(t *testing.T) {
	w, ask := startPublished(t)
	for range 5000 {
		require.Equal(t, 40169, ask(`{}`).errcode())
	}
	require.Equal(t, 45009, ask(scene("a")).errcode())
	other := w.get("/cgi-bin/token", "grant_type", "client_credential", "appid", otherApp, "secret", "simulator-two")
	require.Equal(t, 40169, w.post("/wxa/getwxacodeunlimit", `{}`, "access_token",
		other.textOf("access_token")).errcode())
	w.Advance(time.Minute)
	require.Equal(t, "image/jpeg", ask(scene("a")).contentType)
}

func TestFaultsOfPictures(t *testing.T) {
	w, ask := startPublished(t)
	w.Fault(wechattest.Fault{Errcode: 45009}, wechattest.Fault{Errcode: -1, Consume: true},
		wechattest.Fault{Body: "truncated"}, wechattest.Fault{Body: "html"}, wechattest.Fault{DelayMS: 1})
	for _, errcode := range []int{45009, -1} {
		answered := ask(scene("a"))
		require.Equal(t, errcode, answered.errcode())
		require.Equal(t, "application/json; encoding=utf-8", answered.contentType)
	}
	require.Len(t, w.MiniProgramCodes(), 1, "one call did its work before it failed")
	half := ask(scene("a"))
	require.Equal(t, "image/jpeg", half.contentType)
	_, _, err := image.Decode(bytes.NewBufferString(half.text))
	require.Error(t, err)
	require.Contains(t, ask(scene("a")).contentType, "text/html")
	require.Equal(t, "image/jpeg", ask(scene("a")).contentType, "slow")
	made := len(w.MiniProgramCodes())
	w.Fault(wechattest.Fault{Body: "truncated", Consume: true})
	require.Equal(t, "image/jpeg", ask(scene("a")).contentType)
	require.Len(t, w.MiniProgramCodes(), made+1, "the work is done once")
}
