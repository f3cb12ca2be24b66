package provider_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// revoke revokes a token; pairs change the form.
func (w tokenCalls) revoke(token string, pairs ...string) answer {
	body, header := form{"client_id": "mini", "token": token}.with(pairs...).encode()
	return w.post("/revoke", body, header)
}

// requireRevoked requires the answer of RFC 7009 §2.2, which is the same for all tokens.
func requireRevoked(t testing.TB, a answer) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Empty(t, a.body)
	require.Equal(t, "0", a.header.Get("Content-Length"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, []string{"Cache-Control", "Content-Length", "Date", "Vary", "X-Content-Type-Options",
		"X-Request-Id"}, headerNames(a))
}

// TestRevocationEndsTheSession, whichever of its tokens is revoked and whatever the hint says (RFC 7009 §2.1): its
// access tokens and refresh tokens become invalid together, and the user's other sessions stay active.
func TestRevocationEndsTheSession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token func(w *env, first, second answer) string
		pairs []string
	}{
		"refresh token": {func(_ *env, _,
			second answer) string {
			return second.text("refresh_token")
		}, nil},
		"refresh token, right hint": {func(_ *env, _,
			second answer) string {
			return second.text("refresh_token")
		}, []string{"token_type_hint", "refresh_token"}},
		"refresh token, wrong hint": {func(_ *env, _,
			second answer) string {
			return second.text("refresh_token")
		}, []string{"token_type_hint", "access_token"}},
		"access token": {func(_ *env, _,
			second answer) string {
			return second.text("access_token")
		}, nil},
		"access token, wrong hint": {func(_ *env, _,
			second answer) string {
			return second.text("access_token")
		}, []string{"token_type_hint", "refresh_token"}},
		"access token, odd hint": {func(_ *env, _,
			second answer) string {
			return second.text("access_token")
		}, []string{"token_type_hint", "pct' OR 1"}},
		"first access token": {func(_ *env, first, _ answer) string { return first.text("access_token") },
			nil},
		"retired refresh token": {func(_ *env, first, _ answer) string { return first.text("refresh_token") },
			nil},
		"long retired refresh token": {func(w *env, first, _ answer) string {
			w.clock.Move(time.Minute)
			return first.text("refresh_token")
		}, nil},
		"by a client that authenticates by Basic": {func(_ *env, first,
			_ answer) string {
			return first.text("access_token")
		}, []string{"client_id", "", ":Authorization", basic("mini", "")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			first := w.signIn("alice", "scope", "openid api")
			second := w.token(refreshForm(first.text("refresh_token")))
			other := w.signIn("alice", "scope", "openid api")
			requireRevoked(t, w.revoke(c.token(w, first, second), c.pairs...))
			require.Equal(t, []string{identity.EventSessionEnded + " " + identity.EndedByClient}, w.eventKinds(t),
				"this is not treated as theft")
			w.requireEnded(t, first, second)
			require.Equal(t, http.StatusOK, w.userinfo(other.text("access_token")).status)
			requireTokens(t, w.token(refreshForm(other.text("refresh_token"))))
		})
	}
}

// TestRevocationByConfidentialClients, by header and by form, as at the token endpoint.
func TestRevocationByConfidentialClients(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, pairs := range [][]string{
		{"client_id", "backend", "client_secret", testSecret},
		{"client_id", "", ":Authorization", basic("backend", testSecret)},
	} {
		refresh := w.token(passwordForm("alice", testPassword)).text("refresh_token")
		requireRevoked(t, w.revoke(refresh, pairs...))
		requireError(t, w.token(refreshForm(refresh).with("client_id", "backend", "client_secret", testSecret)),
			http.StatusBadRequest, "invalid_grant")
	}
}

// TestRevocationOfInvalidTokens succeeds (RFC 7009 §2.2), ends nothing, and uses no store.
func TestRevocationOfInvalidTokens(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.signIn("alice", "scope", "openid")
	refresh := a.text("refresh_token")
	bad := w.forgeries(t, a)
	delete(bad, "refresh token") // a valid one to revoke
	delete(bad, "tab in front")  // not allowed in a form
	bad["refresh token, cut"], bad["refresh token, longer"] = refresh[:len(refresh)-1], refresh+"A"
	bad["refresh token, other MAC"] = refresh[:len(refresh)-2] + strings.Map(func(r rune) rune { return r ^ 1 },
		refresh[len(refresh)-2:])
	bad["15 kB"] = "lp_rt_" + strings.Repeat("A", 15_000)
	w.touched.Reset()
	for _, token := range bad {
		requireRevoked(t, w.revoke(token))
	}
	require.Empty(t, w.touched.String())
	require.Empty(t, w.eventKinds(t))
	require.Equal(t, http.StatusOK, w.userinfo(a.text("access_token")).status)
	requireTokens(t, w.token(refreshForm(refresh)))
}

// TestRevocationOfWhatHasEnded succeeds as well, and adds no second audit event.
func TestRevocationOfWhatHasEnded(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.signIn("alice")
	for range 2 {
		requireRevoked(t, w.revoke(a.text("refresh_token")))
		requireRevoked(t, w.revoke(a.text("access_token")))
	}
	require.Len(t, w.eventKinds(t), 1)
	// shares the keys, so its MAC and signature are good and its session is unknown
	elsewhere := newEnv(t).signIn("alice")
	requireRevoked(t, w.revoke(elsewhere.text("refresh_token")))
	requireRevoked(t, w.revoke(elsewhere.text("access_token")))
	active := w.signIn("alice")
	w.clock.Move(8 * 24 * time.Hour)
	requireRevoked(t, w.revoke(active.text("refresh_token")))
}

// TestRevocationByAnExpiredAccessToken ends the session for a day. After that the token may come from somebody's log,
// so the client must authenticate.
func TestRevocationByAnExpiredAccessToken(t *testing.T) {
	t.Parallel()
	secret := []string{"client_id", "backend", "client_secret", testSecret}
	for name, c := range map[string]struct {
		age          time.Duration // of the token, which expires after an hour
		confidential bool
		ends         bool
	}{
		"just expired":               {time.Hour, false, true},
		"nearly a day":               {25*time.Hour - time.Minute, false, true},
		"a day":                      {25 * time.Hour, false, false},
		"a day, with authentication": {25 * time.Hour, true, true},
		"days, with authentication":  {72 * time.Hour, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			sign, own, foreign := func() answer { return w.signIn("alice") }, []string(nil), secret
			if c.confidential {
				sign = func() answer { return w.token(passwordForm("alice", testPassword)) }
				own, foreign = secret, []string{"client_id", "mini-2"}
			}
			a := sign()
			w.clock.Move(c.age)
			refused := w.revoke(a.text("access_token"), foreign...)
			if c.age < 25*time.Hour || !c.confidential {
				requireError(t, refused, http.StatusBadRequest, "invalid_grant")
			} else {
				requireRevoked(t, refused)
			}
			requireRevoked(t, w.revoke(a.text("access_token"), own...))
			refreshed := w.token(refreshForm(a.text("refresh_token")).with(own...))
			if c.ends {
				requireError(t, refreshed, http.StatusBadRequest, "invalid_grant")
			} else {
				requireTokens(t, refreshed)
			}
		})
	}
	w := newEnv(t)
	own := w.token(serviceForm()).text("access_token")
	w.clock.Move(2 * time.Hour)
	requireRevoked(t, w.revoke(own, "client_id", "service", "client_secret", testSecret))
}

// TestRevocationOfAnotherClientsToken is an error (RFC 7009 §2.1). It ends nothing, a retired token is not treated as
// theft, and the answer does not reveal whether the session is active.
func TestRevocationOfAnotherClientsToken(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	retired := w.signIn("alice", "scope", "openid")
	current := w.token(refreshForm(retired.text("refresh_token")))
	service := w.token(serviceForm()).text("access_token")
	ended := w.signIn("alice")
	requireRevoked(t, w.revoke(ended.text("refresh_token")))
	events := w.eventKinds(t)
	w.clock.Move(time.Minute)
	strangers := map[string][]string{
		"public":       {"client_id", "mini-2"},
		"confidential": {"client_id", "backend", "client_secret", testSecret},
	}
	want := w.revoke(current.text("refresh_token"), strangers["public"]...)
	for name, stranger := range strangers {
		for _, token := range []string{
			retired.text("refresh_token"), current.text("refresh_token"), retired.text("access_token"),
			current.text("access_token"),
			ended.text("refresh_token"), ended.text("access_token"), service,
		} {
			a := w.revoke(token, stranger...)
			requireError(t, a, http.StatusBadRequest, "invalid_grant")
			require.Equal(t, withoutRequestID(want), withoutRequestID(a), name)
		}
	}
	require.Equal(t, events, w.eventKinds(t))
	require.Equal(t, http.StatusOK, w.userinfo(current.text("access_token")).status)
	requireTokens(t, w.token(refreshForm(current.text("refresh_token"))))
}

// TestRevocationOfAClientsOwnToken: there is no session to end, so the answer must be an error (RFC 7009 §2.2.1).
func TestRevocationOfAClientsOwnToken(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.token(serviceForm()).text("access_token")
	a := w.revoke(token, "client_id", "service", "client_secret", testSecret)
	requireError(t, a, http.StatusBadRequest, "unsupported_token_type")
}

// TestRevocationAuthenticatesTheClientFirst: without authentication it reveals nothing about a token, and touches no
// session.
func TestRevocationAuthenticatesTheClientFirst(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	theirs := w.token(passwordForm("alice", testPassword)).text("refresh_token")
	w.touched.Reset()
	for name, pairs := range map[string][]string{
		"no client":                {"client_id", ""},
		"unknown":                  {"client_id", "nobody"},
		"disabled":                 {"client_id", "disabled"},
		"without its secret":       {"client_id", "backend"},
		"wrong secret":             {"client_id", "backend", "client_secret", "wrong"},
		"wrong secret by Basic":    {"client_id", "", ":Authorization", basic("backend", "wrong")},
		"public with a secret":     {"client_secret", testSecret},
		"the token as credentials": {"client_id", "", ":Authorization", "Bearer " + theirs},
	} {
		for _, token := range []string{theirs, "x", ""} {
			a := w.revoke(token, pairs...)
			requireError(t, a, http.StatusUnauthorized, "invalid_client")
			require.Equal(t, `Basic realm="lingpai"`, a.header.Get("WWW-Authenticate"), name)
		}
	}
	both := w.revoke(theirs, "client_id", "backend", "client_secret", testSecret, ":Authorization",
		basic("backend", testSecret))
	requireError(t, both, http.StatusBadRequest, "invalid_request")
	require.Empty(t, w.touched.String())
	requireTokens(t, w.token(refreshForm(theirs).with("client_id", "backend", "client_secret", testSecret)))
}

// TestRevocationByAClientThatIsDisabledSince: its tokens are invalid anyway.
func TestRevocationByAClientThatIsDisabledSince(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	refresh := w.signIn("alice").text("refresh_token")
	require.NoError(t, w.database.Clients().Disable(context.Background(), "mini"))
	requireError(t, w.revoke(refresh), http.StatusUnauthorized, "invalid_client")
}
