package conformance_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// rpInitiatedLogout are the modules of the RP-Initiated Logout profile.
var rpInitiatedLogout = []module{
	{"oidcc-rp-initiated-logout-discovery-endpoint-verification", logoutDiscovery},
	{"oidcc-rp-initiated-logout", returns(rand.Text() + strings.Repeat("0123456789abcdef", 6))},
	{"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", refusesReturn("/elsewhere")},
	{"oidcc-rp-initiated-logout-modified-id-token-hint", refusesHint(withoutSignature)},
	{"oidcc-rp-initiated-logout-no-id-token-hint", refusesHint(nil)},
	{"oidcc-rp-initiated-logout-no-params", signsOut()},
	{"oidcc-rp-initiated-logout-no-post-logout-redirect-uri", signsOut("id_token_hint", "state")},
	{"oidcc-rp-initiated-logout-no-state", returns("")},
	{"oidcc-rp-initiated-logout-only-state", signsOut("state")},
	{"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", refusesReturn("/signed-out?foo=bar")},
	{"oidcc-rp-initiated-logout-bad-id-token-hint", refusesHint(byAnotherKey)},
}

// backchannelLogout are the modules of the Back-Channel Logout profile.
var backchannelLogout = []module{
	{"oidcc-backchannel-logout-discovery-endpoint-verification", backchannelDiscovery},
	{"oidcc-backchannel-rp-initiated-logout", backchannel},
}

func logoutDiscovery(r *run) {
	requireHTTPS(r)
	require.NotEmpty(r.t, r.s.endpoint("end_session_endpoint"))
}

func backchannelDiscovery(r *run) {
	logoutDiscovery(r)
	require.Equal(r.t, true, r.s.metadata["backchannel_logout_supported"])
	require.Equal(r.t, true, r.s.metadata["backchannel_logout_session_supported"])
}

// endSession sends the browser to the logout endpoint.
func (r *run) endSession(parameters url.Values) landing {
	r.t.Helper()
	return r.browser.open(r.s.endpoint("end_session_endpoint") + "?" + parameters.Encode())
}

// logoutOf returns the whole logout request of somebody who has signed in.
func (r *run) logoutOf(user signedIn) url.Values {
	return url.Values{"id_token_hint": {user.id.token}, "post_logout_redirect_uri": {r.s.signedOut()},
		"state": {rand.Text()}}
}

// returns returns a module that signs out with a state, or without one if it is empty.
func returns(state string) func(*run) {
	return func(r *run) { r.signOutAndReturn(r.signIn(), state) }
}

func (r *run) signOutAndReturn(user signedIn, state string) {
	r.t.Helper()
	request, want := r.logoutOf(user), url.Values{}
	request.Del("state")
	if state != "" {
		request.Set("state", state)
		want.Set("state", state)
	}
	at := r.endSession(request)
	require.True(r.t, at.atParty(), "the browser stopped at %s", at.url)
	require.Equal(r.t, r.s.signedOut(), at.url.Scheme+"://"+at.url.Host+at.url.Path)
	require.Equal(r.t, want, at.url.Query())
	r.requireSignedOut()
}

// requireSignedOut checks that nobody is signed in in the browser.
func (r *run) requireSignedOut() {
	r.t.Helper()
	request := r.request("prompt", "none")
	require.Contains(r.t, needsUser, r.refused(request, r.send(request)))
}

// refusesReturn returns a module that names an address at the relying party that is not registered.
func refusesReturn(path string) func(*run) {
	return func(r *run) {
		request := r.logoutOf(r.signIn())
		request.Set("post_logout_redirect_uri", r.s.party+path)
		r.requireErrorPage(r.endSession(request))
	}
}

// refusesHint returns a module that sends another hint, or none.
func refusesHint(change func(r *run, of signedIn) string) func(*run) {
	return func(r *run) {
		user := r.signIn()
		request := r.logoutOf(user)
		request.Del("id_token_hint")
		if change != nil {
			request.Set("id_token_hint", change(r, user))
		}
		r.requireErrorPage(r.endSession(request))
	}
}

func (r *run) requireErrorPage(at landing) {
	r.t.Helper()
	require.False(r.t, at.atParty())
	require.Equal(r.t, http.StatusBadRequest, at.status)
	r.screenshot(reasonErrorPage)
}

// withoutSignature returns the ID token with the algorithm none.
func withoutSignature(r *run, of signedIn) string {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(of.id.token, ".")[1])
	require.NoError(r.t, err)
	return unsigned(payload)
}

// byAnotherKey returns an ID token that the client has issued itself.
func byAnotherKey(r *run, _ signedIn) string {
	payload, err := json.Marshal(map[string]any{"iss": r.client.id, "aud": r.s.issuer, "sub": "somebody",
		"nonce": "flibble", "iat": time.Now().Unix(), "exp": time.Now().Add(skew).Unix()})
	require.NoError(r.t, err)
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256"}`)) + "." + encode(payload)
	mac := hmac.New(sha256.New, []byte(r.client.secret))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// signsOut returns a module with these parameters of a logout request only, which ends at a page.
func signsOut(parameters ...string) func(*run) {
	return func(r *run) {
		whole, sent := r.logoutOf(r.signIn()), url.Values{}
		for _, name := range parameters {
			sent[name] = whole[name]
		}
		at := r.endSession(sent)
		require.False(r.t, at.atParty())
		require.Equal(r.t, http.StatusOK, at.status)
		r.requireSignedOut()
		r.screenshot(reasonSignedOut)
	}
}

// backchannel signs out at one client, which is told by a logout token.
func backchannel(r *run) {
	r.client = r.s.notified
	user := r.signIn()
	r.signOutAndReturn(user, strings.Repeat("0123456789abcdef", 8))
	var notice *http.Request
	select {
	case notice = <-r.s.notices:
	case <-time.After(time.Minute):
		require.Fail(r.t, "there is no logout token")
	}
	require.Equal(r.t, http.MethodPost, notice.Method)
	require.Equal(r.t, "/logout", notice.URL.Path)
	require.Equal(r.t, "application/x-www-form-urlencoded", notice.Header.Get("Content-Type"))
	require.EqualValues(r.t, tls.VersionTLS13, notice.TLS.Version)
	require.Len(r.t, notice.PostForm, 1)
	token := r.s.readIDToken(r.t, notice.PostForm.Get("logout_token"))
	require.Equal(r.t, r.s.issuer, token.text("iss"))
	require.Equal(r.t, r.client.id, token.text("aud"))
	require.WithinDuration(r.t, time.Now(), time.Unix(token.seconds("iat"), 0), skew)
	require.NotEmpty(r.t, token.text("jti"))
	require.Equal(r.t, map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		token.claims["events"])
	require.Equal(r.t, user.id.text("sub"), token.text("sub"))
	require.NotEmpty(r.t, token.text("sid"))
	require.Equal(r.t, user.id.text("sid"), token.text("sid"))
	require.NotContains(r.t, token.claims, "nonce")
}
