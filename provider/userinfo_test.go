package provider_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func TestUserinfoByHeaderAndByForm(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.token(passwordForm("alice", testPassword).with("scope", "openid profile"))
	token, sub := a.text("access_token"), claimsOf(t, a.text("id_token"))["sub"]
	for name, got := range map[string]answer{
		"GET":                  w.get("/userinfo", bearer(token)),
		"POST":                 w.ask(http.MethodPost, "/userinfo", nil, bearer(token)),
		"POST with a form":     w.post("/userinfo", "access_token="+url.QueryEscape(token), nil),
		"any case of the name": w.get("/userinfo", http.Header{"Authorization": {"bEARER " + token}}),
		"an unknown parameter": w.get("/userinfo?schema=openid", bearer(token)),
	} {
		require.Equal(t, http.StatusOK, got.status, name)
		requireJSON(t, got)
		require.Equal(t, "no-store", got.header.Get("Cache-Control"))
		require.Equal(t, map[string]any{"sub": sub, "preferred_username": "alice"}, got.members, name)
	}
	only := w.signIn("alice", "scope", "openid")
	require.Equal(t, []string{"sub"}, names(w.userinfo(only.text("access_token")).members),
		"claims only for granted scopes")
}

// TestUserinfoWithoutToken gets a challenge without an error code (RFC 6750 §3.1).
func TestUserinfoWithoutToken(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, header := range []http.Header{
		{}, {"Authorization": {""}}, {"Authorization": {"Bearer"}}, {"Authorization": {"Bearer "}},
		{"Authorization": {basic("mini", "")}}, {"Cookie": {"access_token=x"}},
	} {
		a := w.get("/userinfo", header)
		requireError(t, a, http.StatusUnauthorized, "invalid_token")
		require.Equal(t, `Bearer realm="lingpai"`, a.header.Get("WWW-Authenticate"))
	}
}

// TestUserinfoWithTokensInTheWrongPlace (RFC 6750 §2): never in a URL, never in two places.
func TestUserinfoWithTokensInTheWrongPlace(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.signIn("alice", "scope", "openid").text("access_token")
	inForm := "access_token=" + token
	for name, a := range map[string]answer{
		"query":            w.get("/userinfo?"+inForm, nil),
		"query and header": w.get("/userinfo?"+inForm, bearer(token)),
		"query of a POST":  w.post("/userinfo?"+inForm, inForm, nil),
		"header and form":  w.post("/userinfo", inForm, bearer(token)),
		"form twice":       w.post("/userinfo", inForm+"&"+inForm, nil),
		"header twice":     w.get("/userinfo", http.Header{"Authorization": {"Bearer " + token, "Bearer " + token}}),
		"NUL in the form":  w.post("/userinfo", inForm+"%00", nil),
	} {
		require.Equal(t, http.StatusBadRequest, a.status, name)
		requireError(t, a, http.StatusBadRequest, "invalid_request")
	}
	requireError(t, w.post("/userinfo", `{"access_token":"`+token+`"}`,
		http.Header{"Content-Type": {"application/json"}}), http.StatusUnsupportedMediaType, "invalid_request")
	a := w.ask(http.MethodDelete, "/userinfo", nil, bearer(token))
	requireError(t, a, http.StatusMethodNotAllowed, "invalid_request")
	require.Equal(t, "GET, POST", a.header.Get("Allow"))
	require.NotContains(t, w.log.String(), token)
}

// TestForgedAccessTokens (RFC 8725 §2) all get the same answer.
func TestForgedAccessTokens(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.signIn("alice", "scope", "openid")
	want := w.userinfo("x")
	requireError(t, want, http.StatusUnauthorized, "invalid_token")
	for name, token := range w.forgeries(t, a) {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			got := w.userinfo(token)
			requireError(t, got, http.StatusUnauthorized, "invalid_token")
			require.Equal(t, withoutRequestID(want), withoutRequestID(got))
			require.Contains(t, got.header.Get("WWW-Authenticate"),
				`Bearer realm="lingpai", error="invalid_token", error_description="`)
			require.Less(t, time.Since(begun), 20*time.Second)
		})
	}
	require.Equal(t, http.StatusOK, w.userinfo(a.text("access_token")).status)
}

// TestTokensOfOurKeyThatAreNotForHere: a valid signature is not enough.
func TestTokensOfOurKeyThatAreNotForHere(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	good := claimsOf(t, w.signIn("alice", "client_id", "mini-orders", "scope", "openid").text("access_token"))
	other := claimsOf(t, w.signIn("bob", "scope", "openid").text("access_token"))
	now := w.clock.Now().Unix()
	for name, change := range map[string]map[string]any{
		"another path of the issuer": {"iss": w.issuer + "/tenant"},
		"issuer with a slash":        {"iss": w.issuer + "/"},
		"no issuer":                  {"iss": nil},
		"no session":                 {"sid": nil},
		"an empty session":           {"sid": ""},
		"a session that never was":   {"sid": "01900000-0000-7000-8000-000000000000"},
		"a session that is no UUID":  {"sid": "' OR 1=1"},
		"a session with NUL":         {"sid": "\x00"},
		"somebody else's session":    {"sid": other["sid"]},
		"somebody else's subject":    {"sub": other["sub"]},
		"another client":             {"client_id": "mini-2"},
		"expired a second ago":       {"exp": now - 1},
		"no expiry":                  {"exp": nil},
		"expiry a text":              {"exp": "9999999999"},
		"expiry a fraction":          {"exp": 1e300},
		"expiry below zero":          {"exp": -1},
	} {
		t.Run(name, func(t *testing.T) {
			claims := maps.Clone(good)
			maps.Copy(claims, change)
			payload, err := json.Marshal(claims)
			require.NoError(t, err)
			token, err := w.keys.Sign("at+jwt", payload)
			require.NoError(t, err)
			requireError(t, w.userinfo(string(token)), http.StatusUnauthorized, "invalid_token")
			requireError(t, w.verify(string(token), ""), http.StatusUnauthorized, "invalid_token")
			requireInactive(t, w.introspect(string(token)), name)
		})
	}
	payload, err := json.Marshal(good)
	require.NoError(t, err)
	for _, typ := range []string{"JWT", "at+jwt+x", "logout+jwt", ""} {
		token, err := w.keys.Sign(typ, payload)
		require.NoError(t, err)
		requireError(t, w.userinfo(string(token)), http.StatusUnauthorized, "invalid_token")
	}
	for _, payload := range []string{"[]", "null", `"x"`, "{}", ""} {
		if token, err := w.keys.Sign("at+jwt", []byte(payload)); err == nil {
			requireError(t, w.userinfo(string(token)), http.StatusUnauthorized, "invalid_token")
		}
	}
}

// TestAccessTokensEnd when they expire, and immediately with their session.
func TestAccessTokensEnd(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.signIn("alice", "scope", "openid").text("access_token")
	w.clock.Move(time.Hour - 3*time.Second)
	require.Equal(t, http.StatusOK, w.userinfo(token).status)
	w.clock.Move(4 * time.Second)
	requireError(t, w.userinfo(token), http.StatusUnauthorized, "invalid_token")
}

// TestScopeOfAccessTokens: userinfo needs openid (RFC 6750 §3.1).
func TestScopeOfAccessTokens(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.userinfo(w.signIn("alice", "scope", "api profile").text("access_token"))
	requireError(t, a, http.StatusForbidden, "insufficient_scope")
	require.Contains(t, a.header.Get("WWW-Authenticate"), `error="insufficient_scope"`)
	require.Contains(t, a.header.Get("WWW-Authenticate"), `scope="openid"`)
}
