package provider_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/approval"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	serversettings "github.com/lingpai/lingpai/server/settings"
)

// TestScanning is a whole flow: a screen shows a code, a phone scans and approves it, and the screen signs itself in.
// Nothing that the phone or the polling screen receives is of use to anybody else.
func TestScanning(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/tenant"} {
		w := newScans(t, func(s *settings) { s.path = path })
		s, ada := w.screen(), w.phone("ada")
		p := s.show("shop", "scope", "openid offline_access")
		handle := handleOf(t, p)
		require.Equal(t, "no-store", p.header.Get("Cache-Control"))
		require.Contains(t, p.header.Get("Content-Security-Policy"), "script-src 'self'; connect-src 'self'")

		seen := ada.look(handle, "scene", "1011")
		require.Equal(t, http.StatusOK, seen.status, seen.body)
		require.Equal(t, "The shop", seen.text("client_name"))
		require.Equal(t, "shop.example.com", seen.text("host"))
		require.Equal(t, atHome, seen.text("address"))
		require.Equal(t, true, seen.members["near"])
		require.Equal(t, "Chrome, Linux", seen.text("device"))
		require.Len(t, seen.members["numbers"], 3)
		require.LessOrEqual(t, seen.members["expires_in"], 120.0)
		_, err := time.Parse(time.RFC3339, seen.text("shown_at"))
		require.NoError(t, err)

		woken := s.wait(p)
		require.Equal(t, http.StatusOK, woken.status)
		require.Empty(t, woken.body)
		p = s.again(p)
		require.Contains(t, p.body, "请在手机上确认")
		require.NotContains(t, p.body, `class="qr"`)
		approved := ada.approve(handle, "number", numberOn(t, p))
		require.Equal(t, http.StatusNoContent, approved.status, approved.body)
		require.Equal(t, http.StatusOK, s.wait(p).status)

		p = s.again(p)
		require.Contains(t, p.body, ada.user)
		tokens := w.redeem("shop", s.code(s.goOn(p), "shop"))
		requireTokens(t, tokens)
		require.Equal(t, "openid", tokens.text("scope"), "a session by a scan works only with its user")
		claims := claimsOf(t, tokens.text("id_token"))
		require.Equal(t, ada.user, claims["sub"])
		require.Equal(t, []any{"scan"}, claims["amr"])
	}
}

// TestAPhoneThatIsNotTheScannerDecidesNothing: of several phones the first one decides, whatever ids others send.
func TestAPhoneThatIsNotTheScannerDecidesNothing(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, ada, eve := w.screen(), w.phone("ada"), w.phone("eve")
	p := s.show("shop")
	handle, number := handleOf(t, p), numberOn(t, p)
	requireScanError(t, ada.approve(handle, "number", number), "not_scanned")
	require.Equal(t, http.StatusOK, ada.look(handle).status)
	require.Equal(t, http.StatusOK, ada.look(handle).status, "again, as after a lost answer")
	requireScanError(t, eve.look(handle), "taken")
	requireScanError(t, eve.approve(handle, "number", number, "user", ada.user, "sub", ada.user), "taken")
	requireScanError(t, eve.decline(handle), "taken")
	require.Equal(t, http.StatusNoContent, ada.approve(handle, "number", number).status)
	requireScanError(t, ada.decline(handle), "decided")
	claims := claimsOf(t, w.redeem("shop", s.code(s.goOn(s.again(p)), "shop")).text("id_token"))
	require.Equal(t, ada.user, claims["sub"])
}

// TestAnotherBrowserCannotUseACode: it is bound to the cookie of the browser that shows it (QRLjacking).
func TestAnotherBrowserCannotUseACode(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, thief, ada := w.screen(), w.screen(), w.phone("ada")
	p := s.show("shop")
	handle := handleOf(t, p)
	thief.show("shop") // it has a cookie of its own
	require.Equal(t, http.StatusOK, thief.wait(p).status, "load the page again")
	require.Equal(t, http.StatusOK, w.screen().wait(p).status, "without a cookie")
	require.Equal(t, http.StatusOK, ada.look(handle).status)
	require.Equal(t, http.StatusNoContent, ada.approve(handle, "number", numberOn(t, p)).status)
	require.Equal(t, http.StatusOK, thief.wait(p).status, "load the page again")
	shown := thief.again(p)
	require.Contains(t, shown.body, `class="qr"`, "it gets a code of its own")
	require.NotEqual(t, handle, handleOf(t, shown))
	stolen := thief.do(http.MethodPost, p.at, url.Values{}, nil)
	require.Contains(t, stolen.body, "二维码已过期")
	require.NotContains(t, stolen.body, "location")
	s.code(s.goOn(s.again(p)), "shop")
}

// TestACodeIsForItsRequest: what the phone was shown is where the screen goes.
func TestACodeIsForItsRequest(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, ada := w.screen(), w.phone("ada")
	confirm := s.approved(ada, "shop")
	handle := handleOf(t, confirm)
	const elsewhere = "https://elsewhere.example.com/callback"
	w.update("shop", func(c *identity.Client) { c.RedirectURIs = append(c.RedirectURIs, elsewhere) })
	for _, other := range []page{s.show("partner"), s.show("spa"), s.show("shop", "redirect_uri", elsewhere)} {
		swapped := strings.Replace(other.at, handleOf(t, other), handle, 1)
		require.Contains(t, s.do(http.MethodPost, swapped, url.Values{}, nil).body, "二维码已过期", other.at)
		require.NotContains(t, s.open(swapped).body, `id="scan-continue"`)
	}
	s.code(s.goOn(s.again(confirm)), "shop")
}

// TestAnApprovalIsUsedOnce: neither the form again, nor the back button after a sign-out, signs anybody in.
func TestAnApprovalIsUsedOnce(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, ada := w.screen(), w.phone("ada")
	confirm := s.approved(ada, "shop")
	s.code(s.goOn(confirm), "shop")
	s.code(s.again(confirm), "shop") // still signed in
	s.submit(s.at("/sign-out"))
	require.Contains(t, s.submit(confirm).body, "二维码已过期")
	require.Contains(t, s.again(confirm).body, "二维码已过期")
	require.Len(t, w.browsersOfID(ada.user), 0)
}

func (w scans) browsersOfID(user string) []identity.BrowserSession {
	w.t.Helper()
	sessions, err := w.database.BrowserSessions().List(w.t.Context(), user)
	require.NoError(w.t, err)
	return sessions
}

// TestGETDecidesNothing: scanners, messengers and crawlers open addresses, also with HEAD and to prefetch.
func TestGETDecidesNothing(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, v := w.screen(), w.visitor()
	v.signIn("alice", "shop")
	p := s.show("shop")
	handle := handleOf(t, p)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, target := range []string{"/scan/" + handle, "/scan?scan=" + handle,
			"/scan?scan=" + handle + "&decision=allow+" + numberOn(t, p)} {
			for _, header := range []http.Header{nil, {"Sec-Purpose": {"prefetch"}},
				{"User-Agent": {"Googlebot/2.1"}}} {
				v.do(method, target, nil, header)
			}
		}
	}
	require.Equal(t, http.StatusMethodNotAllowed, v.open("/scan/approve?scan="+handle).status)
	require.Contains(t, s.again(p).body, `class="qr"`, "still pending")
	require.Equal(t, http.StatusMethodNotAllowed, s.do(http.MethodHead, p.at, nil, nil).status)
}

// TestWrongNumbersDecline: somebody who does not see the screen guesses, and has one guess.
func TestWrongNumbersDecline(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"99999", "1", ""} {
		w := newScans(t)
		s, ada := w.screen(), w.phone("ada")
		p := s.show("shop")
		handle := handleOf(t, p)
		require.Equal(t, http.StatusOK, ada.look(handle).status)
		requireScanError(t, ada.approve(handle, "number", wrong), "wrong_number")
		requireScanError(t, ada.approve(handle, "number", numberOn(t, p)), "decided")
		require.Contains(t, s.again(p).body, "登录已被拒绝")
		require.Len(t, w.events(identity.EventScanMismatch), 1)
	}
}

func (w scans) events(kind string) []identity.Event {
	w.t.Helper()
	events, err := w.database.Events().List(w.t.Context(), identity.EventsOf{Kind: kind}, 10)
	require.NoError(w.t, err)
	return events
}

// TestOtherWaysToMatchNumbers: the phone shows the number, or there is none.
func TestOtherWaysToMatchNumbers(t *testing.T) {
	t.Parallel()
	for way, count := range map[string]int{"show": 1, "off": 0} {
		w := newScansWith(t, way)
		s, ada := w.screen(), w.phone("ada")
		p := s.show("shop")
		seen := ada.look(handleOf(t, p))
		if count == 0 {
			require.NotContains(t, p.body, "scan-number")
			require.NotContains(t, seen.members, "numbers")
		} else {
			require.Equal(t, numberOn(t, p), fmt.Sprint(seen.members["numbers"].([]any)...))
		}
		require.Equal(t, http.StatusNoContent, ada.approve(handleOf(t, p)).status)
		s.code(s.goOn(s.again(p)), "shop")
	}
}

// TestDeclining, and saying that one knows nothing of it, which also ends all other codes at that address.
func TestDeclining(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, neighbor, far, ada := w.screen(), w.screen(), w.screen(), w.phone("ada")
	p := s.show("shop")
	require.Equal(t, http.StatusOK, ada.look(handleOf(t, p)).status)
	require.Equal(t, http.StatusNoContent, ada.decline(handleOf(t, p)).status)
	require.Equal(t, http.StatusNoContent, ada.decline(handleOf(t, p)).status, "again, as after a lost answer")
	over := s.again(p)
	require.Contains(t, over.body, "登录已被拒绝")
	require.Contains(t, over.body, `id="scan-again"`)
	require.Len(t, w.events(identity.EventScanDenied), 1)

	p = s.show("shop")
	open := neighbor.show("shop")
	kept := far.show("shop") // the same address, but later
	requireError(t, ada.decline(handleOf(t, p), "report", "yes"), http.StatusBadRequest, "invalid_request")
	require.Equal(t, http.StatusOK, ada.look(handleOf(t, p)).status)
	require.Equal(t, http.StatusNoContent, ada.decline(handleOf(t, p), "report", "true").status)
	require.Equal(t, http.StatusOK, neighbor.wait(open).status)
	requireScanError(t, ada.look(handleOf(t, open)), "expired")
	require.Equal(t, http.StatusOK, far.wait(kept).status)
	require.Len(t, w.events(identity.EventScanReported), 1)
	later := far.again(kept)
	require.NotEqual(t, handleOf(t, kept), handleOf(t, later), "a page shows a new code by itself")
}

// TestPicturesOfACode are refused if the screen is elsewhere: anyone who sent them would be signed in.
func TestPicturesOfACode(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, near, far := w.screen(), w.phone("ada"), w.phone("eve")
	far.address = elsewhere
	p := s.show("shop")
	for _, scene := range []string{"1012", "1013", "1048", "1049"} {
		requireScanError(t, far.look(handleOf(t, p), "scene", scene), "from_picture")
	}
	require.Contains(t, s.again(p).body, `class="qr"`, "nobody has scanned it")
	require.Equal(t, http.StatusOK, near.look(handleOf(t, p), "scene", "1012").status)
	p = s.show("shop")
	seen := far.look(handleOf(t, p), "scene", "1047")
	require.Equal(t, http.StatusOK, seen.status)
	require.Equal(t, false, seen.members["near"])
}

// TestTokensThatMayNotApprove: of another audience or client, without the scope, of a session that has ended, of a
// client itself, or of a session that was itself opened by a scan.
func TestTokensThatMayNotApprove(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, ada := w.screen(), w.phone("ada")
	p := s.show("shop")
	handle := handleOf(t, p)
	try := func(token string, status int, name string) {
		t.Helper()
		for _, path := range []string{"look", "approve", "decline"} {
			body, header := form{"scan": handle, ":Authorization": "Bearer " + token}.encode()
			requireError(t, w.post("/scan/"+path, body, header), status, name)
		}
	}
	narrow := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "scanner", "scope": "openid account",
		"code": w.wechatUsers.code("ada")})
	try(narrow.text("access_token"), http.StatusForbidden, "insufficient_scope")
	w.update("scanner", func(c *identity.Client) { c.Audience = []string{testAudience} })
	foreign := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": "scanner", "resource": testAudience,
		"code": w.wechatUsers.code("ada")})
	try(foreign.text("access_token"), http.StatusForbidden, "insufficient_scope")
	w.update("scanner", func(c *identity.Client) { c.Audience = nil })
	try("nonsense", http.StatusUnauthorized, "invalid_token")
	w.update("scanner", func(c *identity.Client) { c.FirstParty = false })
	try(ada.token, http.StatusForbidden, "insufficient_scope")
	w.update("scanner", func(c *identity.Client) { c.FirstParty = true })

	w.update("spa", toApprove)
	other := w.screen()
	confirm := other.approved(w.phone("bea"), "spa", "scope", "openid "+oauth.ScopeSignInApprove)
	scanned := w.redeem("spa", other.code(other.goOn(confirm), "spa"))
	try(scanned.text("access_token"), http.StatusForbidden, "insufficient_scope")

	ended, err := w.database.Sessions().EndAll(t.Context(), ada.user, identity.EndedByUser)
	require.NoError(t, err)
	require.NotZero(t, ended)
	try(ada.token, http.StatusUnauthorized, "invalid_token")
	require.Contains(t, s.again(p).body, `class="qr"`)
}

// TestAnApprovalLivesNoLongerThanItsSession: the session, the user and the password are checked again when the screen
// signs in.
func TestAnApprovalLivesNoLongerThanItsSession(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w scans, user string) error{
		"signed out": func(w scans, user string) error {
			_, err := w.database.Sessions().EndAll(w.t.Context(), user, identity.EndedByUser)
			return err
		},
		"disabled": func(w scans, user string) error { return w.database.Users().Disable(w.t.Context(), user) },
		"disabled and enabled": func(w scans, user string) error {
			if err := w.database.Users().Disable(w.t.Context(), user); err != nil {
				return err
			}
			return w.database.Users().Enable(w.t.Context(), user)
		},
		"client disabled": func(w scans, _ string) error {
			return w.database.Clients().Disable(w.t.Context(), "scanner")
		},
		"client of somebody else": func(w scans, _ string) error {
			w.update("scanner", func(c *identity.Client) { c.FirstParty = false })
			return nil
		},
		"client without the scope": func(w scans, _ string) error {
			w.update("scanner", func(c *identity.Client) { c.Scopes, c.DefaultScopes = []string{"openid"}, nil })
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newScans(t)
			s, ada := w.screen(), w.phone("ada")
			confirm := s.approved(ada, "shop")
			require.NoError(t, end(w, ada.user))
			require.Contains(t, s.submit(confirm).body, "二维码已过期")
			require.Empty(t, w.browsersOfID(ada.user))
		})
	}
}

// TestCodesOfScansExpire, and the page shows a new one, at most five times.
func TestCodesOfScansExpire(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s := w.screen()
	p := s.show("shop")
	handles := map[string]bool{handleOf(t, p): true}
	for range 5 {
		expired := handleOf(t, p)
		w.advance(approval.ScanLifetime)
		requireScanError(t, w.phone("ada").look(expired), "expired")
		require.Equal(t, http.StatusOK, s.wait(p).status)
		p = s.again(p)
		require.Contains(t, p.body, `class="qr"`)
		handles[handleOf(t, p)] = true
	}
	require.Len(t, handles, 6)
	w.advance(approval.ScanLifetime)
	p = s.again(p)
	require.Contains(t, p.body, "二维码已过期")
	require.NotContains(t, p.body, `class="qr"`)
	again := s.at(html.UnescapeString(scanAgain.FindStringSubmatch(p.body)[1]))
	require.Contains(t, again.body, `class="qr"`)
}

// TestHandlesOfOtherKinds: neither a user code, nor an authorization code, nor nonsense is a handle, and a handle is
// none of them.
func TestHandlesOfOtherKinds(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, ada := w.screen(), w.phone("ada")
	p := s.show("shop")
	handle := handleOf(t, p)
	for _, text := range []string{"", "BCDF-GHJK", "lp_ac_" + handle, handle + "A", handle[1:], strings.ToLower(handle),
		"../" + handle[3:], strings.Repeat("A", 32)} {
		if text == handle {
			continue
		}
		requireScanError(t, ada.look(text), "expired")
		requireScanError(t, ada.approve(text), "expired")
		require.Equal(t, http.StatusBadRequest, w.visitor().open("/scan?scan="+url.QueryEscape(text)).status, text)
	}
	for _, f := range []form{
		{"grant_type": oauth.GrantAuthorizationCode, "client_id": "spa", "code": handle},
		{"grant_type": oauth.GrantAuthorizationCode, "client_id": "spa", "code": "lp_ac_" + handle},
		{"grant_type": oauth.GrantWechatCode, "client_id": "scanner", "code": handle},
		{"grant_type": oauth.GrantRefreshToken, "client_id": "scanner", "refresh_token": handle},
	} {
		requireError(t, w.token(f.with("redirect_uri", "https://shop.example.com/", "code_verifier",
			strings.Repeat("v", 43))), http.StatusBadRequest, "invalid_grant")
	}
	require.NotContains(t, w.visitor().open("/device?user_code="+handle).body, `id="device-allow"`)
	requireError(t, ada.look(handle, "scene", "x"), http.StatusBadRequest, "invalid_request")
	requireError(t, ada.look(handle, "scene", "-1"), http.StatusBadRequest, "invalid_request")
	requireError(t, ada.call("approve?scan="+handle), http.StatusBadRequest, "invalid_request")
	require.Contains(t, s.again(p).body, `class="qr"`)
}

// TestScansWithoutAStore: while the volatile store is down, nobody gets in, and every answer says so.
func TestScansWithoutAStore(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, ada := w.screen(), w.phone("ada")
	p := s.show("shop")
	handle := handleOf(t, p)
	w.volatile.broken.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, s.again(p).status)
	require.Equal(t, http.StatusServiceUnavailable, s.wait(p).status)
	require.Equal(t, http.StatusServiceUnavailable, s.open(strings.Split(p.at, "&screen=")[0]).status)
	requireError(t, ada.look(handle), http.StatusServiceUnavailable, "temporarily_unavailable")
	requireError(t, ada.approve(handle), http.StatusServiceUnavailable, "temporarily_unavailable")
	w.volatile.broken.Store(false)
	require.Contains(t, s.again(p).body, `class="qr"`)
}

// TestScansAreOffered on desktops and in WeChat, where they are turned on, and where the request accepts them.
func TestScansAreOffered(t *testing.T) {
	t.Parallel()
	w := newScans(t, func(s *settings) {
		s.also(func(c *serversettings.Settings) {
			c.ContextClasses = identity.ContextClasses{identity.MethodPassword: "urn:password"}
		})
	})
	way := func(w *web, agent string, pairs ...string) string {
		body := w.guest(agent).visit(w.request("shop", pairs...)).body
		found := regexp.MustCompile(`id="way-(\w+)" class="([^"]*)"`).FindStringSubmatch(body)
		return strings.Join(found[min(1, len(found)):], " ")
	}
	require.Equal(t, "scan button primary", way(w.web, onDesktop))
	require.Equal(t, "press button", way(w.web, inWechat))
	require.Empty(t, way(w.web, onPhone))
	require.Empty(t, way(w.web, inMiniProgram))
	require.Empty(t, way(w.web, onDesktop, "claims",
		`{"id_token":{"acr":{"essential":true,"values":["urn:password"]}}}`), "a scan never meets an operator's demand")
	off := newWeb(t)
	require.Empty(t, way(off, onDesktop))
	v := off.visitor()
	require.Equal(t, http.StatusNotFound, v.open(onPage("sign-in/scan", off.request("shop"))).status)
	require.Equal(t, http.StatusOK, v.open("/sign-in/scan/wait?screen="+strings.Repeat("A", 32)).status)
	require.Equal(t, http.StatusBadRequest, v.open("/scan?scan="+strings.Repeat("A", 32)).status)
}
