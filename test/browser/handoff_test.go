package browser_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// TestHandingOff signs in in web-views of mini-programs, which run without a screen.
func TestHandingOff(t *testing.T) {
	t.Parallel()
	harness.DependsOn(t, harness.Path("sdk/miniprogram"))
	node, err := exec.LookPath("node")
	if err != nil {
		harness.Skip(t, "the walks from a mini-program to its web-view: Node.js 20 is not installed")
	}
	w := newWorld(t, harness.Chromium(t))
	for name, test := range map[string]func(v webView){
		"WholeFlow": testHandOff, "WithoutJavaScript": testHandOffWithoutScripts,
		"SomebodyElse": testHandOffBesideSomebody, "AnotherSite": testHandOffAtAnotherSite, "Twice": testHandOffTwice,
	} {
		w.inWindows(t, name, func(v walker) { test(webView{v, node}) })
	}
}

// webView is a browser that is a mini-program's web-view.
type webView struct {
	walker
	node string // which runs the mini-program
}

// address returns the address that the mini-program's web-view is to show, for a site.
func (v webView) address(site string) string {
	v.t.Helper()
	command := exec.CommandContext(v.t.Context(), v.node, harness.Path("sdk/miniprogram/test/handoff.js"))
	command.Env = append(os.Environ(), "ISSUER="+v.Issuer, "SIMULATOR="+v.Simulator.URL,
		"APP_ID="+v.MiniProgram.AppID, "MINI_PROGRAM="+v.MiniProgram.ClientID, "WECHAT_USER="+v.user, "SITE="+site,
		"APP_LANGUAGE="+v.look.language)
	command.Stderr = os.Stderr
	out, err := command.Output()
	require.NoError(v.t, err)
	return strings.TrimSpace(string(out))
}

// show opens an address, if WeChat would, as its web-view does.
func (v webView) show(address string) {
	v.t.Helper()
	asked, err := json.Marshal(map[string]string{"appid": v.MiniProgram.AppID, "url": address})
	require.NoError(v.t, err)
	opened := post(v.t, v.Simulator.URL+"/_sim/web_view", string(asked))
	require.Nil(v.t, opened["error"])
	agent := opened["user_agent"].(string)
	v.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetUserAgentOverride,
			emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: v.look.language})
		return err
	}), chromedp.Navigate(opened["url"].(string)))
}

// asked waits for the question, and returns what the page says.
func (v webView) asked() string {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS("#handoff-continue")))
	v.fits()
	return v.text()
}

// testHandOff goes from the mini-program to tokens of the site, and swipes back.
func testHandOff(v webView) {
	first := v.address("shop")
	v.show(first)
	v.asked()
	v.says("You are signed in with this account in the mini-program", "这是你在小程序中登录的账号")
	v.click("#handoff-continue")
	tokens := v.redeem("shop", v.answer())
	require.NotEmpty(v.t, tokens["id_token"])
	v.show(first) // as swiping back does
	require.NotEmpty(v.t, v.answer().Get("code"), "nobody is asked twice")
	v.show(v.address("shop"))
	require.Equal(v.t, v.subject(tokens), v.subject(v.redeem("shop", v.answer())))
}

func testHandOffWithoutScripts(v webView) {
	v.do(withoutScripts)
	testHandOff(v)
}

// testHandOffBesideSomebody: somebody else who is signed in in the web-view stays, until they say otherwise.
func testHandOffBesideSomebody(v webView) {
	v.open("shop")
	v.enter(v.User.Username, v.User.Password)
	somebody := v.subject(v.redeem("shop", v.answer()))
	address := v.address("shop")
	v.show(address)
	require.Contains(v.t, v.asked(), v.User.Username)
	v.click("#otherwise")
	require.Equal(v.t, somebody, v.subject(v.redeem("shop", v.answer())))
	v.show(address)
	v.asked()
	v.click("#handoff-continue")
	require.NotEqual(v.t, somebody, v.subject(v.redeem("shop", v.answer())))
}

// testHandOffAtAnotherSite: a ticket signs nobody in at another site, whose page says what to do in a web-view.
func testHandOffAtAnotherSite(v webView) {
	v.show(v.address("shop"))
	v.asked()
	v.click("#handoff-continue")
	require.NotEmpty(v.t, v.answer().Get("code"))
	v.open("partner")
	v.do(chromedp.WaitVisible(chromedp.CSS("#password")))
	v.says("sign in in the mini-program", "小程序")
	v.show(v.address("partner"))
	v.asked()
	v.click("#handoff-continue")
	v.click("#consent-allow")
	require.NotEmpty(v.t, v.redeem("partner", v.answer())["access_token"])
}

// testHandOffTwice: in another browser a ticket that was used is none, and the page says what to do.
func testHandOffTwice(v webView) {
	address := v.address("shop")
	thief := webView{v.guest(v.t, v.user, v.look), v.node}
	thief.show(address)
	thief.asked()
	v.show(address)
	v.asked()
	v.click("#handoff-continue")
	v.answer()
	thief.click("#handoff-continue")
	thief.do(chromedp.WaitVisible(chromedp.CSS("#request-id")))
	thief.says("Go back to the mini-program", "请返回小程序")
	thief.fits()
	thief.open("shop")
	thief.do(chromedp.WaitVisible(chromedp.CSS("#password")))
}

// subject returns the user of an ID token.
func (v webView) subject(tokens map[string]any) string {
	v.t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tokens["id_token"].(string), ".")[1])
	require.NoError(v.t, err)
	var claims struct{ Sub string }
	require.NoError(v.t, json.Unmarshal(payload, &claims))
	return claims.Sub
}
