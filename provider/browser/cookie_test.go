package browser

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/authorize"
)

// TestTheCookie: scripts cannot read it, no frame and no form of another site is sent with it, and on https neither a
// neighbor's host nor somebody on the network can set it.
func TestTheCookie(t *testing.T) {
	t.Parallel()
	for issuer, want := range map[string]http.Cookie{
		"https://id.example.com":        {Name: "__Host-lp_", Secure: true},
		"https://id.example.com/tenant": {Name: "__Host-lp_", Secure: true},
		"http://127.0.0.1:8080":         {Name: "lp_"},
	} {
		written := httptest.NewRecorder()
		newCookie(issuer, time.Hour).write(written, authorize.NewBrowser())
		cookies := written.Result().Cookies()
		require.Len(t, cookies, 1)
		got := cookies[0]
		require.Regexp(t, "^"+want.Name+"[a-z2-7]{6}$", got.Name)
		require.Equal(t, want.Secure, got.Secure, issuer)
		require.True(t, got.HttpOnly)
		require.Equal(t, http.SameSiteLaxMode, got.SameSite)
		require.Equal(t, "/", got.Path, "as __Host- requires")
		require.Empty(t, got.Domain, "as __Host- requires")
		require.Equal(t, 3600, got.MaxAge)
	}
}

// TestIssuersOnOneHost have cookies of their own.
func TestIssuersOnOneHost(t *testing.T) {
	t.Parallel()
	one, two := newCookie("https://id.example.com/a", time.Hour), newCookie("https://id.example.com/b", time.Hour)
	require.NotEqual(t, one.name, two.name)
	written, request := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	one.write(written, authorize.NewBrowser())
	request.AddCookie(written.Result().Cookies()[0])
	require.True(t, one.read(request).Known())
	require.False(t, two.read(request).Known())
}
