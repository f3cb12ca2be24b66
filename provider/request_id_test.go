package provider_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAllLogLinesOfARequestHaveItsID, also those of packages that know nothing of HTTP.
func TestAllLogLinesOfARequestHaveItsID(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	first := w.signIn("alice").text("refresh_token")
	second := w.token(refreshForm(first))
	requireTokens(t, second)
	requireTokens(t, w.token(refreshForm(second.text("refresh_token"))))
	w.clock.Move(time.Minute)
	theft := w.token(refreshForm(first))
	requireError(t, theft, http.StatusBadRequest, "invalid_grant")
	id := theft.header.Get("X-Request-Id")
	require.NotEmpty(t, id)
	lines := 0
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, `"request_id":"`+id+`"`) {
			lines++
		}
		if strings.Contains(line, "its session was ended") {
			require.Contains(t, line, id)
		}
	}
	require.Equal(t, 2, lines, "the theft by package grants, and the rejected request")
	require.NotEqual(t, id, w.token(refreshForm(first)).header.Get("X-Request-Id"))
}

// TestLogLinesOfRefusalsHaveTheAddress of the caller, also behind a proxy, and those of packages that know nothing of
// HTTP.
func TestLogLinesOfRefusalsHaveTheAddress(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) { s.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	first := w.signIn("alice").text("refresh_token")
	requireTokens(t, w.token(refreshForm(first)))
	w.clock.Move(time.Minute)
	body, header := refreshForm(first).encode()
	header.Set("X-Forwarded-For", "203.0.113.7")
	refused := w.post("/token", body, header)
	requireError(t, refused, http.StatusBadRequest, "invalid_grant")
	lines := 0
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, "its session was ended") || strings.Contains(line, "request refused") {
			require.Contains(t, line, `"address":"203.0.113.7"`)
			lines++
		}
	}
	require.GreaterOrEqual(t, lines, 2)
}
