package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
)

// approval opens the page on a phone's browser for a code, where a user signs in first.
func (v visitor) approveScan(handle, user string) page {
	v.t.Helper()
	p := v.follow(v.open("/scan/" + handle))
	if strings.Contains(p.body, `name="password"`) {
		p = v.enter(p, user)
	}
	return p
}

// TestScanningWithoutAMiniProgram: any scanner opens a page on which a user signs in and approves.
func TestScanningWithoutAMiniProgram(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, v := w.screen(), w.visitor()
	p := s.show("shop")
	ask := v.approveScan(handleOf(t, p), "alice")
	require.Contains(t, ask.body, `id="scan-deny"`)
	require.Contains(t, ask.body, `id="number-`+numberOn(t, p)+`"`)
	require.Contains(t, ask.body, "屏幕不在你所在的网络里")
	require.Contains(t, ask.body, atHome)
	require.Contains(t, s.again(p).body, `class="qr"`, "nothing was decided")
	done := v.submit(ask, "decision", "allow "+numberOn(t, p))
	require.Contains(t, done.body, "屏幕上已登录")
	tokens := w.redeem("shop", s.code(s.goOn(s.again(p)), "shop"))
	require.Equal(t, w.user("alice").ID, claimsOf(t, tokens.text("id_token"))["sub"])
	require.Contains(t, v.submit(ask, "decision", "deny").body, "已经处理过")
}

// TestPagesOnThePhone say what has come of each way to answer.
func TestPagesOnThePhone(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	alice, bob := w.visitor(), w.visitor()
	for name, c := range map[string]struct{ decision, text, screen string }{
		"declined":      {"deny", "未允许", "登录已被拒绝"},
		"reported":      {"report", "已处理", "登录已被拒绝"},
		"wrong number":  {"allow 9", "数字不一致", "登录已被拒绝"},
		"no number":     {"allow", "数字不一致", "登录已被拒绝"},
		"no decision":   {"", "未允许", "登录已被拒绝"},
		"another value": {"approve", "未允许", "登录已被拒绝"},
	} {
		s := w.screen()
		p := s.show("shop")
		ask := alice.approveScan(handleOf(t, p), "alice")
		require.Contains(t, alice.submit(ask, "decision", c.decision).body, c.text, name)
		require.Contains(t, s.again(p).body, c.screen, name)
	}
	s := w.screen()
	p := s.show("shop")
	ask := bob.approveScan(handleOf(t, p), "bob")
	require.Equal(t, http.StatusOK, w.phone("ada").look(handleOf(t, p)).status)
	require.Contains(t, bob.submit(ask, "decision", "allow "+numberOn(t, p)).body, "二维码已被扫描")
	w.advance(3 * time.Minute)
	gone := bob.submit(ask, "decision", "deny")
	require.Equal(t, http.StatusBadRequest, gone.status)
	require.Contains(t, gone.body, "二维码已过期")
}

// TestFormsOnThePhoneAreTheUsersOwn: another site's form decides nothing, nor does a form of another user, nor one in a
// browser where nobody is signed in.
func TestFormsOnThePhoneAreTheUsersOwn(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, v, stranger := w.screen(), w.visitor(), w.visitor()
	p := s.show("shop")
	ask := v.approveScan(handleOf(t, p), "alice")
	values := ask.hidden("decision", "allow "+numberOn(t, p))
	target := "/scan?scan=" + handleOf(t, p)
	foreign := v.do(http.MethodPost, target, values, http.Header{"Origin": {"https://attacker.example"},
		"Sec-Fetch-Site": {"cross-site"}})
	require.Equal(t, http.StatusForbidden, foreign.status)
	require.Equal(t, http.StatusBadRequest, stranger.do(http.MethodPost, target, values, nil).status, "no cookie")
	stranger.signIn("bob", "shop")
	require.Contains(t, stranger.do(http.MethodPost, target, values, nil).body, "页面已过期",
		"the page was shown for another user")
	require.Contains(t, s.again(p).body, `class="qr"`)
	require.Empty(t, w.events(identity.EventScanApproved))
	require.Contains(t, v.do(http.MethodPost, target, values, nil).body, "屏幕上已登录")
	require.Len(t, w.events(identity.EventScanApproved), 1)
}

// TestAScreenThatWasSignedInByAScanApprovesNone: one approval must not lead to others.
func TestAScreenThatWasSignedInByAScanApprovesNone(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	first, second := w.screen(), w.screen()
	first.code(first.goOn(first.approved(w.phone("ada"), "shop")), "shop")
	p := second.show("shop")
	ask := first.follow(first.open("/scan/" + handleOf(t, p)))
	refused := first.submit(ask, "decision", "allow "+numberOn(t, p))
	require.Equal(t, http.StatusForbidden, refused.status)
	require.Contains(t, second.again(p).body, `class="qr"`)
}

// TestAScreenThatWasSignedInByAScanApprovesNoDevice: the session of a device outlives that of the browser, so that an
// attacker who was let in once would stay.
func TestAScreenThatWasSignedInByAScanApprovesNoDevice(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	require.NoError(t, w.database.Clients().Create(t.Context(), identity.Client{ID: "box", Name: "The box",
		Confidential: true, SecretHash: identity.HashSecret(testSecret), FirstParty: true,
		Grants: []string{oauth.GrantDeviceCode, oauth.GrantRefreshToken},
		Scopes: []string{"openid", "offline_access"}}))
	s := w.screen()
	s.code(s.goOn(s.approved(w.phone("ada"), "shop")), "shop")
	d := devices(w).device("box", "scope", "openid offline_access")
	p := s.follow(s.open(d.complete()))
	require.Contains(t, s.submit(p, "decision", "allow").body, "signed in here by a scan")
	d.requirePoll("authorization_pending")
	s.submit(p, "decision", "deny")
	d.requirePoll("access_denied")
}

// TestApprovalsOfABrowserEndWithItsSession: a sign-out on the phone before the screen goes on.
func TestApprovalsOfABrowserEndWithItsSession(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, v := w.screen(), w.visitor()
	p := s.show("shop")
	require.Contains(t, v.submit(v.approveScan(handleOf(t, p), "alice"), "decision", "allow "+numberOn(t, p)).body,
		"屏幕上已登录")
	confirm := s.again(p)
	v.submit(v.open("/sign-out"))
	require.Contains(t, s.submit(confirm).body, "二维码已过期")
}

// TestWaitingForAScan: the answer comes when the phone has scanned, and not before.
func TestWaitingForAScan(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s, ada := w.screen(), w.phone("ada")
	p := s.show("shop")
	answered := make(chan page, 1)
	go func() { answered <- s.wait(p) }()
	require.Never(t, func() bool { return len(answered) > 0 }, time.Second, 10*time.Millisecond)
	require.Equal(t, http.StatusOK, ada.look(handleOf(t, p)).status)
	require.Equal(t, http.StatusOK, (<-answered).status)
}

// TestBadRequestsOfAScreen change nothing, and a page that carries on nothing is none.
func TestBadRequestsOfAScreen(t *testing.T) {
	t.Parallel()
	w := newScans(t)
	s := w.screen()
	p := s.show("shop")
	handle := handleOf(t, p)
	for target, status := range map[string]int{
		"/sign-in/scan": http.StatusNotFound, "/sign-in/scan?to=device&user_code=BCDF-GHJK": http.StatusBadRequest,
		"/sign-in/scan?to=scan&scan=" + handle:                            http.StatusNotFound,
		"/sign-in/scan/wait":                                              http.StatusOK,
		"/sign-in/scan/wait?screen=" + handle[1:]:                         http.StatusOK,
		"/sign-in/scan/wait?known=approved&screen=" + handle:              http.StatusOK,
		onPage("sign-in/scan", w.request("shop")) + "&screen=x":           http.StatusOK,
		onPage("sign-in/scan", w.request("nobody")):                       http.StatusUnauthorized,
		onPage("sign-in/scan", w.request("shop")) + "&screen_round=99999": http.StatusSeeOther,
	} {
		require.Equal(t, status, s.open(target).status, target)
	}
	foreign := s.do(http.MethodPost, p.at, url.Values{}, http.Header{"Sec-Fetch-Site": {"cross-site"},
		"Origin": {"https://attacker.example"}})
	require.Equal(t, http.StatusForbidden, foreign.status)
	early := s.do(http.MethodPost, p.at, url.Values{}, nil)
	require.Contains(t, early.body, "二维码已过期", "it was not approved")
	require.Contains(t, s.again(p).body, `class="qr"`)
}

// TestSignInsByScansAreCounted as all others of a user at a client. A form that is posted twice counts once.
func TestSignInsByScansAreCounted(t *testing.T) {
	t.Parallel()
	w := newScans(t, limited(limits.SignIns, 2))
	ada := w.phone("ada")
	first, second, third, other := w.screen(), w.screen(), w.screen(), w.screen()
	confirm := first.approved(ada, "shop")
	var both, posts sync.WaitGroup
	both.Add(2)
	w.volatile.before = func(method string) { // neither is counted before the other has come as far
		if method == "AllowAll" {
			both.Done()
			both.Wait()
		}
	}
	for range 2 {
		posts.Go(func() { first.submit(confirm) })
	}
	posts.Wait()
	w.volatile.before = nil
	second.code(second.goOn(second.approved(ada, "shop")), "shop")
	refused := third.submit(third.approved(ada, "shop"))
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	other.code(other.goOn(other.approved(ada, "spa")), "spa")
}

// TestScansWriteNothing to the database before somebody decides.
func TestScansWriteNothing(t *testing.T) {
	w := newScans(t)
	s, ada := w.screen(), w.phone("ada")
	writes := w.writes()
	before := writes()
	p := s.show("shop")
	require.Equal(t, http.StatusOK, ada.look(handleOf(t, p)).status)
	s.wait(p)
	s.again(p)
	require.Equal(t, before, writes())
}
