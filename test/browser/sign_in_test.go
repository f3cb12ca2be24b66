package browser_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// TestSigningIn walks through the pages of a running server, each time with a browser's cookies of its own.
func TestSigningIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, harness.Chromium(t))
	for name, test := range map[string]func(v walker){
		"WholeFlow": testWholeFlow, "WholeFlowWithoutJavaScript": testWholeFlowWithoutScripts,
		"TwoAccounts": testTwoAccounts, "WrongPassword": testWrongPassword, "PromptLogin": testPromptLogin,
		"ConsentDenied": testConsentDenied, "FormPost": testFormPost, "BackAfterSignOut": testBackAfterSignOut,
		"BackAfterLogout": testBackAfterLogout, "InWeChat": testInWeChat, "ManyTabs": testManyTabs,
		"BrokenCookies": testBrokenCookies,
	} {
		t.Run(name, func(t *testing.T) {
			test(w.walker(t, strings.ToLower(name)))
		})
	}
	w.inWindows(t, "AtWebsiteApp", testAtWebsiteApp)
	w.inWindows(t, "WithinWechat", testWithinWechat)
}

// testWholeFlow goes from a link of the client to tokens, and out again.
func testWholeFlow(v walker) {
	v.open("partner")
	v.signIn()
	v.click("#consent-allow")
	tokens := v.redeem("partner", v.answer())
	require.Equal(v.t, v.user, v.name(tokens))
	v.logOut(tokens)
	v.open("partner")
	v.do(chromedp.WaitVisible(chromedp.CSS("#password")))
}

func testWholeFlowWithoutScripts(v walker) {
	v.do(withoutScripts)
	testWholeFlow(v)
}

// testTwoAccounts: the second user signs in beside the first, and the page asks which of them it is.
func testTwoAccounts(v walker) {
	v.open("shop")
	v.enter(v.User.Username, v.User.Password)
	require.Equal(v.t, v.User.Username, v.name(v.redeem("shop", v.answer())))
	v.open("shop", "prompt", "select_account")
	v.click("#other-account")
	v.signIn()
	require.Equal(v.t, v.user, v.name(v.redeem("shop", v.answer())))

	v.open("shop")
	v.do(chromedp.WaitVisible(chromedp.CSS(".accounts li:nth-child(2)")))
	require.Contains(v.t, v.text(), v.user)
	v.do(chromedp.Click(chromedp.Search(`//button[contains(., "` + v.User.Username + `")]`)))
	require.Equal(v.t, v.User.Username, v.name(v.redeem("shop", v.answer())))
}

// testWrongPassword: the page says what is wrong beside the field, and keeps the name.
func testWrongPassword(v walker) {
	v.open("shop")
	v.enter(v.user, "wrong")
	v.do(chromedp.WaitVisible(chromedp.CSS("#password-error")))
	require.True(v.t, v.evaluate(`(field => field.value === '' && field.ariaInvalid === 'true' &&
		field.nextElementSibling.id === 'password-error' &&
		field.nextElementSibling.getBoundingClientRect().top - field.getBoundingClientRect().bottom < 16
		)(document.getElementById('password'))`))
	require.True(v.t, v.evaluate(`document.getElementById('username').value === '`+v.user+`'`))
	v.do(chromedp.SendKeys(chromedp.CSS("#password"), v.User.Password))
	v.click("#login-submit")
	require.NotEmpty(v.t, v.answer().Get("code"))
}

// testPromptLogin: the user who is signed in enters the password once more, and nobody else by accident.
func testPromptLogin(v walker) {
	v.open("shop")
	v.signIn()
	first := v.answer()
	v.open("shop", "prompt", "login")
	v.do(chromedp.WaitVisible(chromedp.CSS(`#username[readonly][value="`+v.user+`"]`)),
		chromedp.SendKeys(chromedp.CSS("#password"), v.User.Password))
	v.click("#login-submit")
	require.NotEqual(v.t, first.Get("code"), v.answer().Get("code"))
}

// testConsentDenied: the client learns that the user has refused, and the next request asks again.
func testConsentDenied(v walker) {
	v.open("partner")
	v.signIn()
	for range 2 {
		v.click("#consent-deny")
		answer := v.answer()
		require.Equal(v.t, "access_denied", answer.Get("error"))
		require.Empty(v.t, answer.Get("code"))
		v.open("partner")
	}
}

// testFormPost: the page posts the code to a client at another site by itself.
func testFormPost(v walker) {
	v.open("shop", "response_mode", "form_post")
	v.signIn()
	request := v.answers.next(v.t, v.tab)
	require.Equal(v.t, v.Issuer, request.Header.Get("Origin"))
	require.Equal(v.t, "cross-site", request.Header.Get("Sec-Fetch-Site"))
	require.Empty(v.t, request.URL.RawQuery)
	require.Equal(v.t, "the state", request.PostForm.Get("state"))
	require.Equal(v.t, v.user, v.name(v.redeem("shop", request.PostForm)))
}

// testBackAfterSignOut: with the back button, the next person at the browser sees no page of the user. The browser
// itself fills in the name that was typed.
func testBackAfterSignOut(v walker) {
	v.open("partner")
	v.signIn()
	v.do(chromedp.WaitVisible(chromedp.CSS("#consent-allow")))
	require.Contains(v.t, v.text(), v.user)
	v.do(chromedp.Navigate(v.Issuer + "/sign-out"))
	require.Contains(v.t, v.text(), v.user)
	v.click("#sign-out-submit")
	v.do(chromedp.WaitNotPresent(chromedp.CSS("form")))
	v.seesNothingGoingBack()
}

// testBackAfterLogout: the same if a client sends the browser from such a page to the logout endpoint.
func testBackAfterLogout(v walker) {
	v.open("shop")
	v.signIn()
	tokens := v.redeem("shop", v.answer())
	v.open("partner")
	v.do(chromedp.WaitVisible(chromedp.CSS("#consent-allow")))
	require.Contains(v.t, v.text(), v.user)
	v.logOut(tokens)
	v.seesNothingGoingBack()
}

// seesNothingGoingBack goes back to the first page of the tab.
func (v walker) seesNothingGoingBack() {
	v.t.Helper()
	for n := v.historyIndex() - 1; n > 0; n-- { // 0 is the empty page of a new tab
		v.back()
		require.True(v.t, v.evaluate(`!document.body.innerText.includes('`+v.user+`') &&
			[...document.querySelectorAll('input[type=password]')].every(field => !field.value)`))
	}
}

// back goes back by one page.
func (v walker) back() {
	v.t.Helper()
	n := v.historyIndex() - 1
	_, err := chromedp.Run(v.tab, chromedp.Evaluate[any]("history.back()"))
	require.NoError(v.t, err)
	for complete := false; !complete || v.historyIndex() > n; {
		require.NoError(v.t, v.tab.Err())
		complete, _ = chromedp.Run(v.tab, chromedp.Evaluate[bool]("document.readyState === 'complete'"))
	}
}

// historyIndex returns the number of pages before that of the tab.
func (v walker) historyIndex() int64 {
	v.t.Helper()
	history, err := chromedp.Call(v.tab, page.GetNavigationHistory, cdp.Empty{})
	require.NoError(v.t, err)
	return history.CurrentIndex
}

// logOut sends the browser to the logout endpoint, as a client does.
func (v walker) logOut(tokens map[string]any) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.Issuer + "/end-session?" + url.Values{
		"id_token_hint": {tokens["id_token"].(string)}, "post_logout_redirect_uri": {v.client + "/bye"},
	}.Encode()))
	require.Equal(v.t, "/bye", v.answers.next(v.t, v.tab).URL.Path)
}
