package provider_test

import (
	"html"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	serversettings "github.com/lingpai/lingpai/server/settings"
)

// The addresses of the screen, of phones in its network and of phones elsewhere.
const (
	atHome    = "192.0.2.10"
	alsoHome  = "192.0.2.77"
	elsewhere = "198.51.100.7"
)

// scans is an installation whose pages show codes to be scanned, with the mini-program "scanner", whose users may
// approve.
type scans struct{ *web }

func newScans(t testing.TB, options ...option) scans {
	t.Helper()
	return newScansWith(t, "choose", options...)
}

// newScansWith is newScans with a way to match the number.
func newScansWith(t testing.TB, number string, options ...option) scans {
	t.Helper()
	shown := func(s *settings) {
		s.also(func(c *serversettings.Settings) { c.Scan, c.ScanNumber = true, number })
	}
	w := scans{newWeb(t, append([]option{behindProxy, shown}, options...)...)}
	require.NoError(t, w.database.Clients().Create(t.Context(), identity.Client{ID: "scanner", Name: "The mini-program",
		FirstParty: true, Apps: []string{testApp}, Grants: []string{oauth.GrantWechatCode, oauth.GrantRefreshToken},
		Scopes:        []string{"openid", "account", oauth.ScopeSignInApprove},
		DefaultScopes: []string{"openid", "account", oauth.ScopeSignInApprove}}))
	return w
}

// toApprove lets a client's users approve, and hand their sessions over.
func toApprove(c *identity.Client) {
	c.FirstParty, c.Scopes = true, append(c.Scopes, oauth.ScopeSignInApprove, oauth.ScopeSignInHandOff)
}

// screen is a desktop browser.
type screen struct{ visitor }

func (w scans) screen() screen {
	v := w.visitor()
	v.sends = http.Header{"User-Agent": {onDesktop}, "X-Forwarded-For": {atHome}}
	return screen{v}
}

// at opens a path and follows redirects.
func (s screen) at(target string) page { return s.follow(s.open(target)) }

var (
	scanLink   = regexp.MustCompile(`<a id="way-(?:scan|press)"[^>]* href="([^"]*)"`)
	waitURL    = regexp.MustCompile(`data-wait="([^"]*)"`)
	shownCode  = regexp.MustCompile(`screen=([A-Za-z0-9_-]{32})`)
	scanAgain  = regexp.MustCompile(`<a id="scan-again"[^>]* href="([^"]*)"`)
	shownValue = regexp.MustCompile(`id="scan-number"[^>]*>(\d\d)<`)
)

// show opens the page with the code, for a request of a client.
func (s screen) show(client string, pairs ...string) page {
	s.t.Helper()
	p := s.at(s.request(client, pairs...))
	found := scanLink.FindStringSubmatch(p.body)
	require.NotNil(s.t, found, p.body)
	p = s.at(html.UnescapeString(found[1]))
	require.Contains(s.t, p.body, `class="qr"`)
	return p
}

// handle returns the handle of the code on a page.
func handleOf(t testing.TB, p page) string {
	t.Helper()
	found := shownCode.FindStringSubmatch(p.at)
	require.NotNil(t, found, p.at)
	return found[1]
}

// numberOn returns the number on a page.
func numberOn(t testing.TB, p page) string {
	t.Helper()
	found := shownValue.FindStringSubmatch(p.body)
	require.NotNil(t, found, p.body)
	return found[1]
}

// wait asks whether something has changed, as the page's script does.
func (s screen) wait(p page) page {
	s.t.Helper()
	found := waitURL.FindStringSubmatch(p.body)
	require.NotNil(s.t, found, p.body)
	return s.open(html.UnescapeString(found[1]))
}

// again loads a page again.
func (s screen) again(p page) page { return s.at(p.at) }

// phone is a mini-program with a user who is signed in.
type phone struct {
	w       scans
	token   string
	user    string
	address string
}

// phone signs a user of WeChat in at a client.
func (w scans) phone(user string) phone {
	w.t.Helper()
	a := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "scanner",
		"code": w.wechatUsers.code(user)})
	require.Equal(w.t, http.StatusOK, a.status, a.body)
	token := a.text("access_token")
	return phone{w, token, claimsOf(w.t, token)["sub"].(string), alsoHome}
}

// call calls one of the endpoints for phones.
func (p phone) call(path string, pairs ...string) answer {
	p.w.t.Helper()
	body, header := form{":X-Forwarded-For": p.address, ":Authorization": "Bearer " + p.token}.with(pairs...).encode()
	return p.w.post("/scan/"+path, body, header)
}

func (p phone) look(handle string, pairs ...string) answer {
	p.w.t.Helper()
	return p.call("look", append([]string{"scan", handle}, pairs...)...)
}

func (p phone) approve(handle string, pairs ...string) answer {
	p.w.t.Helper()
	return p.call("approve", append([]string{"scan", handle}, pairs...)...)
}

func (p phone) decline(handle string, pairs ...string) answer {
	p.w.t.Helper()
	return p.call("decline", append([]string{"scan", handle}, pairs...)...)
}

// requireScanError requires an error about a scan with a reason.
func requireScanError(t testing.TB, a answer, reason string) {
	t.Helper()
	requireError(t, a, http.StatusBadRequest, "invalid_grant")
	require.Equal(t, reason, a.members["scan"])
}

// approved shows a code for a request and has a phone approve it. It returns the page that then asks on the screen.
func (s screen) approved(by phone, client string, pairs ...string) page {
	s.t.Helper()
	p := s.show(client, pairs...)
	handle := handleOf(s.t, p)
	require.Equal(s.t, http.StatusOK, by.look(handle).status)
	require.Equal(s.t, http.StatusNoContent, by.approve(handle, "number", numberOn(s.t, p)).status)
	return s.again(p)
}

// goOn submits the page that asks on the screen.
func (s screen) goOn(p page) page {
	s.t.Helper()
	require.Contains(s.t, p.body, `id="scan-continue"`, p.body)
	return s.follow(s.submit(p))
}

// advance moves the clock of the server.
func (w scans) advance(by time.Duration) { w.clock.Move(by) }
