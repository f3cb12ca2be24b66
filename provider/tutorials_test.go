package provider_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

// answering signs in a user with a given openid and session key; pairs change the form.
func (w tokenCalls) answering(openID, sessionKey string, pairs ...string) answer {
	w.t.Helper()
	require.NoError(w.t, w.simulator.Fail(wechattest.Fault{Text: fmt.Sprintf(`{"openid":%q,"session_key":%q}`,
		openID, sessionKey)}))
	return w.signIn("somebody", pairs...)
}

// TestOpenidsThatBeginAlikeAreUsersOfTheirOwn: openids of an app share their first characters, so no name is derived
// from those.
func TestOpenidsThatBeginAlikeAreUsersOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	const key = "MDEyMzQ1Njc4OWFiY2RlZg=="
	subs := map[string]string{}
	for n := range 10 {
		openID := fmt.Sprintf("oShop4567890123456789-%d", n)
		a := w.answering(openID, key, "scope", "openid profile")
		require.NotContains(t, claimsOf(t, a.text("id_token")), "preferred_username", "the user chose none")
		require.NotContains(t, w.subOf(a.text("access_token")), openID[:8])
		subs[w.subOf(a.text("access_token"))] = openID
	}
	require.Len(t, subs, 10)
	for sub, openID := range subs {
		require.Equal(t, sub, w.subOf(w.answering(openID, key).text("access_token")))
	}
}

// TestTokensAreNoFunctionOfWhatWeChatSays: knowing an openid and a session key does not help to compute a token of
// that sign-in.
func TestTokensAreNoFunctionOfWhatWeChatSays(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	const openID, key = "oShop4567890123456789-1", "MDEyMzQ1Njc4OWFiY2RlZg=="
	first, second := w.answering(openID, key), w.answering(openID, key)
	require.Equal(t, w.subOf(first.text("access_token")), w.subOf(second.text("access_token")))
	for _, name := range []string{"access_token", "refresh_token"} {
		require.NotEqual(t, first.text(name), second.text(name))
	}
	for _, name := range []string{"jti", "sid"} {
		require.NotEqual(t, claimsOf(t, first.text("access_token"))[name],
			claimsOf(t, second.text("access_token"))[name])
	}
}

// TestDevicesOfAUserKeepTheirOwnSessions: signing in and refreshing on a second device does not affect the first.
func TestDevicesOfAUserKeepTheirOwnSessions(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	phone, tablet := w.signIn("alice", "scope", "openid"), w.signIn("alice", "scope", "openid")
	require.Equal(t, w.subOf(phone.text("access_token")), w.subOf(tablet.text("access_token")))
	for range 5 {
		w.clock.Move(time.Minute)
		phone = w.token(refreshForm(phone.text("refresh_token")))
		requireTokens(t, phone)
		tablet = w.token(refreshForm(tablet.text("refresh_token")))
		requireTokens(t, tablet)
	}
	requireRevoked(t, w.revoke(tablet.text("refresh_token")))
	require.Equal(t, http.StatusOK, w.userinfo(phone.text("access_token")).status)
	requireTokens(t, w.token(refreshForm(phone.text("refresh_token"))))
}

// TestASignInWritesNothingToItsUser, so concurrent ones cannot overwrite each other.
func TestASignInWritesNothingToItsUser(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	before, err := w.database.Users().FindByUsername(t.Context(), "alice")
	require.NoError(t, err)
	w.clock.Move(time.Hour)
	for range 2 {
		a := w.token(passwordForm("alice", testPassword))
		requireTokens(t, a)
		require.Equal(t, before.ID, w.subOf(a.text("access_token")))
	}
	after, err := w.database.Users().FindByUsername(t.Context(), "alice")
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// TestNoPathSkipsTheGuard: an endpoint is found by its whole path, so a part of a public path gives no access to
// another endpoint.
func TestNoPathSkipsTheGuard(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, guarded := range []string{"/userinfo", "/verify", "/introspect", "/wechat/app_token", decryptPath,
		verifyPath, checkPath, resetPath} {
		for _, open := range []string{"/token", "/healthz", "/.well-known/jwks.json", "/user/login"} {
			for _, path := range []string{
				guarded, guarded + open, open + guarded, guarded + "?next=" + open, guarded + ";" + open,
				guarded + "%3f" + open, guarded + "%2f.." + open,
				guarded + "/.." + open, open + "/.." + guarded, open + "%2f.." + guarded, "/" + guarded,
				"/." + guarded, guarded + "/", strings.ToUpper(guarded),
			} {
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					a := w.ask(method, path, nil, http.Header{"X-Original-Url": {open}, "X-Rewrite-Url": {open},
						"X-Forwarded-Uri": {open}})
					require.GreaterOrEqual(t, a.status, 300, "%s %s: %s", method, path, a.body)
					require.Empty(t, a.header.Get("X-Auth-Subject"))
				}
			}
		}
	}
}
