package provider_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

// form is a request with a form; names that begin with ":" are headers.
type form map[string]string

// with returns a copy with some parameters changed; an empty value removes one.
func (f form) with(pairs ...string) form {
	changed := form{}
	maps.Copy(changed, f)
	for n := 0; n < len(pairs); n += 2 {
		changed[pairs[n]] = pairs[n+1]
		if pairs[n+1] == "" {
			delete(changed, pairs[n])
		}
	}
	return changed
}

// encode returns the body and the headers.
func (f form) encode() (string, http.Header) {
	values, header := url.Values{}, http.Header{}
	for name, value := range f {
		if headerName, ok := strings.CutPrefix(name, ":"); ok {
			header.Set(headerName, value)
			continue
		}
		values.Set(name, value)
	}
	return values.Encode(), header
}

// answer is a response. The members of a body that is not a JSON object are nil.
type answer struct {
	status  int
	header  http.Header
	body    string
	members map[string]any
}

func (a answer) text(name string) string { text, _ := a.members[name].(string); return text }

// token calls the token endpoint.
func (w tokenCalls) token(f form) answer {
	body, header := f.encode()
	return w.post("/token", body, header)
}

// post sends a body as a form, unless the header has another type.
func (w browser) post(path, body string, header http.Header) answer {
	return w.ask(http.MethodPost, path, strings.NewReader(body), header)
}

func (w browser) get(path string, header http.Header) answer {
	return w.ask(http.MethodGet, path, nil, header)
}

func (w browser) ask(method, path string, body io.Reader, header http.Header) answer {
	w.t.Helper()
	request, err := http.NewRequest(method, w.issuer+path, body)
	require.NoError(w.t, err)
	if body != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	maps.Copy(request.Header, header)
	return w.send(request)
}

func (w browser) send(request *http.Request) answer {
	w.t.Helper()
	client := *quiet
	if request.ContentLength > 16<<10 { // net/http reads the rest of a body only if the client keeps the connection
		client.Transport = &http.Transport{}
		defer client.CloseIdleConnections()
	}
	response, err := client.Do(request)
	require.NoError(w.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	a := answer{status: response.StatusCode, header: response.Header, body: string(body)}
	_ = json.Unmarshal(body, &a.members)
	return a
}

// code mints a login code, as wx.login would.
func (w wechatUsers) code(user string) string { return w.codeOf(testApp, user) }

func (w wechatUsers) codeOf(app, user string) string {
	w.t.Helper()
	code, err := w.simulator.MintCode(app, user)
	require.NoError(w.t, err)
	return code
}

// wechatCode is a sign-in of a user at the public client.
func (w wechatUsers) wechatCode(user string) form {
	return form{"grant_type": oauth.GrantWechatCode, "client_id": "mini", "code": w.code(user)}
}

func passwordForm(username, secret string) form {
	return form{"grant_type": oauth.GrantPassword, "client_id": "backend", "client_secret": testSecret,
		"username": username, "password": secret}
}

func refreshForm(token string) form {
	return form{"grant_type": oauth.GrantRefreshToken, "client_id": "mini", "refresh_token": token}
}

// signIn returns the answer to a sign-in that must succeed; pairs change its form.
func (w tokenCalls) signIn(user string, pairs ...string) answer {
	w.t.Helper()
	a := w.token(w.wechatCode(user).with(pairs...))
	requireTokens(w.t, a)
	return a
}

// requireTokens requires an answer by RFC 6749 §5.1.
func requireTokens(t testing.TB, a answer) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	requireJSON(t, a)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "Bearer", a.members["token_type"])
	require.Len(t, strings.Split(a.text("access_token"), "."), 3)
	seconds, isNumber := a.members["expires_in"].(float64)
	require.True(t, isNumber && seconds > 0 && seconds == float64(int64(seconds)),
		"expires_in is a whole number: %v", a.members["expires_in"])
	for name := range a.members {
		require.Contains(t, []string{"access_token", "token_type", "expires_in", "refresh_token", "scope",
			"id_token", "profile_status", "signature_status", "phone_status", "issued_token_type"}, name)
	}
}

// requireError requires the form that all errors have (RFC 6749 §5.2, docs/errors.md).
func requireError(t testing.TB, a answer, status int, name string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.Equal(t, name, a.members["error"], a.body)
	requireJSON(t, a)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "https://github.com/lingpai/lingpai/blob/main/docs/errors.md#"+name, a.members["error_uri"])
	requireDescription(t, a.text("error_description"))
	require.NotEmpty(t, a.text("request_id"))
	require.Equal(t, a.text("request_id"), a.header.Get("X-Request-Id"))
	for member := range a.members {
		require.Contains(t, []string{"error", "error_description", "error_uri", "request_id",
			"wechat_errcode", "wechat_snapshot", "session_state", "scan"}, member)
	}
	require.Equal(t, status == http.StatusUnauthorized || status == http.StatusForbidden,
		a.header.Get("WWW-Authenticate") != "", "a challenge with 401 and 403 only")
	require.Equal(t, status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable,
		a.header.Get("Retry-After") != "", "Retry-After where waiting helps")
}

// requireLimited repeats a request that creates something until it is refused, which must not be before as many as are
// allowed at once. More may pass on a slow machine, since a limit fills up again while they are sent.
func requireLimited(t testing.TB, atOnce int, create func() answer) {
	t.Helper()
	for n := range 4 * atOnce {
		if a := create(); a.status >= http.StatusBadRequest {
			requireError(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
			require.GreaterOrEqual(t, n, atOnce)
			return
		}
	}
	require.Fail(t, "there is no limit")
}

func requireJSON(t testing.TB, a answer) {
	t.Helper()
	require.Equal(t, []string{"application/json"}, a.header.Values("Content-Type"))
	require.NotNil(t, a.members, "not a JSON object: %s", a.body)
	require.True(t, json.Valid([]byte(a.body)))
}

// requireDescription requires the characters %x20-21 / %x23-5B / %x5D-7E.
func requireDescription(t testing.TB, text string) {
	t.Helper()
	require.NotEmpty(t, text)
	for _, char := range []byte(text) {
		require.True(t, ' ' <= char && char <= '~' && char != '"' && char != '\\', "%q in %q", char, text)
	}
}

// atOnce does something several times in parallel, and returns the results.
func atOnce[R any](times int, do func(n int) R) []R {
	results := make([]R, times)
	var running sync.WaitGroup
	for n := range results {
		running.Go(func() { results[n] = do(n) })
	}
	running.Wait()
	return results
}
