package provider_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTokenRequestsThatAreNotForms are rejected before any parameter is used.
func TestTokenRequestsThatAreNotForms(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	good, _ := w.wechatCode("alice").encode()
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	_, _ = writer.Write([]byte(good))
	_ = writer.Close()
	for name, c := range map[string]struct {
		body   string
		header http.Header
	}{
		"JSON":            {`{"grant_type":"wechat_code"}`, http.Header{"Content-Type": {"application/json"}}},
		"multipart":       {"--x\r\n\r\n--x--", http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}},
		"plain text":      {good, http.Header{"Content-Type": {"text/plain"}}},
		"no content type": {good, http.Header{"Content-Type": nil}},
		"empty type":      {good, http.Header{"Content-Type": {""}}},
		"malformed type":  {good, http.Header{"Content-Type": {"application/x-www-form-urlencoded charset"}}},
		"a longer type":   {good, http.Header{"Content-Type": {"application/x-www-form-urlencoded-plus"}}},
		"two content types": {good, http.Header{"Content-Type": {"application/x-www-form-urlencoded",
			"application/json"}}},
		"compressed":             {zipped.String(), http.Header{"Content-Encoding": {"gzip"}}},
		"declared as compressed": {good, http.Header{"Content-Encoding": {"br"}}},
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, w.post("/token", c.body, c.header), http.StatusUnsupportedMediaType, "invalid_request")
		})
	}
	for _, contentType := range []string{"application/x-www-form-urlencoded; charset=UTF-8",
		"Application/X-WWW-Form-Urlencoded", formType + ";charset=ISO-8859-1", formType + "; charset=gbk",
		formType + "; charset=utf-16", formType + " ; charset", formType + ";"} {
		body, _ := w.wechatCode("alice").encode()
		requireTokens(t, w.post("/token", body, http.Header{"Content-Type": {contentType}}))
	}
}

func TestTokenRequestsByOtherMethods(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodTrace, http.MethodOptions, "PROPFIND"} {
		t.Run(method, func(t *testing.T) {
			body, header := w.wechatCode("alice").encode()
			header.Set("X-HTTP-Method-Override", http.MethodPost)
			header.Set("X-HTTP-Method", http.MethodPost)
			a := w.ask(method, "/token", strings.NewReader(body), header)
			require.Equal(t, http.MethodPost, a.header.Get("Allow"))
			if method == http.MethodHead {
				require.Equal(t, http.StatusMethodNotAllowed, a.status)
				return
			}
			requireError(t, a, http.StatusMethodNotAllowed, "invalid_request")
		})
	}
	body, header := w.wechatCode("alice").encode()
	header.Set("X-HTTP-Method-Override", http.MethodDelete)
	requireTokens(t, w.post("/token", body, header))
}

// TestTokenRequestsWithQueryStrings: URLs end up in logs (RFC 6749 §2.3.1), so the query is neither used nor logged.
func TestTokenRequestsWithQueryStrings(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	good, _ := passwordForm("alice", testPassword).encode()
	for name, c := range map[string]struct{ query, body string }{
		"everything": {good, ""},
		"the secret": {"client_secret=" + testSecret, "grant_type=password&client_id=backend"},
		"the password": {"password=" + url.QueryEscape(testPassword),
			"grant_type=password&client_id=backend"},
		"a parameter of the body":   {"grant_type=password", good},
		"something else":            {"utm_source=x", good},
		"something that is no form": {"%zz;", good},
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, w.post("/token?"+c.query, c.body, nil), http.StatusBadRequest, "invalid_request")
		})
	}
	require.NotContains(t, w.log.String(), testSecret)
	require.NotContains(t, w.log.String(), "correct")
}

func TestTokenParametersThatAreRepeated(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, name := range []string{"grant_type", "client_id", "code", "scope", "appid", "unheard_of"} {
		for _, value := range []string{"", "x", "mini"} {
			body, _ := w.wechatCode("alice").with("unheard_of", "1", "scope", "api", "appid", testApp).encode()
			requireError(t, w.post("/token", body+"&"+name+"="+value, nil), http.StatusBadRequest, "invalid_request")
			requireError(t, w.post("/token", name+"="+value+"&"+body, nil), http.StatusBadRequest, "invalid_request")
		}
	}
}

// TestTokenParametersThatAreEmptyOrUnknown count as absent (RFC 6749 §3.1, §3.2).
func TestTokenParametersThatAreEmptyOrUnknown(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	body, _ := w.wechatCode("alice").encode()
	a := w.post("/token", body+"&scope=&appid=&client_secret=&foo=bar&resource=", nil)
	requireTokens(t, a)
	require.Equal(t, "api", a.text("scope"))
	requireError(t, w.post("/token", "", nil), http.StatusBadRequest, "invalid_request")
	requireError(t, w.post("/token", "grant_type=&client_id=mini", nil), http.StatusBadRequest, "invalid_request")
	requireError(t, w.token(form{"grant_type": "wechat_code", "code": w.code("alice")}), http.StatusUnauthorized,
		"invalid_client")
	requireError(t, w.token(form{"grant_type": "wechat_code", "client_id": "mini"}), http.StatusBadRequest,
		"invalid_request")
	requireError(t, w.token(form{"grant_type": "refresh_token", "client_id": "mini"}), http.StatusBadRequest,
		"invalid_request")
	requireError(t, w.token(passwordForm("alice", "x").with("username", "")), http.StatusBadRequest, "invalid_request")
	requireError(t, w.token(passwordForm("alice", "x").with("password", "")), http.StatusBadRequest, "invalid_request")
}

// TestTokenFormsThatAreMalformed: invalid escapes, separators and encodings are not guessed.
func TestTokenFormsThatAreMalformed(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	good, _ := passwordForm("alice", testPassword).with("scope", "api").encode()
	for name, body := range map[string]string{
		"cut escape":                good + "&x=%",
		"no escape":                 good + "&x=%zz",
		"escape in a name":          good + "&%zz=x",
		"semicolon as separator":    strings.ReplaceAll(good, "&", ";"),
		"one semicolon":             good + ";x=y",
		"overlong UTF-8":            good + "&x=%c0%af",
		"lone surrogate":            good + "&x=%ed%a0%80",
		"cut UTF-8":                 good + "&x=%e4%bb",
		"raw Latin-1":               good + "&x=\xe4",
		"NUL in an unknown one":     good + "&x=a%00b",
		"NUL in a name":             good + "&x%00=a",
		"raw NUL":                   good + "&x=\x00",
		"line end":                  good + "&x=a%0d%0aSet-Cookie:+a=b",
		"terminal escape":           good + "&x=%1b%5b2J",
		"delete":                    good + "&x=%7f",
		"NUL in username":           strings.Replace(good, "alice", "al%00ice", 1),
		"NUL in client_id":          strings.Replace(good, "backend", "backend%00", 1),
		"NUL in the secret":         strings.Replace(good, testSecret, testSecret+"%00", 1),
		"NUL in grant_type":         strings.Replace(good, "grant_type=password", "grant_type=password%00", 1),
		"surrogate in the username": strings.Replace(good, "alice", "%ed%b0%80", 1),
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, w.post("/token", body, nil), http.StatusBadRequest, "invalid_request")
		})
	}
	require.NotContains(t, w.log.String(), "Set-Cookie")
}

// TestTokenRequestsThatAreTooLarge are rejected at once, with or without Content-Length.
func TestTokenRequestsThatAreTooLarge(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	good, _ := w.wechatCode("alice").encode()
	fill := func(size int) string { return good + "&x=" + strings.Repeat("x", size-len(good)-len("&x=")) }
	requireTokens(t, w.post("/token", fill(16<<10), nil))
	for name, body := range map[string]io.Reader{
		"one byte too many":      strings.NewReader(fill(16<<10 + 1)),
		"a name of 100 kB":       strings.NewReader(good + "&" + strings.Repeat("n", 100_000) + "=1"),
		"chunked":                io.MultiReader(strings.NewReader(fill(100_000))), // net/http does not know its size
		"100 000 parameters":     strings.NewReader(good + strings.Repeat("&a=1", 100_000)),
		"an endless one, chunks": io.LimitReader(endless{}, 1<<40),
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequest(http.MethodPost, w.issuer+"/token", body)
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			// net/http reads the rest of a small body only if the client keeps the connection.
			client := http.Client{Transport: &http.Transport{}, Timeout: quiet.Timeout}
			defer client.CloseIdleConnections()
			response, err := client.Do(request)
			if err != nil { // the server may disconnect before the client has read the answer
				require.NotEqual(t, "one byte too many", name)
				require.NotErrorIs(t, err, context.DeadlineExceeded, "the server reads all of it")
				return
			}
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
			require.True(t, response.Close, "what follows on this connection is not a request")
		})
	}
	requireError(t, w.post("/token", fill(16<<10+1), nil), http.StatusRequestEntityTooLarge, "invalid_request")
	for name, body := range map[string]string{
		"many equal parameters":     good + strings.Repeat("&a", 7500),
		"many different parameters": good + manyParameters(),
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, w.post("/token", body, nil).status)
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = 'x'
	}
	return len(p), nil
}

func manyParameters() string {
	var text strings.Builder
	for n := range 3500 {
		text.WriteString("&" + string(rune('a'+n%26)) + string(rune('a'+n/26%26)) + string(rune('a'+n/676)))
	}
	return text.String()
}

// TestPathsThatAreNotCleanAreUnknown: a redirect to the clean path would make callers send their credentials twice, and
// could be cached.
func TestPathsThatAreNotCleanAreUnknown(t *testing.T) {
	t.Parallel()
	for _, issuerPath := range []string{"", "/tenant"} {
		w := newEnv(t, func(s *settings) { s.path = issuerPath })
		for _, path := range []string{"//token", "/./token", "/x/../token", "/token/", "//", "/%2Ftoken", "/%2e/token",
			"/.well-known//jwks.json", "/account/v1//sessions", "/healthz/."} {
			for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodOptions} {
				a := w.ask(method, path, strings.NewReader("grant_type=password&password=secret"),
					http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
				requireError(t, a, http.StatusNotFound, "not_found")
				require.Equal(t, "no-store", a.header.Get("Cache-Control"), "%s %s", method, path)
			}
		}
	}
}

// TestBrowsersDoNotGuessContentTypes: an answer that contains a caller's text must not run as a script.
func TestBrowsersDoNotGuessContentTypes(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, path := range []string{"/token", "/userinfo", "/revoke", "/introspect", "/verify", "/revocations",
		"/healthz", "/readyz", "/.well-known/jwks.json", "/.well-known/openid-configuration", "/account/v1/sessions",
		"/nowhere", "//token", "/wechat/phone"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions, http.MethodHead} {
			a := w.ask(method, path, nil, http.Header{"Origin": {"https://evil.example"}})
			require.Equal(t, []string{"nosniff"}, a.header.Values("X-Content-Type-Options"), "%s %s", method, path)
		}
	}
	answer, err := io.ReadAll(w.raw(t, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
	require.NoError(t, err)
	require.Contains(t, string(answer), "\r\nX-Content-Type-Options: nosniff\r\n")
}
