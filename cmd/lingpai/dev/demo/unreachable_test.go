package demo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
	"github.com/lingpai/lingpai/provider/pages"
)

// TestAnIssuerThatDoesNotAnswer: each button says so, and nothing changes.
func TestAnIssuerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(nil)
	closed.Close()
	light, err := pages.LightColors("")
	require.NoError(t, err)
	rendered, err := devpages.New(closed.URL+Path, pages.Theme{Language: "en", Light: light, Dark: light})
	require.NoError(t, err)
	s := New(Config{Issuer: closed.URL, Origin: closed.URL, Pages: rendered})
	press := func(button, id string) *http.Response {
		r := httptest.NewRequest(http.MethodPost, Path+button, http.NoBody)
		r.AddCookie(&http.Cookie{Name: s.cookie, Value: id})
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Result()
	}
	require.Equal(t, http.StatusBadGateway, press("/sign-in", "").StatusCode)
	before := tokens{user: "demo", access: "e30.e30.", id: "e30.e30.", refresh: "lp_rt_1"}
	id := s.sessions.signedIn("", &before)
	for _, button := range []string{"/refresh", "/call"} {
		require.Equal(t, http.StatusSeeOther, press(button, id).StatusCode)
		session, _ := s.sessions.find(id)
		require.Equal(t, devpages.Outcome{Kind: devpages.Unreachable}, session.outcome)
		require.Equal(t, before, *session.tokens)
	}
	response := press("/sign-out", id)
	require.Equal(t, http.StatusBadGateway, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "Nothing has changed.")
	_, found := s.sessions.find(id)
	require.True(t, found)
	r := httptest.NewRequest(http.MethodGet, Path+apiPath, http.NoBody)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
}
