package miniprogram

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
	"github.com/lingpai/lingpai/provider/pages"
)

// counted returns users whose n-th sign-in gives the token n, and fails if the user is "nobody".
func counted() *users {
	count := 0
	return &users{signIn: func(_ context.Context, user string) (string, error) {
		if user == "nobody" {
			return "", errors.New("refused")
		}
		for range 100 { // others would begin now
			runtime.Gosched()
		}
		count++
		return strconv.Itoa(count), nil
	}}
}

// TestUsersStaySignedIn: each keeps a token until it is refused, also if several requests come at once.
func TestUsersStaySignedIn(t *testing.T) {
	t.Parallel()
	u := counted()
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			token, err := u.token(t.Context(), "alice", "")
			require.NoError(t, err)
			require.Equal(t, "1", token)
		})
	}
	all.Wait()
	for refused, want := range map[string]string{"": "2", "1": "2"} { // the second request that was refused
		_, err := u.token(t.Context(), "alice", "1")
		require.NoError(t, err)
		token, err := u.token(t.Context(), "alice", refused)
		require.NoError(t, err)
		require.Equal(t, want, token)
	}
	token, err := u.token(t.Context(), "bob", "")
	require.NoError(t, err)
	require.Equal(t, "3", token)
	for range 2 {
		_, err = u.token(t.Context(), "nobody", "")
		require.EqualError(t, err, "refused")
	}
	require.Len(t, u.last, 2)
}

// TestUsersAreBounded: a new one takes the place of the one who was away for the longest time.
func TestUsersAreBounded(t *testing.T) {
	t.Parallel()
	u := counted()
	token := func(user string) string {
		token, err := u.token(t.Context(), user, "")
		require.NoError(t, err)
		return token
	}
	first, second := token("first"), token("second")
	for n := range maxUsers - 1 {
		require.Equal(t, first, token("first"), "who is used again and again")
		token("user " + strconv.Itoa(n))
	}
	require.Len(t, u.last, maxUsers)
	require.Equal(t, first, token("first"))
	require.NotEqual(t, second, token("second"))
	require.Len(t, u.last, maxUsers)
}

// TestWhatDoesNotAnswer: the page says that nothing was decided, without an error of the server in it.
func TestWhatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	light, err := pages.LightColors("")
	require.NoError(t, err)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "SECRET", http.StatusBadGateway)
	}))
	defer broken.Close()
	empty := httptest.NewServer(http.NotFoundHandler())
	empty.Close()
	for _, at := range []string{broken.URL, empty.URL} {
		rendered, err := devpages.New(at+Path, pages.Theme{Language: "en", Light: light, Dark: light})
		require.NoError(t, err)
		h := New(Config{Issuer: at, ClientID: "mini", AppID: "wx", Simulator: at, Pages: rendered})
		query := url.Values{"appid": {"wx"}, "user": {"alice"}, "scene": {"1011"},
			"query": {"q=" + url.QueryEscape(at+"/scan/1") + "&scancode_time=1"}}
		for _, r := range []*http.Request{
			httptest.NewRequest(http.MethodGet, Path+"?"+query.Encode(), http.NoBody),
			httptest.NewRequest(http.MethodPost, Path+"?"+query.Encode(), strings.NewReader("decision=deny")),
		} {
			r.Header.Set("Content-Type", formType)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			require.Equal(t, http.StatusBadGateway, w.Code)
			require.Contains(t, w.Body.String(), "Nothing was decided.")
			require.NotContains(t, w.Body.String(), "SECRET")
		}
	}
}
