package provider

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/oauth"
)

// metadata is RFC 8414 §2 and OpenID Connect Discovery §3: exactly what works. Without an authorization
// endpoint there is none, and no response type.
type metadata struct {
	Issuer                string   `json:"issuer"`
	TokenEndpoint         string   `json:"token_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	UserinfoEndpoint      string   `json:"userinfo_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	RevocationsURI        string   `json:"revocations_uri"` // ours: see docs/revocation-list.md
	GrantTypes            []string `json:"grant_types_supported"`
	ResponseTypes         []string `json:"response_types_supported"` // required, so it is there though it is empty
	TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
	// left out it would mean client_secret_basic
	RevocationAuth       []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuth    []string `json:"introspection_endpoint_auth_methods_supported"`
	SubjectTypes         []string `json:"subject_types_supported"`
	IDTokenAlgorithms    []string `json:"id_token_signing_alg_values_supported"`
	Scopes               []string `json:"scopes_supported"`
	Claims               []string `json:"claims_supported"`
	ClaimsParameter      bool     `json:"claims_parameter_supported"`
	RequestParameter     bool     `json:"request_parameter_supported"`
	RequestURIParameter  bool     `json:"request_uri_parameter_supported"` // left out it would mean true
	ServiceDocumentation string   `json:"service_documentation"`
}

func metadataJSON(issuer string) []byte {
	withSecret := []string{"client_secret_basic", "client_secret_post"}
	anyClient := append([]string{"none"}, withSecret...)
	body, _ := json.Marshal(metadata{
		Issuer:                issuer,
		TokenEndpoint:         issuer + "/token",
		JWKSURI:               issuer + "/.well-known/jwks.json",
		UserinfoEndpoint:      issuer + "/userinfo",
		RevocationEndpoint:    issuer + "/revoke",
		IntrospectionEndpoint: issuer + "/introspect",
		RevocationsURI:        issuer + "/revocations",
		GrantTypes:            grants.Names(),
		ResponseTypes:         []string{},
		TokenAuth:             anyClient,
		RevocationAuth:        anyClient,
		IntrospectionAuth:     withSecret,
		SubjectTypes:          []string{"public"},
		IDTokenAlgorithms:     []string{"RS256"},
		Scopes:                oauth.Scopes(),
		Claims: []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "amr", "sid", "at_hash", "is_new_user",
			"preferred_username", "name", "nickname", "picture", "gender", "locale", "updated_at", "email",
			"email_verified",
			"phone_number", "phone_number_verified", "phone_number_seen_at"},
		ServiceDocumentation: "https://github.com/lingpai/lingpai",
	})
	return body
}

// maxAge is how long the metadata and the key set may be cached.
const maxAge = 5 * time.Minute

// Header values that never change are shared slices: setting them allocates nothing.
var (
	jsonType    = []string{"application/json"}
	noStore     = []string{"no-store"}
	noCache     = []string{"no-cache"}
	publicCache = []string{cachedFor(maxAge)}
)

func cachedFor(age time.Duration) string {
	return "public, max-age=" + strconv.Itoa(int(age.Seconds()))
}

// document is a JSON text that is the same for every caller.
type document struct {
	body []byte
	etag string
}

func newDocument(body []byte) *document {
	sum := sha256.Sum256(body)
	return &document{body: body, etag: fmt.Sprintf("%q", base64.RawURLEncoding.EncodeToString(sum[:12]))}
}

// ServeHTTP implements http.Handler.
func (d *document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serveDocument(w, r, d.body, d.etag, jsonType, publicCache)
}

// keySetEndpoint is the JWK set of RFC 7517.
type keySetEndpoint struct {
	keySet func() (jwks []byte, etag string)
	cache  []string
}

// ServeHTTP implements http.Handler.
func (e *keySetEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, etag := e.keySet()
	serveDocument(w, r, body, etag, jsonType, e.cache)
}

func serveDocument(w http.ResponseWriter, r *http.Request, body []byte, etag string, contentType, cache []string) {
	header := w.Header()
	header["Cache-Control"] = cache
	header["Etag"] = []string{etag}
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header["Content-Type"] = contentType
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	if r.Method == http.MethodGet {
		_, _ = w.Write(body)
	}
}

// matches says whether an If-None-Match names an ETag. Weak ones count (RFC 9110 §13.1.2): a proxy that
// compresses makes ours weak.
func matches(ifNoneMatch, etag string) bool {
	etag = strings.TrimPrefix(etag, "W/")
	for candidate := range strings.SplitSeq(ifNoneMatch, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == etag {
			return true
		}
	}
	return false
}

// byMethod hands a request to the handler of its method, and tells all others which there are.
func (a answers) byMethod(handlers map[string]http.Handler) http.Handler {
	methods := slices.Sorted(maps.Keys(handlers))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, found := handlers[r.Method]; found {
			handler.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		a.writeError(w, r, oauth.NewError(oauth.MethodNotAllowed, "Use "+strings.Join(methods, " or ")+"."))
	})
}

// readOnly refuses whatever is more than reading.
func (a answers) readOnly(next http.Handler) http.Handler {
	return a.byMethod(map[string]http.Handler{http.MethodGet: next, http.MethodHead: next})
}
