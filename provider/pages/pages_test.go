package pages_test

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"rsc.io/qr"

	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/provider/pages/pagestest"
)

// everyPage runs a test on all samples in all languages.
func everyPage(t *testing.T, test func(t *testing.T, sample pagestest.Sample, response *http.Response)) {
	p := newPages(t, newTheme(t))
	for _, lang := range pages.Languages() {
		for _, sample := range pagestest.Samples(pagestest.English) {
			t.Run(lang+" "+sample.Name, func(t *testing.T) {
				t.Parallel()
				test(t, sample, render(p, lang, sample.Page))
			})
		}
	}
}

// TestSamplesAreOfAllPages: whatever is required of the samples holds for each template and each kind of error.
func TestSamplesAreOfAllPages(t *testing.T) {
	t.Parallel()
	sampled := map[string]bool{"layout": true}
	for _, sample := range pagestest.Samples(pagestest.English) {
		sampled[sample.Page.Template()] = true
		if page, isError := sample.Page.(pages.Error); isError {
			sampled[string(page.Kind)] = true
		}
	}
	templates, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	for _, file := range templates {
		require.True(t, sampled[strings.TrimSuffix(filepath.Base(file), ".html")], file)
	}
	_, keys := catalog(t, "en")
	for _, key := range keys {
		if kind := regexp.MustCompile(`^error\.(\w+)\.title$`).FindStringSubmatch(key); kind != nil {
			require.True(t, sampled[kind[1]], key)
		}
	}
}

// void are the elements without an end tag.
var void = []string{"meta", "link", "img", "input", "br"}

// TestPagesAreWellFormed: every element is closed, every id is there once, every field has a label, and every page
// has one heading and a language.
func TestPagesAreWellFormed(t *testing.T) {
	t.Parallel()
	everyPage(t, func(t *testing.T, _ pagestest.Sample, response *http.Response) {
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		var open []string
		for tokens := html.NewTokenizer(strings.NewReader(string(body))); ; {
			kind := tokens.Next()
			if kind == html.ErrorToken {
				require.True(t, errors.Is(tokens.Err(), io.EOF), tokens.Err())
				break
			}
			name, _ := tokens.TagName()
			switch {
			case kind == html.StartTagToken && !slices.Contains(void, string(name)):
				open = append(open, string(name))
			case kind == html.EndTagToken:
				require.Equal(t, open[len(open)-1], string(name))
				open = open[:len(open)-1]
			}
		}
		require.Empty(t, open)
		response.Body = io.NopCloser(strings.NewReader(string(body)))
		document := parsed(t, response)
		require.Len(t, elements(document, "h1"), 1)
		require.Equal(t, response.Header.Get("Content-Language"), attribute(elements(document, "html")[0], "lang"))
		require.Regexp(t, `^\S.+ · Example$`, textOf(elements(document, "title")[0]))
		requireLabels(t, document)
	})
}

// requireLabels requires that ids are unique, and that everything that refers to one finds it.
func requireLabels(t *testing.T, document *html.Node) {
	t.Helper()
	var ids, labelled []string
	for _, node := range elements(document, "") {
		if id := attribute(node, "id"); id != "" {
			require.NotContains(t, ids, id)
			ids = append(ids, id)
		}
		labelled = append(labelled, attribute(node, "for"))
	}
	for _, node := range elements(document, "") {
		for _, name := range []string{"for", "aria-describedby", "aria-labelledby"} {
			if id := attribute(node, name); id != "" {
				require.Contains(t, ids, id)
			}
		}
		if node.Data == "input" && attribute(node, "type") != "hidden" {
			require.Contains(t, labelled, attribute(node, "id"))
			require.NotEqual(t, "checkbox", attribute(node, "type"), "what is ticked in advance is no consent")
		}
	}
}

// TestPagesAreSmall: at most 30 KiB with the style sheet, the script and the largest logo.
func TestPagesAreSmall(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	everyPage(t, func(t *testing.T, _ pagestest.Sample, response *http.Response) {
		total := int(response.ContentLength) + pages.MaxLogo
		for _, node := range elements(parsed(t, response), "") {
			if src := attribute(node, "src"); node.Data == "script" {
				total += asset(p, src).Body.Len()
			}
			if attribute(node, "rel") == "stylesheet" {
				total += asset(p, attribute(node, "href")).Body.Len()
			}
		}
		require.Greater(t, total, pages.MaxLogo+2000, "nothing was counted")
		require.LessOrEqual(t, total, 30<<10)
	})
}

// TestPagesAllowOnlyWhatTheyNeed: no script but those that post a form and ask about a scan, nothing from another host
// but in the frame of WeChat's page, no frame around a page that could steal a click, nothing in a cache or in a
// Referer.
func TestPagesAllowOnlyWhatTheyNeed(t *testing.T) {
	t.Parallel()
	everyPage(t, func(t *testing.T, sample pagestest.Sample, response *http.Response) {
		policy := "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; " +
			"base-uri 'none'"
		referrer, scripts := "same-origin", 0
		if sample.Name == "form-post" {
			policy = strings.Replace(policy, "form-action", "script-src", 1)
			referrer, scripts = "strict-origin", 1
		}
		frames := 0
		switch sample.Name {
		case "sign-in-frame":
			policy += "; frame-src 'self' https://open.weixin.qq.com"
			frames = 1
		case "scan", "scan-scanned", "scan-mini-program", "scan-press", "open-wechat", "open-wechat-opening",
			"open-wechat-scanned", "open-wechat-failed":
			policy = strings.Replace(policy, "form-action", "script-src 'self'; connect-src 'self'; form-action", 1)
			scripts = 1
		}
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy, "Referrer-Policy": referrer,
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			require.Equal(t, []string{want}, response.Header.Values(name), name)
		}
		document := parsed(t, response)
		require.Len(t, elements(document, "script"), scripts)
		require.Len(t, elements(document, "iframe"), frames)
		for _, node := range elements(document, "") {
			require.NotEqual(t, "style", node.Data)
			for _, a := range node.Attr {
				require.False(t, a.Key == "style" || strings.HasPrefix(a.Key, "on"), a.Key)
				switch {
				case node.Data == "iframe" && a.Key == "src":
					require.True(t, strings.HasPrefix(a.Val, "/sign-in/wechat?"), a.Val)
				case attribute(node, "class") == "qr" && a.Key == "src":
					require.True(t, strings.HasPrefix(a.Val, "/sign-in/scan/code?"), a.Val)
				case a.Key == "src" || node.Data == "link" && a.Key == "href":
					require.Regexp(t, `^/id/pages/[\w-]{12}/`, a.Val)
				}
			}
		}
	})
}

// TestSignIn: errors are at their field, which has the focus.
func TestSignIn(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	for problem, want := range map[pages.Problem]struct{ at, field, text string }{
		pages.UsernameMissing:   {"username-error", "username", "Enter your user name."},
		pages.PasswordMissing:   {"password-error", "password", "Enter your password."},
		pages.WrongCredentials:  {"password-error", "password", "The user name or the password is wrong."},
		pages.SignInUnavailable: {"problem", "", "You cannot be signed in at the moment. Try again in a minute."},
		pages.TooManyAttempts:   {"problem", "", "Too many attempts. Try again in 2 minutes."},
	} {
		document := parsed(t, render(p, "en", pages.SignIn{Problem: problem, Wait: 61 * time.Second}))
		at := byID(t, document, want.at)
		require.Equal(t, want.text, textOf(at), problem)
		focused := at
		if want.field != "" {
			focused = byID(t, document, want.field)
			require.Equal(t, "true", attribute(focused, "aria-invalid"), problem)
			require.Equal(t, want.at, attribute(focused, "aria-describedby"), problem)
		}
		for _, node := range elements(document, "") {
			focuses := slices.ContainsFunc(node.Attr, func(a html.Attribute) bool { return a.Key == "autofocus" })
			require.Equal(t, node == focused, focuses, problem)
		}
		require.Equal(t, "Error: Sign in · Example", textOf(elements(document, "title")[0]))
	}
	document := parsed(t, render(p, "en", pages.SignIn{}))
	require.Equal(t, "username", attribute(byID(t, document, "username"), "autocomplete"))
	require.Equal(t, "current-password", attribute(byID(t, document, "password"), "autocomplete"))
	require.Equal(t, "button", byID(t, document, "login-submit").Data)
}

// TestConsent: a client that another program of the device can play is warned of, and not said to be at a host.
func TestConsent(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	consent := pages.Consent{Client: "Shop", User: "wang.fang", Destination: "shop.example.com", Remembered: true}
	page := textOf(elements(parsed(t, render(p, "en", consent)), "main")[0])
	require.Contains(t, page, "You will return to shop.example.com.")
	require.Contains(t, page, "until you withdraw it")
	for _, risk := range []pages.Risk{pages.LoopbackRisk, pages.PrivateScheme} {
		consent.Risk, consent.Remembered = risk, false
		document := parsed(t, render(p, "en", consent))
		require.Contains(t, textOf(byID(t, document, "risk")), "could pretend to be")
		page = textOf(elements(document, "main")[0])
		require.NotContains(t, page, "You will return to")
		require.Contains(t, page, "You will be asked again next time.")
	}
	document := parsed(t, render(p, "en", consent))
	require.Equal(t, "allow", attribute(byID(t, document, "consent-allow"), "value"))
	require.Equal(t, "deny", attribute(byID(t, document, "consent-deny"), "value"))
}

// TestTimes are in whole hours and days.
func TestTimes(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	for age, want := range map[time.Duration]string{
		0: "signed in within the last hour", time.Hour: "signed in an hour ago", 5 * time.Hour: "signed in 5 hours ago",
		24 * time.Hour: "signed in a day ago", 71 * time.Hour: "signed in 2 days ago",
	} {
		document := parsed(t, render(p, "en", pages.ChooseAccount{Accounts: []pages.Account{{Age: age}}}))
		require.Equal(t, want, textOf(elements(document, "button")[0]))
	}
}

// TestAgesOfCodes are in seconds, or in minutes from two on.
func TestAgesOfCodes(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	for age, want := range map[time.Duration]string{
		-time.Second: "a second ago", 0: "a second ago", time.Second: "a second ago", 2 * time.Second: "2 seconds ago",
		119 * time.Second: "119 seconds ago", 2 * time.Minute: "2 minutes ago", 359 * time.Second: "5 minutes ago",
	} {
		document := parsed(t, render(p, "en", pages.ApproveScan{Age: age}))
		require.Contains(t, textOf(elements(document, "main")[0]), "The code was shown "+want+".")
	}
}

// TestStatus is what the caller says.
func TestStatus(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	newPages(t, newTheme(t)).Render(recorder, httptest.NewRequest(http.MethodGet, "/x", nil), http.StatusNotFound,
		pages.Error{Kind: pages.NotFound})
	require.Equal(t, http.StatusNotFound, recorder.Code)
}

// TestQRCodes: the picture has the modules of the code, black on white, with a margin of four. The test draws it.
func TestQRCodes(t *testing.T) {
	t.Parallel()
	const text = "https://login.example.com/scan/Q0FsY2lmZXIgaW0gRGV6ZW1iZXIgMjAy"
	picture, err := pages.NewQR(text)
	require.NoError(t, err)
	code, err := qr.Encode(text, qr.M)
	require.NoError(t, err)
	require.Equal(t, code.Size+8, picture.Size)
	drawn := map[[2]int]bool{}
	for _, row := range strings.Split(picture.Path, "M")[1:] {
		var x, y int
		steps := strings.Split(row, "m")
		_, err := fmt.Sscanf(steps[0], "%d %d.5", &x, &y)
		require.NoError(t, err)
		for _, step := range steps[1:] {
			var gap, length int
			_, err := fmt.Sscanf(step, "%d 0h%d", &gap, &length)
			require.NoError(t, err)
			for x += gap; length > 0; length-- {
				drawn[[2]int{x, y}] = true
				x++
			}
		}
	}
	pixels, err := png.Decode(bytes.NewReader(picture.PNG()))
	require.NoError(t, err)
	side := pixels.Bounds().Dx() / picture.Size // of a module
	for y := range picture.Size {
		for x := range picture.Size {
			black := code.Black(x-4, y-4)
			require.Equal(t, black, drawn[[2]int{x, y}], "%d %d", x, y)
			shade, _, _, _ := pixels.At(x*side+side/2, y*side+side/2).RGBA()
			require.Equal(t, black, shade == 0, "%d %d", x, y)
		}
	}
	_, err = pages.NewQR(strings.Repeat("x", 5000))
	require.Error(t, err)
}

// TestWaysStandOnce, whatever a page to sign in offers: beside the frame, above the password, below it, or alone. One
// button is the main one.
func TestWaysStandOnce(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	for n := range 8 {
		page := pages.SignIn{WaysFirst: n&1 > 0, NoPassword: n&2 > 0, Ways: []pages.Way{
			{Name: pages.ScanWay, URL: "/sign-in/scan?a"}, {Name: pages.WechatWay, URL: "/sign-in/wechat?a"}}}
		if n&4 > 0 {
			page.Frame = pages.Frame{URL: "/sign-in/wechat?b", Origin: "https://open.weixin.qq.com"}
		}
		page.WaysFirst = page.WaysFirst || page.NoPassword
		document, ids, primary := parsed(t, render(p, "en", page)), map[string]int{}, 0
		for _, node := range elements(document, "") {
			ids[attribute(node, "id")]++
			if strings.HasSuffix(attribute(node, "class"), "primary") {
				primary++
			}
		}
		require.Equal(t, 1, primary, "%+v", page)
		require.Equal(t, 1, ids["way-scan"], "%+v", page)
		require.Equal(t, 1, ids["way-wechat"], "%+v", page)
		require.Equal(t, n>>2, ids["way-frame"], "%+v", page)
		require.Equal(t, 1-n>>1&1, ids["password"], "%+v", page)
	}
}

// TestDecliningIsAsProminent as allowing: no button of the phone's page is the main one, and the one that declines
// has a place as good as the others.
func TestDecliningIsAsProminent(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	for _, numbers := range [][]int{nil, {42}, {17, 42, 88}} {
		document := parsed(t, render(p, "en", pages.ApproveScan{Client: "Shop", Numbers: numbers}))
		var buttons []string
		for _, button := range elements(document, "button") {
			require.Empty(t, attribute(button, "class"))
			buttons = append(buttons, attribute(button, "id"))
		}
		want := []string{"scan-deny", "scan-allow", "scan-report"}
		if len(numbers) > 1 {
			want = []string{"number-17", "number-42", "number-88", "scan-deny", "scan-report"}
		}
		require.Equal(t, want, buttons)
	}
}

// TestHintsStandOnce: where else to sign in is below the ways that there are, unless it is to be done first.
func TestHintsStandOnce(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	password := pages.SignIn{}
	nothing := pages.SignIn{NoPassword: true, Problem: pages.NoWay}
	for _, page := range []pages.SignIn{password, nothing} {
		for _, hint := range []pages.Hint{"", pages.HintMiniProgram, pages.HintWechat, pages.HintDesktop,
			pages.HintBoth, pages.HintBrowser} {
			page.Hint = hint
			var order []string
			for _, node := range elements(parsed(t, render(p, "en", page)), "") {
				if id := attribute(node, "id"); slices.Contains([]string{"problem", "hint", "password"}, id) {
					order = append(order, id)
				}
			}
			want := []string{"password", "hint"}
			switch {
			case page.NoPassword:
				want[0] = "problem"
			case hint == pages.HintMiniProgram:
				slices.Reverse(want)
			}
			if hint == "" {
				want = want[:1]
			}
			require.Equal(t, want, order, "%+v", page)
		}
	}
}
