package browser

import (
	"net/http"
	"net/http/httptest"
	"strings"
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
		newBrowserCookie(issuer, time.Hour).write(written, authorize.NewBrowser())
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

// TestTheCookieOfTrips is as careful, but for its path: it may be large.
func TestTheCookieOfTrips(t *testing.T) {
	t.Parallel()
	for issuer, name := range map[string]string{"https://id.example.com": "__Secure-lp_",
		"http://127.0.0.1:8080": "lp_"} {
		written := httptest.NewRecorder()
		trips := newTripCookie(issuer, "/tenant/sign-in/wechat")
		trips.write(written, authorize.Trips{"a", "b"})
		got := written.Result().Cookies()[0]
		require.Regexp(t, "^"+name+"[a-z2-7]{6}_trips$", got.Name)
		require.Equal(t, strings.HasPrefix(issuer, "https:"), got.Secure)
		require.True(t, got.HttpOnly)
		require.Equal(t, http.SameSiteLaxMode, got.SameSite)
		require.Equal(t, "/tenant/sign-in/wechat", got.Path)
		require.Empty(t, got.Domain)
		require.Equal(t, 900, got.MaxAge)
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.AddCookie(got)
		require.Equal(t, authorize.Trips{"a", "b"}, trips.read(request))
	}
}

// TestIssuersOnOneHost have cookies of their own.
func TestIssuersOnOneHost(t *testing.T) {
	t.Parallel()
	one := newBrowserCookie("https://id.example.com/a", time.Hour)
	two := newBrowserCookie("https://id.example.com/b", time.Hour)
	require.NotEqual(t, one.name, two.name)
	written, request := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	one.write(written, authorize.NewBrowser())
	request.AddCookie(written.Result().Cookies()[0])
	require.True(t, one.read(request).Known())
	require.False(t, two.read(request).Known())
}
