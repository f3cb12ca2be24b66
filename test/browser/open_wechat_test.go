package browser_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestOpeningWeChat signs in on phones, whose browsers open WeChat, in both languages.
func TestOpeningWeChat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, harness.Chromium(t))
	w.failing = regexp.MustCompile(`weixin:`) // which nothing here opens
	for name, test := range map[string]func(v screen){
		"Scheme": testOpenByScheme, "WithoutJavaScript": testOpenWithoutScripts, "Link": testOpenByLink,
		"Declined": testOpenDeclined, "QuotaUsedUp": testOpenBeyondTheQuota,
	} {
		for _, look := range []look{phoneLight, phoneChinese} {
			t.Run(name+"-"+look.name, func(t *testing.T) {
				v := screen{w.guest(t, strings.ToLower(name+"-"+look.name), look)}
				v.do(withUserAgent(phoneUserAgent))
				test(v)
			})
		}
	}
}

// offered goes to the page that opens WeChat, and returns the number on it.
func (v screen) offered() (number string) {
	v.t.Helper()
	v.open("shop")
	v.do(chromedp.WaitVisible(chromedp.CSS("#way-open")))
	v.says("Open WeChat to sign in", "打开微信登录")
	v.click("#way-open")
	v.do(chromedp.WaitVisible(chromedp.CSS("#open-wechat")))
	v.says("Remember this number. WeChat will ask for it:", "请记住这个数字，微信里会要求核对：")
	_, number = v.code()
	return number
}

// scheme presses the button, and returns the URL Scheme that the page leads to.
func (v screen) scheme() string {
	v.t.Helper()
	v.click("#open-wechat")
	v.do(chromedp.WaitVisible(chromedp.CSS("a#open-wechat")))
	link, err := chromedp.Run(v.tab, chromedp.Evaluate[string](`document.querySelector('#open-wechat').href`))
	require.NoError(v.t, err)
	require.Contains(v.t, link, "weixin://dl/business/?t=")
	v.fits()
	return link
}

// inWechat opens a link on the simulated phone of the user, which shows the mini-program.
func (v screen) inWechat(link string) simulatedPhone {
	v.t.Helper()
	scan, err := json.Marshal(wechattest.Scan{User: v.user, Link: link})
	require.NoError(v.t, err)
	opened := post(v.t, v.Simulator.URL+"/_sim/scan", string(scan))
	require.Equal(v.t, wechattest.OpensMiniProgram, opened["opens"], opened)
	phone := simulatedPhone{v.guest(v.t, v.user, v.look)}
	phone.do(chromedp.Navigate(opened["launch_url"].(string)), chromedp.WaitVisible(chromedp.CSS("#scan-deny")))
	return phone
}

// comesBack goes on in the browser after the approval.
func (v screen) comesBack() {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS("#scan-continue")))
	v.says("This account has confirmed the sign-in in WeChat.", "这个账号已在微信里确认登录。")
	v.taps("scan-continue")
	require.NotEmpty(v.t, v.redeem("shop", v.answer())["id_token"])
}

// taps clicks by a script what leads to another page: after the page has led to WeChat, Chromium on a computer asks
// whether to open it, and keeps what is clicked meanwhile.
func (v screen) taps(id string) {
	v.t.Helper()
	v.do(chromedp.WaitVisible(chromedp.CSS("#" + id)))
	v.uses(id)
}

// testOpenByScheme opens WeChat with one button. The page learns by itself what comes of it.
func testOpenByScheme(v screen) {
	number := v.offered()
	phone := v.inWechat(v.scheme())
	v.do(chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	v.says("WeChat is open.", "微信已打开。")
	phone.decides("#number-"+number, "Allowed", "已允许")
	v.comesBack()
}

// testOpenWithoutScripts: a page that has led to WeChat does not load itself again, so it has a link. The next one
// does.
func testOpenWithoutScripts(v screen) {
	v.do(withoutScripts)
	number := v.offered()
	phone := v.inWechat(v.scheme())
	v.taps("scan-go-on")
	v.do(chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	phone.decides("#number-"+number, "Allowed", "已允许")
	v.comesBack()
}

// testOpenByLink uses the page of WeChat, which is in a tab of its own. The first tab waits.
func testOpenByLink(v screen) {
	number := v.offered()
	v.click("#open-link")
	link := v.otherTab(v.Simulator.URL + "/_sim/phone?link=")
	link.do(chromedp.SetValue(chromedp.CSS("#user"), v.user))
	link.click("#confirm")
	link.click("#open")
	link.do(chromedp.WaitVisible(chromedp.CSS("#scan-deny")))
	link.decides("#number-"+number, "Allowed", "已允许")
	v.comesBack()
}

// otherTab returns the tab of the same browser whose URL begins with a text, when there is one.
func (v screen) otherTab(prefix string) simulatedPhone {
	v.t.Helper()
	for {
		found, err := chromedp.Targets(v.tab)
		require.NoError(v.t, err, "there is no other tab")
		for _, tab := range found {
			own := tab.BrowserContextID == chromedp.FromContext(v.tab).BrowserContextID
			if own && strings.HasPrefix(tab.URL, prefix) {
				other := simulatedPhone{walker{v.world, v.t, harness.Tab(v.t, v.tab,
					chromedp.WithTargetID(tab.TargetID)), v.user, v.look}}
				other.do(as(v.look))
				return other
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// testOpenDeclined in WeChat: the page says so, and begins again when it is asked to.
func testOpenDeclined(v screen) {
	v.offered()
	phone := v.inWechat(v.scheme())
	last := v.handle()
	phone.decides("#scan-deny", "Nobody was signed in.", "没有登录。")
	v.do(chromedp.WaitVisible(chromedp.CSS("#scan-again.button")))
	v.says("It was declined in WeChat.", "微信里拒绝了这次登录")
	v.taps("scan-again")
	v.do(chromedp.WaitVisible(chromedp.CSS("button#open-wechat")))
	require.NotEqual(v.t, last, v.handle())
	v.taps("other-way")
	v.do(chromedp.WaitVisible(chromedp.CSS("#password")))
}

// testOpenBeyondTheQuota: the page offers the other ways to sign in.
func testOpenBeyondTheQuota(v screen) {
	v.CreateUser(v.user)
	v.offered()
	post(v.t, v.Simulator.URL+"/_sim/faults", `{"errcode":44990,"path":"/wxa/generatescheme"}`)
	v.click("#open-wechat")
	v.do(chromedp.WaitVisible(chromedp.CSS("#problem")))
	v.says("WeChat cannot be opened from here now.", "现在无法从这里打开微信")
	v.click("#other-way")
	v.signIn()
	require.Equal(v.t, v.user, v.name(v.redeem("shop", v.answer())))
}

// TestLinksAreNotMadeByBrowsers: Chromium loads a page again, as phones do after they have closed it, without a new
// link or a question to its user.
func TestLinksAreNotMadeByBrowsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, harness.Chromium(t))
	w.failing = regexp.MustCompile(`weixin:`)
	v := screen{w.guest(t, "ada", phoneLight)}
	v.do(withUserAgent(phoneUserAgent))
	v.offered()
	v.do(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#open-wechat")))
	require.Zero(t, w.linksMade(t))
	v.scheme()
	v.do(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("button#open-wechat")))
	require.Equal(t, 1, w.linksMade(t), "the page that was posted is not posted again")
}

// linksMade returns how often the simulator was asked for a link.
func (w *world) linksMade(t *testing.T) (count int) {
	t.Helper()
	response, err := http.Get(w.Simulator.URL + "/_sim/requests")
	require.NoError(t, err)
	defer response.Body.Close()
	var asked wechattest.Requests
	require.NoError(t, json.NewDecoder(response.Body).Decode(&asked))
	return asked.Paths["/wxa/generatescheme"] + asked.Paths["/wxa/generate_urllink"]
}
