package dev

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// logged returns the lines that a log writes of one request.
func logged(t *testing.T, colors palette, handler http.HandlerFunc, method, target, body string) string {
	t.Helper()
	var b bytes.Buffer
	l := newRequestLog(handler)
	now := time.Date(2026, 11, 29, 10, 4, 5, 0, time.UTC)
	l.now = func() time.Time {
		now = now.Add(12 * time.Millisecond)
		return now
	}
	l.start(&b, colors)
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	l.ServeHTTP(httptest.NewRecorder(), r)
	return b.String()
}

func answering(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if status != http.StatusOK {
			w.WriteHeader(status)
		}
	}
}

func TestEachRequestIsALine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status             int
		method, path, body string
		want               string
	}{
		{200, "POST", "/token", "grant_type=wechat_code&code=SECRET", "10:04:05 POST /token wechat_code 200 12 ms\n"},
		{401, "POST", "/token", "client_secret=SECRET&grant_type=password",
			"10:04:05 POST /token password 401 12 ms\n"},
		{400, "POST", "/token", "grant_type=SECRET", "10:04:05 POST /token (unknown grant) 400 12 ms\n"},
		{200, "GET", "/userinfo?access_token=SECRET", "", "10:04:05 GET /userinfo 200 12 ms\n"},
		{404, "GET", "/a%1b[2Jb", "", "10:04:05 GET /a%1b[2Jb 404 12 ms\n"},
		{503, "POST", "/revoke", "token=SECRET", "10:04:05 POST /revoke 503 12 ms\n"},
	} {
		require.Equal(t, c.want, logged(t, false, answering(c.status), c.method, c.path, c.body))
	}
	long := logged(t, false, answering(200), "GET", "/"+strings.Repeat("a", 1000), "")
	require.Less(t, len(long), 300)
	padded := "code=" + strings.Repeat("x", maxForm) + "&grant_type=password"
	require.NotContains(t, logged(t, false, answering(200), "POST", "/token", padded), "password")
}

// TestTheLastRequestsAreKept, with the client that a request names and the error code of its answer, if it is one.
func TestTheLastRequestsAreKept(t *testing.T) {
	t.Parallel()
	answer := func(status int, location, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			w.Header().Set("Location", location)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		handler            http.HandlerFunc
		target, body, user string
		client, code       string
	}{
		{answer(400, "", `{"error":"invalid_grant"}`), "/token", "client_id=a", "", "a", "invalid_grant"},
		{answer(401, "", `{"error":"SECRET"}`), "/token", "", "a%3Ab", "a:b", ""},
		{answer(200, "", `{"error":"invalid_grant"}`), "/token?client_id=c", "", "", "c", ""},
		{answer(303, "http://x/?error=access_denied&state=SECRET", ""), "/authorize", "", "", "", "access_denied"},
		{answer(303, "http://x/?error=SECRET", ""), "/authorize", "", "%%", "", ""},
		{answer(404, "%", "<html>"), "/x", "", "", "", ""},
		{answer(500, "", `{"a":"`+strings.Repeat("x", maxAnswer)+`","error":"server_error"}`), "/x", "", "", "", ""},
	} {
		l := newRequestLog(c.handler)
		l.start(io.Discard, false)
		r := httptest.NewRequest(http.MethodPost, c.target, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.user != "" {
			r.SetBasicAuth(c.user, "SECRET")
		}
		l.ServeHTTP(httptest.NewRecorder(), r)
		kept := l.newest()
		require.Len(t, kept, 1)
		require.Equal(t, c.client, kept[0].Client)
		require.Equal(t, c.code, kept[0].Error)
		require.NotContains(t, fmt.Sprint(kept), "SECRET")
	}
	l := newRequestLog(answering(200))
	l.start(io.Discard, false)
	for n := range maxRequests + 1 {
		l.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, fmt.Sprintf("/%d", n), http.NoBody))
	}
	kept := l.newest()
	require.Len(t, kept, maxRequests)
	require.Equal(t, fmt.Sprintf("/%d", maxRequests), kept[0].Path)
	require.Equal(t, "/1", kept[maxRequests-1].Path)
}

func TestAHandlerThatPanicsIsLogged(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	aborts := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	l := newRequestLog(http.HandlerFunc(aborts))
	l.start(&b, false)
	require.Panics(t, func() {
		l.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", http.NoBody))
	})
	require.Contains(t, b.String(), " GET /x 500 ")
}

func TestNothingIsLoggedBeforeTheStart(t *testing.T) {
	t.Parallel()
	l := newRequestLog(answering(200))
	l.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", http.NoBody))
	require.Empty(t, l.newest())
}

func TestTheLogLeavesRequestsAndResponsesAsTheyAre(t *testing.T) {
	t.Parallel()
	l := newRequestLog(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = http.NewResponseController(w).Flush()
		}
		if err != nil {
			panic(err)
		}
		_, _ = w.Write(body)
	}))
	l.start(io.Discard, false)
	server := httptest.NewServer(l)
	defer server.Close()
	sent := strings.Repeat("x", 2*maxForm)
	response, err := http.Post(server.URL, "application/x-www-form-urlencoded", strings.NewReader(sent))
	require.NoError(t, err)
	defer response.Body.Close()
	echoed, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.True(t, sent == string(echoed))
}

func TestStatusesHaveColors(t *testing.T) {
	t.Parallel()
	for status, color := range map[int]string{200: "32", 304: "32", 404: "33", 500: "31"} {
		require.Contains(t, logged(t, true, answering(status), "GET", "/x", ""), "\x1b["+color+"m")
	}
	require.NotContains(t, logged(t, false, answering(500), "GET", "/x", ""), "\x1b")
}
