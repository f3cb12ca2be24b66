package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// forwarded sends requests as a proxy does that got them from an address.
type forwarded string

func (f forwarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", string(f))
	return http.DefaultTransport.RoundTrip(r)
}

// showCode goes from the demo site to the page with the code. It returns what a phone reads, and the number.
func (g guest) showCode() (text, number string) {
	g.t.Helper()
	g.post(g.d.Issuer+"/demo/sign-in", "same-origin", nil)
	g.follow("way-scan")
	return g.d.Issuer + "/scan/" + g.at.Query().Get("screen"), textOf(g.element("scan-number"))
}

// follow follows a link of the page.
func (g guest) follow(id string) {
	g.t.Helper()
	to, err := g.at.Parse(attribute(g.element(id), "href"))
	require.NoError(g.t, err)
	g.open(to.String())
}

// reload loads the page again.
func (g guest) reload() {
	g.t.Helper()
	g.open(g.at.String())
}

// shownCodes returns the links of the front page to the codes that pages show.
func (g guest) shownCodes() (links []string) {
	g.t.Helper()
	g.open(g.d.Issuer + "/")
	for node := range g.page.Descendants() {
		if attribute(node, "class") == "scan-it" {
			links = append(links, attribute(node, "href"))
		}
	}
	return links
}

// scan scans a code with a phone of the simulator, and opens what it says.
func (g guest) scan(user, text, by string) {
	g.t.Helper()
	g.open(g.d.Simulator.URL + "/_sim/phone?" + url.Values{"user": {user}, "text": {text}, "by": {by}}.Encode())
	g.follow("open")
}

// TestASimulatedPhoneSignsInAtTheDemoSite by hand: the front page has the code of the screen, the simulator's phone
// scans it, and the page in place of the mini-program asks.
func TestASimulatedPhoneSignsInAtTheDemoSite(t *testing.T) {
	d := newOperator(t).develop("data")
	screen, phone := d.guest(), d.guest()
	require.Empty(t, phone.shownCodes())
	require.Contains(t, phone.text(), "No page has got a code")
	text, number := screen.showCode()
	links := phone.shownCodes()
	require.Len(t, links, 1)
	require.Contains(t, phone.text(), text)
	phone.open(links[0])
	phone.follow("open")
	phone.shows(http.StatusOK, "Sign in to Demo site on another screen?")
	for _, text := range []string{"on the phone of alice", "in your network (127.0.0.1)", "go on to 127.0.0.1",
		"It says that it is Go", "Do not allow", "I know nothing of this", "Seconds left to decide"} {
		require.Contains(t, phone.text(), text)
	}
	require.Equal(t, 5, buttons(phone.page), "three numbers, and two ways to decline")
	screen.reload()
	require.Contains(t, screen.text(), "The code was scanned.")
	question := phone.at.String()
	phone.reload() // as after a lost answer
	phone.press("number-" + number)
	phone.shows(http.StatusOK, "asks whether to continue as this user")
	require.NotContains(t, phone.text(), "eyJ", "tokens stay in the server")
	phone.open(question)
	phone.shows(http.StatusOK, "Already decided")
	phone.open(question + "&ui_locales=zh-CN")
	phone.shows(http.StatusOK, "已经处理过")

	screen.reload()
	screen.press("scan-continue")
	screen.press("consent-allow")
	screen.shows(http.StatusOK, "Signed in as u_")
	require.Contains(t, screen.text(), `"scan"`, "amr")
	phone.shownCodes()
	for _, secret := range []string{"eyJ", "alice&", "lp_rt_"} {
		require.NotContains(t, phone.text(), secret, "requests are listed without what is secret")
	}
}

// buttons returns how many buttons a page has.
func buttons(page *html.Node) (count int) {
	for node := range page.Descendants() {
		if node.Data == "button" {
			count++
		}
	}
	return count
}

// TestAUserOfASimulatedPhoneDeclines: nobody is signed in, and a report ends the codes of other screens as well.
func TestAUserOfASimulatedPhoneDeclines(t *testing.T) {
	o := newOperator(t)
	d := o.develop("data")
	phone := d.guest()
	for _, c := range []struct{ press, says, scanned string }{
		{"scan-deny", "Nobody was signed in. The screen says so", "Sign in to Demo site on another screen?"},
		{"wrong number", "a wrong number declines", "Sign in to Demo site on another screen?"},
		{"scan-report", "have become invalid", "The code has expired"},
	} {
		screen, other := d.guest(), d.guest()
		text, number := screen.showCode()
		beside, _ := other.showCode()
		phone.scan("alice", text, "camera")
		if c.press == "wrong number" {
			wrong := "10"
			if number == wrong {
				wrong = "11"
			}
			phone.post(phone.at.String(), "same-origin", url.Values{"decision": {"allow " + wrong}})
		} else {
			phone.press(c.press)
		}
		phone.shows(http.StatusOK, c.says)
		screen.reload()
		require.NotContains(t, screen.text(), "continue as", c.press)
		screen.element("scan-again")
		phone.scan("alice", beside, "camera")
		phone.shows(http.StatusOK, c.scanned)
	}
}

// TestASimulatedPhoneSaysWhyACodeIsOfNoUse, and decides nothing about it: neither for another user, nor without a look.
func TestASimulatedPhoneSaysWhyACodeIsOfNoUse(t *testing.T) {
	d := newOperator(t).develop("data")
	screen, alice, bob := d.guest(), d.guest(), d.guest()
	text, number := screen.showCode()
	alice.open(d.Simulator.URL + "/_sim/phone?" + url.Values{"user": {"alice"}, "text": {text}}.Encode())
	launch, err := url.Parse(attribute(alice.element("open"), "href"))
	require.NoError(t, err)
	bob.post(with(*launch), "same-origin", url.Values{"decision": {"allow " + number}})
	bob.shows(http.StatusOK, "The code was not scanned")
	alice.open(launch.String())
	bob.scan("bob", text, "camera")
	bob.shows(http.StatusOK, "Somebody else has scanned the code")
	bob.post(with(*launch, "user", "bob"), "same-origin", url.Values{"decision": {"allow " + number}})
	bob.shows(http.StatusOK, "Somebody else has scanned the code")
	bob.scan("bob", d.Issuer+"/scan/"+strings.Repeat("A", 32), "camera")
	bob.shows(http.StatusOK, "The code has expired")

	for name, target := range map[string]string{
		"nothing": d.Issuer + "/demo/mini-program", "no user": with(*launch, "user", ""),
		"another app": with(*launch, "appid", "wx0123456789abcdef"),
		"another issuer": with(*launch, "query", "q="+url.QueryEscape("https://id.example.com/scan/1")+
			"&scene=1"),
		"no code": with(*launch, "query", "scene="),
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			request, err := http.NewRequestWithContext(t.Context(), method, target, http.NoBody)
			require.NoError(t, err)
			bob.send(request)
			bob.shows(http.StatusBadRequest, "No code was scanned")
			require.Zero(t, buttons(bob.page), name)
		}
	}
	bob.post(launch.String(), "cross-site", url.Values{"decision": {"allow " + number}})
	bob.shows(http.StatusForbidden, "not sent from our page")
	bob.post(launch.String(), "same-origin", url.Values{"decision": {"allow x"}})
	bob.shows(http.StatusBadRequest, "The server refused")
	require.Contains(t, bob.text(), "number is not a positive number.")
	for decision, status := range map[string]int{"": http.StatusBadRequest, "yes": http.StatusBadRequest} {
		bob.post(launch.String(), "same-origin", url.Values{"decision": {decision}})
		require.Equal(t, status, bob.status)
	}
	bob.post(launch.String(), "same-origin", url.Values{"x": {strings.Repeat("x", 8<<10)},
		"decision": {"allow " + number}})
	require.Equal(t, http.StatusBadRequest, bob.status, "nothing of a form that is too long is used")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, launch.String(), http.NoBody)
	require.NoError(t, err)
	bob.send(request)
	require.Equal(t, http.StatusMethodNotAllowed, bob.status)

	alice.press("number-" + number) // after all of these
	alice.shows(http.StatusOK, "asks whether to continue")
}

// TestASimulatedPhoneIsElsewhere: the page says so, and a code that came as a picture is refused.
func TestASimulatedPhoneIsElsewhere(t *testing.T) {
	d := newOperator(t, "LINGPAI_SERVER_TRUSTED_PROXIES=127.0.0.1").develop("data")
	screen, phone := d.guest(), d.guest()
	screen.client.Transport = forwarded("203.0.113.9")
	text, _ := screen.showCode()
	phone.scan("alice", text, "album")
	phone.shows(http.StatusOK, "The code came as a picture")
	phone.scan("alice", text, "long_press")
	phone.shows(http.StatusOK, "The code came as a picture")
	phone.scan("alice", text, "camera")
	phone.shows(http.StatusOK, "not in your network (203.0.113.9)")
}

// TestASimulatedPhoneComparesTheNumber, or asks for none, as the operator has chosen.
func TestASimulatedPhoneComparesTheNumber(t *testing.T) {
	for setting, shown := range map[string]bool{"show": true, "off": false} {
		d := newOperator(t, "LINGPAI_BROWSER_SCAN_NUMBER="+setting).develop("data")
		screen, phone := d.guest(), d.guest()
		screen.post(d.Issuer+"/demo/sign-in", "same-origin", nil)
		screen.follow("way-scan")
		phone.open(phone.shownCodes()[0])
		phone.follow("open")
		require.Equal(t, shown, strings.Contains(phone.text(), "The screen must show this number:"))
		if shown {
			require.Equal(t, textOf(screen.element("scan-number")), textOf(phone.element("scan-number")))
		}
		require.Equal(t, 3, buttons(phone.page))
		phone.press("scan-allow")
		phone.shows(http.StatusOK, "asks whether to continue")
		screen.reload()
		screen.element("scan-continue")
	}
}

// TestAUserOfASimulatedPhoneSignsInAgain when an operator has ended the session of the mini-program.
func TestAUserOfASimulatedPhoneSignsInAgain(t *testing.T) {
	o := newOperator(t)
	d := o.develop("data")
	screen, phone := d.guest(), d.guest()
	text, _ := screen.showCode()
	phone.scan("alice", text, "camera")
	operator := o.with("LINGPAI_DATABASE_URL=sqlite:data/lingpai.db", "LINGPAI_MASTER_KEY_FILE=data/master.key")
	operator.ok("sessions", "revoke", "--since", time.Now().Add(-time.Hour).Format(time.RFC3339))
	phone.reload()
	phone.shows(http.StatusOK, "Somebody else has scanned the code")
	text, _ = screen.showCode()
	phone.scan("alice", text, "camera")
	phone.shows(http.StatusOK, "Sign in to Demo site on another screen?")
}

// TestASimulatedPhoneSaysThatTheUserIsRefused: the sign-in at the mini-program has failed, or there are too many.
func TestASimulatedPhoneSaysThatTheUserIsRefused(t *testing.T) {
	d := newOperator(t, "LINGPAI_LIMITS_OVERRIDES=scans_user=3/1h").develop("data")
	screen, phone := d.guest(), d.guest()
	postJSON(t, d.Simulator.URL+"/_sim/users", `{"user":"mallory","high_risk":true}`)
	text, _ := screen.showCode()
	phone.scan("mallory", text, "camera")
	phone.shows(http.StatusBadRequest, "The server refused")
	require.Contains(t, phone.text(), "invalid_grant")
	for n := range 4 {
		text, _ = d.guest().showCode()
		phone.scan("alice", text, "camera")
		require.Equal(t, n == 3, strings.Contains(phone.text(), "Too many requests"), strconv.Itoa(n))
	}
}

// TestASimulatedPhoneScansAMiniProgramCode, which the page shows if it is set up so.
func TestASimulatedPhoneScansAMiniProgramCode(t *testing.T) {
	o := newOperator(t)
	before := o.develop("data")
	require.NoError(t, before.stop())
	d := o.with("LINGPAI_BROWSER_SCAN_APP="+before.MiniProgram.AppID,
		"LINGPAI_BROWSER_SCAN_PAGE=pages/scan/scan").develop("data")
	screen, phone := d.guest(), d.guest()
	_, number := screen.showCode()
	picture, err := screen.client.Get(d.Issuer + "/sign-in/scan/code?" +
		url.Values{"screen": {screen.at.Query().Get("screen")}}.Encode())
	require.NoError(t, err)
	picture.Body.Close()
	require.Equal(t, http.StatusOK, picture.StatusCode)
	response, err := http.Get(d.Simulator.URL + "/_sim/codes")
	require.NoError(t, err)
	defer response.Body.Close()
	var codes []struct{ ID string }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&codes))
	require.Len(t, codes, 1)
	phone.open(d.Simulator.URL + "/_sim/phone?" + url.Values{"user": {"alice"}, "code": {codes[0].ID}}.Encode())
	phone.follow("open")
	phone.press("number-" + number)
	phone.shows(http.StatusOK, "asks whether to continue")
	screen.reload()
	screen.element("scan-continue")
}

// TestASimulatorThatHasTheCodesAlready: it runs for itself, and an app of another folder has the rule for the codes.
// Everything else works.
func TestASimulatorThatHasTheCodesAlready(t *testing.T) {
	o := newOperator(t)
	o = o.with("LINGPAI_WECHAT_BASE_URL=" + o.simulates())
	first := o.develop("data")
	require.NoError(t, first.stop())
	require.Empty(t, first.Log())
	again := o.start("dev", "--addr", strings.TrimPrefix(first.Issuer, "http://"), "--data", "more", "--output", "json")
	require.Contains(t, again.line(), first.Issuer)
	require.Contains(t, again.Log(), "will not open the mini-program")
	require.Contains(t, again.Log(), "belongs to "+first.MiniProgram.AppID)
}
