package conformance_test

import (
	"net/url"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/language"
)

// config is the module of the Config profile.
var config = []module{{"oidcc-discovery-endpoint-verification", discovery}}

// registered are the members of metadata that are registered with IANA and that this server has, or could have.
var registered = []string{"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint",
	"revocation_endpoint", "introspection_endpoint", "end_session_endpoint", "pushed_authorization_request_endpoint",
	"device_authorization_endpoint", "require_pushed_authorization_requests", "grant_types_supported",
	"response_types_supported", "response_modes_supported", "code_challenge_methods_supported",
	"authorization_response_iss_parameter_supported", "prompt_values_supported", "ui_locales_supported",
	"token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported",
	"revocation_endpoint_auth_methods_supported", "revocation_endpoint_auth_signing_alg_values_supported",
	"introspection_endpoint_auth_methods_supported", "introspection_endpoint_auth_signing_alg_values_supported",
	"subject_types_supported", "id_token_signing_alg_values_supported", "scopes_supported", "claims_supported",
	"claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported",
	"acr_values_supported", "claims_locales_supported", "display_values_supported", "claim_types_supported",
	"backchannel_logout_supported", "backchannel_logout_session_supported", "service_documentation", "op_policy_uri",
	"op_tos_uri"}

// discovery checks what the metadata and the key set say.
func discovery(r *run) {
	require.Equal(r.t, r.s.issuer, r.s.metadata["issuer"])
	requireHTTPS(r)
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} {
		require.NotEmpty(r.t, r.s.endpoint(name), name)
	}
	require.True(r.t, r.s.lists("response_types_supported", "code"))
	require.True(r.t, r.s.lists("id_token_signing_alg_values_supported", "RS256"))
	require.True(r.t, r.s.lists("subject_types_supported", "public"))
	require.True(r.t, r.s.lists("scopes_supported", "openid"))
	var extensions []string
	for name, value := range r.s.metadata {
		if list, ok := value.([]any); ok {
			require.NotEmpty(r.t, list, "%s: an empty list is left out (RFC 8414 3.2)", name)
		}
		if !slices.Contains(registered, name) {
			extensions = append(extensions, "`"+name+"`")
		}
	}
	for _, name := range []string{"grant_types_supported", "claims_supported", "code_challenge_methods_supported"} {
		require.IsType(r.t, []any{}, r.s.metadata[name], name)
	}
	for _, scope := range r.s.metadata["scopes_supported"].([]any) {
		require.Regexp(r.t, `^[\x21\x23-\x5B\x5D-\x7E]+$`, scope)
	}
	for _, locale := range r.s.metadata["ui_locales_supported"].([]any) {
		tag, err := language.Parse(locale.(string))
		require.NoError(r.t, err)
		require.Equal(r.t, locale, tag.String(), "in its canonical form (RFC 5646 2.1.1)")
	}
	checkKeys(r)
	slices.Sort(extensions)
	r.warn(len(extensions) == 0, "not registered with IANA: "+strings.Join(extensions, ", "))
}

// requireHTTPS checks the URLs of all endpoints.
func requireHTTPS(r *run) {
	for name := range r.s.metadata {
		if !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" && name != "issuer" {
			continue
		}
		u, err := url.Parse(r.s.endpoint(name))
		require.NoError(r.t, err, name)
		require.Equal(r.t, "https", u.Scheme, name)
		require.NotEmpty(r.t, u.Host, name)
	}
}

// checkKeys checks that the key set has public keys only, each with a kid of its own.
func checkKeys(r *run) {
	require.NotZero(r.t, r.s.keys.Len())
	seen := map[string]bool{}
	for n := range r.s.keys.Len() {
		key, ok := r.s.keys.Key(n)
		require.True(r.t, ok)
		public, ok := key.(jwk.RSAPublicKey)
		require.True(r.t, ok, "%T", key)
		require.NoError(r.t, public.Validate())
		require.NotEmpty(r.t, key.KeyID())
		require.False(r.t, seen[key.KeyID()])
		require.Equal(r.t, "sig", key.KeyUsage())
		require.Equal(r.t, "RS256", key.Algorithm().String())
		seen[key.KeyID()] = true
	}
}
