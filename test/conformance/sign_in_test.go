package conformance_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/stretchr/testify/require"
)

// request returns an authorization request, with parameters in pairs that are added, or removed if they are empty.
func (r *run) request(pairs ...string) url.Values {
	request := url.Values{"client_id": {r.client.id}, "redirect_uri": {r.s.callback()}, "response_type": {"code"},
		"scope": {"openid"}, "state": {rand.Text()}, "nonce": {rand.Text()}}
	if r.formPost {
		request.Set("response_mode", "form_post")
	}
	return with(request, pairs)
}

// with adds parameters in pairs to a form, or removes those that are empty.
func with(form url.Values, pairs []string) url.Values {
	for n := 0; n < len(pairs); n += 2 {
		form.Set(pairs[n], pairs[n+1])
		if pairs[n+1] == "" {
			form.Del(pairs[n])
		}
	}
	return form
}

// send sends the browser to the authorization endpoint.
func (r *run) send(request url.Values) landing {
	r.t.Helper()
	return r.browser.open(r.s.endpoint("authorization_endpoint") + "?" + request.Encode())
}

// parameters returns the authorization response, which came in the way that was asked for, and was for this request.
func (r *run) parameters(request url.Values, at landing) url.Values {
	r.t.Helper()
	require.True(r.t, at.atParty(), "the browser stopped at %s", at.url)
	require.Equal(r.t, r.s.callback(), at.url.Scheme+"://"+at.url.Host+at.url.Path)
	response := at.url.Query()
	if r.formPost {
		require.NotNil(r.t, at.posted)
		require.Empty(r.t, response)
		response = at.posted
	} else {
		require.Nil(r.t, at.posted)
	}
	require.Empty(r.t, at.url.Fragment)
	require.Equal(r.t, request.Get("state"), response.Get("state"))
	if response.Has("iss") || r.s.metadata["authorization_response_iss_parameter_supported"] == true {
		require.Equal(r.t, r.s.issuer, response.Get("iss"))
	}
	return response
}

// code returns the code that the browser brings.
func (r *run) code(request url.Values, at landing) string {
	r.t.Helper()
	response := r.parameters(request, at)
	require.Empty(r.t, response.Get("error"), response.Get("error_description"))
	require.NotEmpty(r.t, response.Get("code"))
	return response.Get("code")
}

// errorText matches what error_description may contain (RFC 6749 §4.1.2.1), without line breaks and tabs, of which the
// suite warns.
var errorText = regexp.MustCompile(`^[\x20-\x21\x23-\x5B\x5D-\x7E]*$`)

// refused checks an error response, and returns its code.
func (r *run) refused(request url.Values, at landing) string {
	r.t.Helper()
	response := r.parameters(request, at)
	for name := range response {
		require.Contains(r.t, []string{"error", "error_description", "error_uri", "state", "iss"}, name)
	}
	require.Regexp(r.t, errorText, response.Get("error_description"))
	if response.Has("error_uri") {
		_, err := url.ParseRequestURI(response.Get("error_uri"))
		require.NoError(r.t, err)
	}
	require.NotEmpty(r.t, response.Get("error"))
	return response.Get("error")
}

// needsUser are the errors for requests that need a page although they forbid it.
var needsUser = []string{"interaction_required", "login_required", "account_selection_required", "consent_required"}

// answer is the answer of an endpoint.
type answer struct {
	status int
	header http.Header
	body   map[string]any // nil if it is not JSON
}

func (a answer) text(name string) string {
	text, _ := a.body[name].(string)
	return text
}

// call sends a request to an endpoint. It is a GET without a form.
func (r *run) call(endpoint string, form url.Values, prepare func(*http.Request)) answer {
	r.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.s.endpoint(endpoint), body)
	require.NoError(r.t, err)
	if len(form) > 0 {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	prepare(request)
	response, err := r.s.http.Do(request)
	require.NoError(r.t, err)
	defer response.Body.Close()
	a := answer{status: response.StatusCode, header: response.Header}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		require.NoError(r.t, json.NewDecoder(response.Body).Decode(&a.body))
	}
	return a
}

// basicAuth authenticates by client_secret_basic.
func (c client) basicAuth(request *http.Request) {
	request.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
}

func bearer(token string) func(*http.Request) {
	return func(request *http.Request) { request.Header.Set("Authorization", "Bearer "+token) }
}

// signedIn is the result of a whole sign-in.
type signedIn struct {
	answer       // of the token endpoint
	code, access string
	id           idToken
	redeemed     url.Values // the request that has redeemed the code
}

// signIn signs in, and makes the checks of all modules: the response, the tokens, the ID token, userinfo.
func (r *run) signIn(pairs ...string) signedIn {
	r.t.Helper()
	request := r.request(pairs...)
	return r.redeem(request, r.code(request, r.send(request)))
}

// redeem redeems a code, by client_secret_basic unless a secret is among the parameters that are added.
func (r *run) redeem(request url.Values, code string, pairs ...string) signedIn {
	r.t.Helper()
	form := with(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {r.s.callback()}},
		pairs)
	authenticate := r.client.basicAuth
	if form.Has("client_secret") {
		authenticate = func(*http.Request) {}
	}
	a := r.call("token_endpoint", form, authenticate)
	got := signedIn{answer: a, code: code, access: r.checkTokens(a), redeemed: form}
	got.id = r.s.readIDToken(r.t, a.text("id_token"))
	r.checkIDToken(got.id, request)
	require.Equal(r.t, http.StatusOK, r.call("userinfo_endpoint", nil, bearer(got.access)).status)
	return got
}

// checkTokens checks a token response, and returns its access token.
func (r *run) checkTokens(a answer) string {
	r.t.Helper()
	require.Equal(r.t, http.StatusOK, a.status, a.body)
	require.Empty(r.t, a.text("error"))
	require.Equal(r.t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(r.t, "bearer", strings.ToLower(a.text("token_type")))
	require.NotEmpty(r.t, a.text("access_token"))
	if lifetime, ok := a.body["expires_in"]; ok {
		require.Positive(r.t, lifetime)
	}
	return a.text("access_token")
}

// userInfo checks an answer of the userinfo endpoint to somebody who has signed in, and returns it.
func (r *run) userInfo(a answer, of signedIn) map[string]any {
	r.t.Helper()
	require.Equal(r.t, http.StatusOK, a.status)
	require.NotNil(r.t, a.body, "it is not JSON")
	require.Equal(r.t, of.id.text("sub"), a.body["sub"])
	checkStandardClaims(r.t, a.body)
	return a.body
}
