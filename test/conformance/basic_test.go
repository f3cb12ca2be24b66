package conformance_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// basic are the modules of the Basic and Form Post profiles.
var basic = []module{
	{"oidcc-codereuse-30seconds", codeReuseLater}, // first, since it takes longest
	{"oidcc-server", server},
	{"oidcc-response-type-missing", responseTypeMissing},
	{"oidcc-idtoken-signature", needsRegistration},
	{"oidcc-idtoken-unsigned", needsRegistration},
	{"oidcc-userinfo-get", userInfoGet},
	{"oidcc-userinfo-post-header", userInfoPostHeader},
	{"oidcc-userinfo-post-body", userInfoPostBody},
	{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", withoutNonce},
	{"oidcc-scope-profile", scopes("profile")},
	{"oidcc-scope-email", scopes("email")},
	{"oidcc-scope-address", scopes("address")},
	{"oidcc-scope-phone", scopes("phone")},
	{"oidcc-scope-all", scopes("email", "phone", "address", "profile")},
	{"oidcc-alternate-happy-flow", alternateHappyFlow},
	{"oidcc-display-page", succeedsWith("display", "page")},
	{"oidcc-display-popup", succeedsWith("display", "popup")},
	{"oidcc-prompt-login", promptLogin},
	{"oidcc-prompt-none-not-logged-in", promptNoneNotLoggedIn},
	{"oidcc-prompt-none-logged-in", sameTwice("", "prompt", "none")},
	{"oidcc-max-age-1", maxAge1},
	{"oidcc-max-age-10000", sameTwice("15000", "max_age", "10000")},
	{"oidcc-ensure-request-with-unknown-parameter-succeeds", succeedsWith("extra", "foobar")},
	{"oidcc-id-token-hint", idTokenHint},
	{"oidcc-login-hint", loginHint},
	{"oidcc-ui-locales", succeedsWith("ui_locales", "se")},
	{"oidcc-claims-locales", succeedsWith("claims_locales", "se")},
	{"oidcc-ensure-request-with-acr-values-succeeds", acrValues},
	{"oidcc-codereuse", codeReuse},
	{"oidcc-ensure-registered-redirect-uri", unregisteredRedirectURI},
	{"oidcc-ensure-post-request-succeeds", postRequest},
	{"oidcc-server-client-secret-post", clientSecretPost},
	{"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", needsRegistration},
	{"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", requestObject},
	{"oidcc-claims-essential", claimsEssential},
	{"oidcc-ensure-request-object-with-redirect-uri", requestObjectWithRedirectURI},
	{"oidcc-refresh-token", refreshToken},
	{"oidcc-ensure-request-with-valid-pkce-succeeds", pkce},
}

// needsRegistration is a module that the suite leaves out for clients that are registered beforehand.
func needsRegistration(r *run) { r.skip(reasonRegistration) }

func server(r *run) {
	got := r.signIn()
	r.warn(got.body["expires_in"] != nil, "expires_in is missing")
	if hash, ok := got.id.claims["at_hash"]; ok {
		require.Equal(r.t, atHash(got.access), hash)
	}
	require.GreaterOrEqual(r.t, 8*len(got.code), 128)
	require.Greater(r.t, entropy(got.code), 96.0)
	known := []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash",
		"nbf", "jti", "sid", "s_hash", "txn"}
	for name := range got.id.claims {
		r.warn(slices.Contains(known, name), "the ID token has the claim "+name+", which was not requested")
	}
}

func responseTypeMissing(r *run) {
	request := r.request("response_type", "")
	require.Contains(r.t, []string{"invalid_request", "unsupported_response_type"}, r.refused(request, r.send(request)))
}

func userInfoGet(r *run) {
	got := r.signIn()
	r.userInfo(r.call("userinfo_endpoint", nil, bearer(got.access)), got)
}

func userInfoPostHeader(r *run) {
	got := r.signIn()
	r.userInfo(r.call("userinfo_endpoint", url.Values{}, bearer(got.access)), got)
}

func userInfoPostBody(r *run) {
	got := r.signIn()
	r.userInfo(r.call("userinfo_endpoint", url.Values{"access_token": {got.access}}, func(*http.Request) {}), got)
}

func withoutNonce(r *run) {
	request := r.request("nonce", "")
	r.code(request, r.send(request))
}

// ofScope are the standard claims of the scopes (OpenID Connect Core §5.4).
var ofScope = map[string][]string{
	"profile": {"name", "given_name", "family_name", "middle_name", "nickname", "profile", "picture", "website",
		"gender", "birthdate", "zoneinfo", "locale", "updated_at", "preferred_username"},
	"email":   {"email", "email_verified"},
	"address": {"address"},
	"phone":   {"phone_number", "phone_number_verified"},
}

// scopes returns a module that asks for scopes.
func scopes(names ...string) func(*run) {
	return func(r *run) {
		for _, name := range names {
			if !r.s.lists("scopes_supported", name) {
				r.skip("the scope `" + name + "` is not supported")
			}
		}
		r.checkScopes(r.signIn("scope", "openid "+strings.Join(names, " ")), names)
	}
}

// checkScopes checks that userinfo has the claims of scopes, and for the scope email that the ID token has not.
func (r *run) checkScopes(got signedIn, names []string) {
	r.t.Helper()
	info := r.userInfo(r.call("userinfo_endpoint", nil, bearer(got.access)), got)
	var missing []string
	for _, name := range names {
		for _, claim := range ofScope[name] {
			if _, ok := info[claim]; !ok {
				missing = append(missing, "`"+claim+"`")
			}
		}
	}
	r.warn(len(missing) == 0, "userinfo lacks "+strings.Join(missing, ", "))
	if len(names) == 1 && names[0] == "email" {
		require.NotContains(r.t, got.id.claims, "name")
		require.NotContains(r.t, info, "name")
		r.warn(got.id.text("email") == "", reasonEmail)
	}
}

// alternateHappyFlow asks for the scopes in another order, and sends the parameters in the reverse of the usual order.
func alternateHappyFlow(r *run) {
	request := r.request("scope", "email openid")
	pairs := strings.Split(request.Encode(), "&")
	slices.Reverse(pairs)
	at := r.browser.open(r.s.endpoint("authorization_endpoint") + "?" + strings.Join(pairs, "&"))
	r.checkScopes(r.redeem(request, r.code(request, at)), []string{"email"})
}

// succeedsWith returns a module that sends a parameter that must not do harm.
func succeedsWith(name, value string) func(*run) {
	return func(r *run) { r.signIn(name, value) }
}

func loginHint(r *run) {
	issuer, err := url.Parse(r.s.issuer)
	require.NoError(r.t, err)
	r.signIn("login_hint", "buffy@"+issuer.Hostname())
}

func promptLogin(r *run) {
	first := r.signIn()
	time.Sleep(time.Second) // so that auth_time can differ
	second := r.signIn("prompt", "login")
	require.Equal(r.t, []string{"login-submit", "login-submit"}, r.browser.pressed)
	require.Greater(r.t, second.id.seconds("auth_time"), first.id.seconds("auth_time"))
	r.screenshot(reasonSecondSignIn)
}

func promptNoneNotLoggedIn(r *run) {
	request := r.request("prompt", "none", "state", strings.Repeat("0123456789abcdef", 8))
	require.Contains(r.t, needsUser, r.refused(request, r.send(request)))
}

// sameTwice returns a module that signs in twice, where the second time needs no page.
func sameTwice(maxAge, name, value string) func(*run) {
	return func(r *run) {
		first := r.signIn("max_age", maxAge)
		second := r.signIn(name, value)
		require.Equal(r.t, []string{"login-submit"}, r.browser.pressed)
		requireSameUser(r.t, first, second)
		if maxAge != "" {
			require.Contains(r.t, first.id.claims, "auth_time")
			require.Contains(r.t, second.id.claims, "auth_time")
		}
	}
}

func requireSameUser(t *testing.T, first, second signedIn) {
	t.Helper()
	require.Equal(t, first.id.text("sub"), second.id.text("sub"))
	require.Equal(t, first.id.seconds("auth_time"), second.id.seconds("auth_time"))
}

func maxAge1(r *run) {
	first := r.signIn()
	time.Sleep(2 * time.Second) // so that the sign-in is too old, whatever was rounded
	second := r.signIn("max_age", "1")
	require.Equal(r.t, []string{"login-submit", "login-submit"}, r.browser.pressed)
	require.Greater(r.t, second.id.seconds("auth_time"), first.id.seconds("auth_time"))
	require.WithinDuration(r.t, time.Now(), time.Unix(second.id.seconds("auth_time"), 0), skew)
	r.screenshot(reasonSecondSignIn)
}

func idTokenHint(r *run) {
	first := r.signIn()
	requireSameUser(r.t, first, r.signIn("prompt", "none", "id_token_hint", first.id.token))
	require.Equal(r.t, []string{"login-submit"}, r.browser.pressed)
}

// acrValues asks for what the metadata lists, or for two values that nobody knows.
func acrValues(r *run) {
	asked := []string{"1", "2"}
	if list, ok := r.s.metadata["acr_values_supported"].([]any); ok {
		asked = nil
		for _, value := range list {
			asked = append(asked, value.(string))
		}
	}
	got := r.signIn("acr_values", strings.Join(asked, " "))
	r.warn(slices.Contains(asked, got.id.text("acr")), reasonACR)
}
