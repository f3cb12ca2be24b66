package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// cookies returns the cookies of a browser, or sets them.
func (v visitor) cookies(set ...*http.Cookie) []*http.Cookie {
	v.t.Helper()
	origin, err := url.Parse(v.issuer)
	require.NoError(v.t, err)
	v.client.Jar.SetCookies(origin, set)
	return v.client.Jar.Cookies(origin)
}

// browsersOf returns where a user is signed in.
func (w *web) browsersOf(name string) []identity.BrowserSession {
	w.t.Helper()
	user, err := w.database.Users().FindByUsername(w.t.Context(), name)
	require.NoError(w.t, err)
	sessions, err := w.database.BrowserSessions().List(w.t.Context(), user.ID)
	require.NoError(w.t, err)
	return sessions
}

// TestSignInsInTwoTabsAtTheSameTime: both requests have the cookie from before, so the browser keeps one user only. The
// tab of the other gets no code for somebody else, and the session that nobody can use is over within the hour.
func TestSignInsInTwoTabsAtTheSameTime(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	one, two := v.follow(v.open(v.request("shop"))), v.follow(v.open(v.request("partner")))
	before := v.cookies()
	first := v.submit(one, "username", "alice", "password", testPassword)
	v.cookies(before...)
	second := v.submit(two, "username", "bob", "password", testPassword)

	asked := v.follow(first)
	require.Contains(t, asked.body, "<bdi>bob<")
	require.NotContains(t, asked.body, "alice")
	require.Contains(t, v.follow(second).body, `id="consent-allow"`)
	require.Len(t, w.browsersOf("alice"), 1)
	w.clock.Move(time.Hour)
	require.Empty(t, w.browsersOf("alice"))
	require.Len(t, w.browsersOf("bob"), 1, "the browser has come back with its cookie")

	another := v.open(strings.Replace(asked.at, "/choose-account", "/sign-in", 1) + "&another_account=1")
	v.code(v.enter(another, "alice"), "shop") // one more sign-in, and both are signed in
	w.clock.Move(24 * time.Hour)
	silent := v.open(v.request("shop", "prompt", "none"))
	require.Equal(t, "account_selection_required", v.answered(silent, "shop").Get("error"))
}

// TestASignInWhoseAnswerIsLost, or that is sent twice, leaves no session for days that no browser can use.
func TestASignInWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	v := w.visitor()
	form := v.follow(v.open(v.request("shop")))
	before := v.cookies()
	v.submit(form, "username", "alice", "password", testPassword)
	v.cookies(before...)
	v.code(v.enter(form, "alice"), "shop")
	require.Len(t, w.browsersOf("alice"), 2)
	w.clock.Move(time.Hour)
	require.Len(t, w.browsersOf("alice"), 1)
	v.requireSignedIn()
}
