package provider

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/browser"
	"github.com/lingpai/lingpai/provider/pages"
)

// metadata is RFC 8414 §2 and OpenID Connect Discovery §3. It lists only what is implemented.
type metadata struct {
	Issuer                  string   `json:"issuer"`
	AuthorizationEndpoint   string   `json:"authorization_endpoint"`
	TokenEndpoint           string   `json:"token_endpoint"`
	PAREndpoint             string   `json:"pushed_authorization_request_endpoint"` // RFC 9126
	DeviceEndpoint          string   `json:"device_authorization_endpoint"`         // RFC 8628
	JWKSURI                 string   `json:"jwks_uri"`
	UserinfoEndpoint        string   `json:"userinfo_endpoint"`
	RevocationEndpoint      string   `json:"revocation_endpoint"`
	IntrospectionEndpoint   string   `json:"introspection_endpoint"`
	EndSessionEndpoint      string   `json:"end_session_endpoint"` // RP-Initiated Logout §2.1
	RevocationListURI       string   `json:"revocation_list_uri"`  // an extension: see docs/revocation-list.md
	GrantTypes              []string `json:"grant_types_supported"`
	ResponseTypes           []string `json:"response_types_supported"`
	ResponseModes           []string `json:"response_modes_supported"`
	ChallengeMethods        []string `json:"code_challenge_methods_supported"`               // RFC 7636
	IssuerInResponse        bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	Prompts                 []string `json:"prompt_values_supported"`
	Locales                 []string `json:"ui_locales_supported"`
	TokenAuth               []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgorithms     []string `json:"token_endpoint_auth_signing_alg_values_supported"` // of private_key_jwt
	RevocationAuth          []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAlgorithms    []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuth       []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAlgorithms []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	SubjectTypes            []string `json:"subject_types_supported"`
	IDTokenAlgorithms       []string `json:"id_token_signing_alg_values_supported"`
	Scopes                  []string `json:"scopes_supported"`
	Claims                  []string `json:"claims_supported"`
	ContextClasses          []string `json:"acr_values_supported,omitempty"`
	ClaimsParameter         bool     `json:"claims_parameter_supported"`
	RequestParameter        bool     `json:"request_parameter_supported"`
	RequestURIParameter     bool     `json:"request_uri_parameter_supported"` // the default is true
	ResourceIndicators      bool     `json:"resource_indicators_supported"`   // RFC 8707; the name is not registered
	// OpenID Connect Back-Channel Logout §2.1
	BackchannelLogout    bool   `json:"backchannel_logout_supported"`
	BackchannelSession   bool   `json:"backchannel_logout_session_supported"`
	ServiceDocumentation string `json:"service_documentation"`
}

func metadataJSON(issuer string, contextClasses []string) []byte {
	confidential := []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	anyClient := append([]string{"none"}, confidential...)
	claims := []string{"sub", "iss", "aud", "azp", "exp", "iat", "auth_time", "amr", "sid", "at_hash", "nonce",
		"is_new_user", "preferred_username", "name", "nickname", "picture", "gender", "locale", "updated_at", "email",
		"email_verified", "phone_number", "phone_number_verified", "phone_number_seen_at", "address"}
	if len(contextClasses) > 0 {
		claims = append(claims, "acr")
	}
	body, _ := json.Marshal(metadata{
		Issuer:                issuer,
		AuthorizationEndpoint: issuer + browser.AuthorizePath,
		TokenEndpoint:         issuer + "/token",
		PAREndpoint:           issuer + "/par",
		DeviceEndpoint:        issuer + "/device_authorization",
		JWKSURI:               issuer + "/.well-known/jwks.json",
		UserinfoEndpoint:      issuer + "/userinfo",
		RevocationEndpoint:    issuer + "/revoke",
		IntrospectionEndpoint: issuer + "/introspect",
		EndSessionEndpoint:    issuer + browser.EndSessionPath,
		BackchannelLogout:     true,
		BackchannelSession:    true,
		RevocationListURI:     issuer + "/revocations",
		GrantTypes:            grants.Types(),
		ResponseTypes:         []string{"code"},
		ResponseModes:         []string{"query", "form_post"},
		ChallengeMethods:      []string{"S256"},
		IssuerInResponse:      true,
		Prompts:               []string{"none", "login", "consent", "select_account"},
		Locales:               pages.Languages(),
		TokenAuth:             anyClient,
		RevocationAuth:        anyClient,
		IntrospectionAuth:     confidential,
		TokenAuthAlgorithms:   clients.AssertionAlgorithms(), RevocationAlgorithms: clients.AssertionAlgorithms(),
		IntrospectionAlgorithms: clients.AssertionAlgorithms(),
		SubjectTypes:            []string{"public"},
		IDTokenAlgorithms:       []string{"RS256"},
		Scopes:                  oauth.Scopes(),
		Claims:                  claims,
		ContextClasses:          contextClasses,
		ClaimsParameter:         true,
		ResourceIndicators:      true,
		ServiceDocumentation:    "https://github.com/lingpai/lingpai",
	})
	return body
}

// document is a constant document.
type document struct{ content }

// newDocument returns a JSON document.
func newDocument(body []byte) document { return documentOf(body, jsonType, publicCache) }

// documentOf returns a document with values of Content-Type and Cache-Control.
func documentOf(body []byte, contentType, cache []string) document {
	sum := sha256.Sum256(body)
	etag := fmt.Sprintf("%q", base64.RawURLEncoding.EncodeToString(sum[:12]))
	return document{content{body: body, etag: etag, contentType: contentType, cache: cache}}
}

// ServeHTTP implements http.Handler.
func (d document) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.serve(w, r) }

// keySetEndpoint is the JWK set of RFC 7517.
type keySetEndpoint struct {
	keySet func() (jwks []byte, etag string)
	cache  []string
}

// ServeHTTP implements http.Handler.
func (e *keySetEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, etag := e.keySet()
	content{body: body, etag: etag, contentType: jsonType, cache: e.cache}.serve(w, r)
}
