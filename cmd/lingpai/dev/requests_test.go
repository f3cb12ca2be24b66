package dev

import (
	"bytes"
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
	l := newRequestLog(handler, &b, colors)
	now := time.Date(2026, 11, 29, 10, 4, 5, 0, time.UTC)
	l.now = func() time.Time {
		now = now.Add(12 * time.Millisecond)
		return now
	}
	l.start()
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

func TestAHandlerThatPanicsIsLogged(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	aborts := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	l := newRequestLog(http.HandlerFunc(aborts), &b, false)
	l.start()
	require.Panics(t, func() {
		l.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", http.NoBody))
	})
	require.Contains(t, b.String(), " GET /x 500 ")
}

func TestNothingIsLoggedBeforeTheStart(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := newRequestLog(answering(200), &b, false)
	l.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", http.NoBody))
	require.Empty(t, b.String())
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
	}), io.Discard, false)
	l.start()
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
