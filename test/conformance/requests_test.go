package conformance_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// codeReuse redeems a code again.
func codeReuse(r *run) { r.reuse(r.signIn()) }

// codeReuseLater redeems a code again after 30 seconds, which ends the session of the first use.
func codeReuseLater(r *run) {
	got := r.signIn()
	time.Sleep(30 * time.Second)
	r.reuse(got)
	status := r.call("userinfo_endpoint", nil, bearer(got.access)).status
	r.warn(status >= 400 && status < 500, "the access token of the first use still works")
}

func (r *run) reuse(of signedIn) {
	r.t.Helper()
	require.Equal(r.t, "invalid_grant", r.tokenError(r.call("token_endpoint", of.redeemed, r.client.basicAuth)))
}

// tokenError checks an error of the token endpoint (RFC 6749 §5.2), and returns its code.
func (r *run) tokenError(a answer) string {
	r.t.Helper()
	require.Equal(r.t, http.StatusBadRequest, a.status)
	require.NotNil(r.t, a.body, "it is not JSON")
	require.Regexp(r.t, errorText, a.text("error_description"))
	if uri, ok := a.body["error_uri"]; ok {
		_, err := url.ParseRequestURI(uri.(string))
		require.NoError(r.t, err)
	}
	return a.text("error")
}

// unregisteredRedirectURI appends to a registered redirect URI, and must be answered with a page.
func unregisteredRedirectURI(r *run) {
	at := r.send(r.request("redirect_uri", r.s.callback()+"/"+rand.Text()))
	require.False(r.t, at.atParty())
	require.Equal(r.t, http.StatusBadRequest, at.status)
	require.Nil(r.t, find(at.page, "id", "return"), "there is no way to the address that was sent")
	r.screenshot(reasonErrorPage)
}

// postRequest sends the authorization request as a form.
func postRequest(r *run) {
	request := r.request()
	at := r.browser.run(step{url: r.s.endpoint("authorization_endpoint"), form: request})
	r.redeem(request, r.code(request, at))
}

// clientSecretPost signs in at a client that authenticates in the form. It is not the operator's own, so the user is
// asked for consent.
func clientSecretPost(r *run) {
	require.True(r.t, r.s.lists("token_endpoint_auth_methods_supported", "client_secret_post"))
	r.client = r.s.second
	request := r.request()
	r.redeem(request, r.code(request, r.send(request)), "client_id", r.client.id, "client_secret", r.client.secret)
	require.Equal(r.t, []string{"login-submit", "consent-allow"}, r.browser.pressed)
}

// asRequestObject moves a request into an unsigned request object, beside the parameters that OAuth demands.
func asRequestObject(t *testing.T, request url.Values) url.Values {
	t.Helper()
	claims := map[string]string{}
	for name := range request {
		claims[name] = request.Get(name)
	}
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	sent := url.Values{"request": {unsigned(payload)}}
	for _, name := range []string{"response_type", "client_id", "scope", "redirect_uri"} {
		sent.Set(name, request.Get(name))
	}
	return sent
}

// unsigned returns a JSON Web Token with the algorithm none.
func unsigned(payload []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
}

// requestObject sends a request object, which is honored or refused by name.
func requestObject(r *run) {
	request := r.request()
	at := r.send(asRequestObject(r.t, request))
	require.Equal(r.t, "request_not_supported", r.refused(request, at))
	require.NotEqual(r.t, true, r.s.metadata["request_parameter_supported"])
	r.skip(reasonRequestObject)
}

// requestObjectWithRedirectURI sends a request object with the redirect URI, beside another redirect URI that is not
// registered.
func requestObjectWithRedirectURI(r *run) {
	sent := asRequestObject(r.t, r.request())
	sent.Set("redirect_uri", r.s.callback()+"/"+rand.Text())
	at := r.send(sent)
	require.False(r.t, at.atParty())
	require.Equal(r.t, http.StatusBadRequest, at.status)
	r.screenshot(reasonErrorPage)
}

// claimsEssential asks for the name at userinfo as an essential claim.
func claimsEssential(r *run) {
	got := r.signIn("claims", `{"userinfo":{"name":{"essential":true}}}`)
	info := r.userInfo(r.call("userinfo_endpoint", nil, bearer(got.access)), got)
	require.NotContains(r.t, got.id.claims, "name")
	r.warn(info["name"] != nil, reasonClaims)
}

// refreshToken refreshes at two clients, and tries the refresh token of one at the other.
func refreshToken(r *run) {
	scope, prompt := "openid", ""
	if r.s.lists("scopes_supported", "offline_access") {
		scope, prompt = "openid offline_access", "consent"
	}
	require.True(r.t, r.s.lists("grant_types_supported", "refresh_token"))
	r.refresh(r.signIn("scope", scope, "prompt", prompt), "scope", scope)

	first := r.client
	r.client = r.s.second
	token := r.refresh(r.signIn("scope", scope, "prompt", prompt, "nonce", strings.Repeat("0123456789", 4)+"abc"))
	r.client = first
	require.Equal(r.t, "invalid_grant", r.tokenError(r.call("token_endpoint", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {scope}}, r.client.basicAuth)))
}

// refresh refreshes a session, and returns the new refresh token.
func (r *run) refresh(of signedIn, pairs ...string) string {
	r.t.Helper()
	old := of.text("refresh_token")
	require.Regexp(r.t, `^[\x20-\x7E]+$`, old)
	form := with(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old}}, pairs)
	time.Sleep(time.Second) // so that iat can differ
	a := r.call("token_endpoint", form, r.client.basicAuth)
	access, fresh := r.checkTokens(a), a.text("refresh_token")
	require.NotEqual(r.t, of.access, access)
	require.Regexp(r.t, `^[\x20-\x7E]+$`, access)
	require.Greater(r.t, entropy(access), 96.0)
	require.NotEmpty(r.t, fresh)
	require.Greater(r.t, entropy(fresh), 96.0)
	if a.text("id_token") != "" {
		id := r.s.readIDToken(r.t, a.text("id_token"))
		require.Greater(r.t, id.seconds("iat"), of.id.seconds("iat"))
		for _, name := range []string{"iss", "sub", "aud", "azp", "auth_time"} {
			require.Equal(r.t, of.id.claims[name], id.claims[name], name)
		}
	}
	require.Equal(r.t, http.StatusOK, r.call("userinfo_endpoint", nil, bearer(access)).status)
	return fresh
}

func pkce(r *run) {
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	request := r.request("code_challenge_method", "S256", "code_challenge",
		base64.RawURLEncoding.EncodeToString(sum[:]))
	r.redeem(request, r.code(request, r.send(request)), "code_verifier", verifier)
}
