package dev

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestShownCodes: those of the last two minutes are known, at most 5, the newest first.
func TestShownCodes(t *testing.T) {
	t.Parallel()
	var to string
	codes := newShownCodes("http://127.0.0.1:1/id", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to != "" {
			http.Redirect(w, r, to, http.StatusSeeOther)
		}
	}))
	now := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	codes.now = func() time.Time { return now }
	lead := func(from, target string) {
		to = target
		codes.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, from, http.NoBody))
	}
	const page = "/id/sign-in/scan"
	handle := func(n int) string { return strings.Repeat("-", 31) + strconv.Itoa(n) }
	for _, other := range []struct{ from, to string }{
		{page, ""}, {page, "/id/authorize?screen=" + handle(1)}, {page, page}, {page, page + "?screen=short"},
		{page, page + "?screen=" + strings.Repeat("<", 32)}, {"/id/authorize", page + "?screen=" + handle(1)},
		{page, page + "?screen=" + handle(12)},
	} {
		lead(other.from, other.to)
		require.Empty(t, codes.newest(), other)
	}
	for n := range 7 {
		now = now.Add(time.Second)
		lead(page+"?x=1", page+"?x=1&screen="+handle(n))
	}
	newest := codes.newest()
	require.Len(t, newest, maxShown)
	require.Equal(t, "http://127.0.0.1:1/id/scan/"+handle(6), newest[0].Text)
	require.Equal(t, now, newest[0].At)
	now = now.Add(2*time.Minute - time.Second)
	require.Len(t, codes.newest(), 1)
	now = now.Add(time.Second)
	require.Empty(t, codes.newest())
}
