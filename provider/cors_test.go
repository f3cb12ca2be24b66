package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func preflight(origin, method, headers string) http.Header {
	return http.Header{"Origin": {origin}, "Access-Control-Request-Method": {method},
		"Access-Control-Request-Headers": {headers}}
}

// foreignOrigins are origins that no client registered, although some look like one.
func foreignOrigins() []string {
	return []string{
		"https://evil.example.com", "null", "", "*", "http://h5.example.com", "https://h5.example.com.evil.example",
		"https://evilh5.example.com",
		"https://h5.example.com:8443", "https://H5.example.com", "https://h5.example.com/",
		"https://h5.example.com\x00", "https://disabled.example.com", "file://",
	}
}

// TestScriptsOfRegisteredOriginsMayCall the endpoints of clients, and read errors.
func TestScriptsOfRegisteredOriginsMayCall(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, path := range []string{"/token", "/userinfo", "/revoke"} {
		a := w.ask(http.MethodOptions, path, nil, preflight(testOrigin, http.MethodPost,
			"authorization,content-type,idempotency-key,traceparent,x-requested-with"))
		require.Less(t, a.status, 300)
		require.Equal(t, testOrigin, a.header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, http.MethodPost, a.header.Get("Access-Control-Allow-Methods"))
		require.Equal(t, "authorization,content-type,idempotency-key,traceparent,x-requested-with",
			a.header.Get("Access-Control-Allow-Headers"), "libraries for tracing add their own")
		require.Empty(t, a.header.Get("Access-Control-Allow-Credentials"))
		require.Contains(t, strings.Join(a.header.Values("Vary"), ","), "Origin")
	}
	a := w.signIn("alice", "client_id", "web", ":Origin", testOrigin)
	revoked := w.revoke(a.text("refresh_token"), "client_id", "web", ":Origin", testOrigin)
	require.Equal(t, http.StatusOK, revoked.status)
	require.Equal(t, testOrigin, revoked.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, testOrigin, a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	refused := w.token(w.wechatCode("alice").with("client_id", "nobody", ":Origin", testOrigin))
	requireError(t, refused, http.StatusUnauthorized, "invalid_client")
	require.Equal(t, testOrigin, refused.header.Get("Access-Control-Allow-Origin"), "the script can read it")
	exposed := strings.ToLower(refused.header.Get("Access-Control-Expose-Headers"))
	for _, name := range []string{"retry-after", "www-authenticate", "x-request-id"} {
		require.Contains(t, exposed, name)
	}
}

// TestScriptsReadThatTheirRequestIsWrong: a path without an endpoint and a method that an endpoint does not support.
func TestScriptsReadThatTheirRequestIsWrong(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{http.MethodPost, "/nowhere", http.StatusNotFound, "not_found"},
		{http.MethodGet, "//token", http.StatusNotFound, "not_found"},
		{http.MethodPut, "/nowhere", http.StatusNotFound, "not_found"},
		{http.MethodGet, "/token", http.StatusMethodNotAllowed, "invalid_request"},
		{http.MethodPatch, "/token", http.StatusMethodNotAllowed, "invalid_request"},
		{http.MethodHead, "/revoke", http.StatusMethodNotAllowed, ""},
		{http.MethodDelete, "/account/v1/profile", http.StatusMethodNotAllowed, "invalid_request"},
	} {
		for origin, allowed := range map[string]bool{testOrigin: true, "https://evil.example.com": false} {
			asked := w.ask(http.MethodOptions, c.path, nil, preflight(origin, c.method, "content-type"))
			a := w.ask(c.method, c.path, nil, http.Header{"Origin": {origin}})
			for _, header := range []http.Header{asked.header, a.header} {
				if allowed {
					require.Equal(t, origin, header.Get("Access-Control-Allow-Origin"), "%s %s", c.method, c.path)
				} else {
					require.Empty(t, header.Get("Access-Control-Allow-Origin"), "%s %s", c.method, c.path)
				}
			}
		}
		a := w.ask(c.method, c.path, nil, http.Header{"Origin": {testOrigin}})
		require.Equal(t, c.status, a.status, "%s %s", c.method, c.path)
		require.NotEmpty(t, a.header.Get("Access-Control-Allow-Origin"))
		if c.code != "" {
			requireError(t, a, c.status, c.code)
		}
	}
}

func TestScriptsOfOtherOriginsMayNot(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, origin := range foreignOrigins() {
		if strings.Contains(origin, "\x00") {
			continue // no such header can be sent
		}
		for _, path := range []string{"/token", "/userinfo", "/revoke"} {
			a := w.ask(http.MethodOptions, path, nil, preflight(origin, http.MethodPost, "content-type"))
			require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), "%q at %s", origin, path)
			require.Empty(t, a.header.Get("Access-Control-Allow-Credentials"))
		}
		a := w.token(w.wechatCode("alice").with(":Origin", origin))
		require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), origin)
		if origin != "" { // no browser sends an empty one
			requireError(t, a, http.StatusBadRequest, "invalid_request")
		}
	}
}

// TestDevToolsMaySendAnOrigin: mini-programs in it are pages of servicewechat.com or of loopback, not of a stranger.
func TestDevToolsMaySendAnOrigin(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, origin := range []string{"https://servicewechat.com", "http://127.0.0.1:41539", "http://localhost:8080",
		"http://[::1]:1"} {
		w.signIn("alice", ":Origin", origin)
	}
	for _, origin := range []string{"https://servicewechat.com.evil.example", "http://servicewechat.com",
		"http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://10.0.0.1", "127.0.0.1"} {
		a := w.token(w.wechatCode("alice").with(":Origin", origin))
		requireError(t, a, http.StatusBadRequest, "invalid_request")
	}
}

// TestDocumentsMayBeReadByAnyScript, as well as that they can only be read.
func TestDocumentsMayBeReadByAnyScript(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, path := range documentPaths() {
		a := w.get(path, http.Header{"Origin": {"https://evil.example.com"}})
		require.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"), path)
		require.Empty(t, a.header.Get("Access-Control-Allow-Credentials"))
		a = w.ask(http.MethodOptions, path, nil, preflight("https://evil.example.com", http.MethodGet, "if-none-match"))
		require.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"), path)
		a = w.ask(http.MethodPut, path, nil, http.Header{"Origin": {"https://evil.example.com"}})
		require.Equal(t, http.StatusMethodNotAllowed, a.status)
		require.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"), path)
	}
	for _, path := range []string{"/healthz", "/readyz", "/introspect", forTestAudience} {
		require.Empty(t, w.ask(http.MethodOptions, path, nil, preflight(testOrigin, http.MethodPost,
			"authorization")).header.Get("Access-Control-Allow-Origin"), path)
		require.Empty(t, w.get(path, http.Header{"Origin": {testOrigin}}).header.Get("Access-Control-Allow-Origin"),
			path)
	}
}

// TestScriptsReadThatTheDatabaseIsDown, and when to try again: their origins are cached.
func TestScriptsReadThatTheDatabaseIsDown(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	refresh := w.signIn("alice").text("refresh_token")
	require.Equal(t, testOrigin, w.ask(http.MethodOptions, "/token", nil, preflight(testOrigin, http.MethodPost,
		"")).header.Get("Access-Control-Allow-Origin"))
	require.NoError(t, w.database.Close())
	a := w.token(refreshForm(refresh).with(":Origin", testOrigin))
	requireError(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
	require.Equal(t, testOrigin, a.header.Get("Access-Control-Allow-Origin"))
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Empty(t, w.token(refreshForm(refresh).with(":Origin", "https://evil.example.com")).header.Get(
		"Access-Control-Allow-Origin"))
}

// TestRequestsWithoutOriginNeedNoLookup: it would precede the limit on concurrent requests, and wait for a database
// that hangs.
func TestRequestsWithoutOriginNeedNoLookup(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	require.Equal(t, http.StatusOK, w.signIn("alice").status)
	require.NotContains(t, w.asked.String(), "all\n")
	w.token(refreshForm("x").with(":Origin", testOrigin))
	require.Equal(t, 1, strings.Count(w.asked.String(), "all\n"), "one look-up for an origin")
}
