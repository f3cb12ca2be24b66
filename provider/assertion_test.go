package provider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// signer is a client that authenticates with a key of its own.
type signer struct {
	*env
	key *ecdsa.PrivateKey
}

func newSigner(t *testing.T) signer {
	t.Helper()
	return newEnv(t).signer()
}

// signer registers the client "signer".
func (w *env) signer() signer {
	t := w.t
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s := signer{w, key}
	point, err := key.PublicKey.Bytes()
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	set, err := json.Marshal(map[string]any{"keys": []any{map[string]string{"kty": "EC", "crv": "P-256", "kid": "1",
		"x": encode(point[1:33]), "y": encode(point[33:])}}})
	require.NoError(t, err)
	require.NoError(t, s.database.Clients().Create(t.Context(), identity.Client{ID: "signer", Confidential: true,
		Grants: []string{oauth.GrantClientCredentials}, Scopes: []string{"api"}, DefaultScopes: []string{"api"},
		JWKS: string(set)}))
	return s
}

// claims returns the claims of a valid assertion with some changed; nil removes one.
func (s signer) claims(changes map[string]any) map[string]any {
	claims := map[string]any{"iss": "signer", "sub": "signer", "aud": s.issuer, "jti": rand.Text(),
		"exp": s.clock.Now().Add(time.Minute).Unix(), "iat": s.clock.Now().Unix()}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

func (s signer) assertion(claims map[string]any) string {
	s.t.Helper()
	payload, err := json.Marshal(claims)
	require.NoError(s.t, err)
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"ES256","kid":"1"}`)) + "." + encode(payload)
	hash := sha256.Sum256([]byte(input))
	x, y, err := ecdsa.Sign(rand.Reader, s.key, hash[:])
	require.NoError(s.t, err)
	return input + "." + encode(append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...))
}

func (s signer) ask(assertion string, pairs ...string) answer {
	return s.token(form{"grant_type": "client_credentials", "client_assertion_type": assertionType,
		"client_assertion": assertion}.with(pairs...))
}

// TestPrivateKeyJWT: a client authenticates by an assertion (OpenID Connect Core §9) at each endpoint.
func TestPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	requireTokenOf := func(a answer) {
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.NotEmpty(t, a.text("access_token"))
	}
	requireTokenOf(s.ask(s.assertion(s.claims(nil))))
	requireTokenOf(s.ask(s.assertion(s.claims(nil)), "client_id", "signer"))
	requireTokenOf(s.ask(s.assertion(s.claims(map[string]any{"aud": []string{s.issuer}, "iat": nil}))))
	token := s.ask(s.assertion(s.claims(nil))).text("access_token")
	for path, status := range map[string]int{"/introspect": http.StatusOK, "/revoke": http.StatusBadRequest} {
		a := s.post(path, url.Values{"token": {token}, "client_assertion_type": {assertionType},
			"client_assertion": {s.assertion(s.claims(nil))}}.Encode(), nil)
		require.Equal(t, status, a.status, a.body)
	}
}

// TestForgedAssertions: C26 of the attacks: another audience, expired, too long-lived, of another client, by another
// key, without an id.
func TestForgedAssertions(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	now := s.clock.Now()
	for name, changes := range map[string]map[string]any{
		"the token endpoint":          {"aud": s.issuer + "/token"},
		"another server":              {"aud": "https://login.example.com"},
		"two audiences":               {"aud": []string{s.issuer, "https://login.example.com"}},
		"no audience":                 {"aud": nil},
		"an object":                   {"aud": map[string]string{"x": s.issuer}},
		"expired":                     {"exp": now.Add(-11 * time.Second).Unix()},
		"of two minutes":              {"exp": now.Add(2 * time.Minute).Unix()},
		"of a year":                   {"exp": now.AddDate(1, 0, 0).Unix()},
		"of all times":                {"exp": 1e300},
		"before all times":            {"exp": -1e300},
		"without expiry":              {"exp": nil},
		"expiry as a text":            {"exp": "9999999999"},
		"not yet":                     {"nbf": now.Add(time.Minute).Unix()},
		"another issuer":              {"iss": "backend"},
		"no issuer":                   {"iss": nil},
		"without id":                  {"jti": nil},
		"a very long id":              {"jti": string(make([]byte, 256))},
		"an id of two values":         {"jti": []string{"1"}},
		"about a client without keys": {"iss": "backend", "sub": "backend"},
		"about nobody":                {"iss": "nobody", "sub": "nobody"},
		"about a public client":       {"iss": "mini", "sub": "mini"},
	} {
		requireError(t, s.ask(s.assertion(s.claims(changes))), http.StatusUnauthorized, "invalid_client")
		t.Log(name)
	}
	other := newSigner(t)
	other.env = s.env
	requireError(t, s.ask(other.assertion(s.claims(nil))), http.StatusUnauthorized, "invalid_client")
	good := s.assertion(s.claims(nil))
	for _, malformed := range []string{"", "x", "a.b.c", good + "x", good + "."} {
		require.GreaterOrEqual(t, s.ask(malformed).status, http.StatusBadRequest, malformed)
	}
	requireError(t, s.ask(good, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
		http.StatusBadRequest, "invalid_request")
	requireError(t, s.ask(good, "client_id", "backend"), http.StatusBadRequest, "invalid_request")
	requireError(t, s.ask(good, "client_id", "backend", "client_secret", testSecret), http.StatusBadRequest,
		"invalid_request")
	requireError(t, s.ask(good, ":Authorization", basic("backend", testSecret)), http.StatusBadRequest,
		"invalid_request")
	require.NotContains(t, s.log.String(), good)
	requireError(t, s.token(form{"grant_type": "client_credentials", "client_id": "signer"}), http.StatusUnauthorized,
		"invalid_client")
	requireError(t, s.token(form{"grant_type": "client_credentials", "client_id": "signer", "client_secret": ""}),
		http.StatusUnauthorized, "invalid_client")
}

// TestReplayedAssertions: of any number of requests with one assertion, also in parallel, one is the client's.
func TestReplayedAssertions(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	assertion := s.assertion(s.claims(map[string]any{"jti": "1"}))
	answers := atOnce(8, func(int) answer { return s.ask(assertion) })
	won := 0
	for _, a := range answers {
		if a.status == http.StatusOK {
			won++
			continue
		}
		requireError(t, a, http.StatusUnauthorized, "invalid_client")
	}
	require.Equal(t, 1, won)
	s.clock.Move(69 * time.Second) // within the leeway of its expiry
	requireError(t, s.ask(assertion), http.StatusUnauthorized, "invalid_client")
	s.clock.Move(time.Hour)
	requireError(t, s.ask(assertion), http.StatusUnauthorized, "invalid_client")
	require.Equal(t, http.StatusOK, s.ask(s.assertion(s.claims(map[string]any{"jti": "1"}))).status, "long ago")

	s.volatile.broken.Store(true)
	requireError(t, s.ask(s.assertion(s.claims(nil))), http.StatusServiceUnavailable, "temporarily_unavailable")
}

// TestAnAssertionCountsOnceAtAllEndpoints: somebody who has seen an assertion at one endpoint cannot use it at another,
// nor after a request that was refused for another reason.
func TestAnAssertionCountsOnceAtAllEndpoints(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	endpoints := map[string]url.Values{
		"/token": {"grant_type": {"client_credentials"}}, "/introspect": {"token": {"x"}}, "/revoke": {"token": {"x"}},
		"/par": {"response_type": {"code"}}, "/device_authorization": {"scope": {"api"}},
	}
	for first := range endpoints {
		assertion := s.assertion(s.claims(nil))
		ask := func(path string) answer {
			values := maps.Clone(endpoints[path])
			values.Set("client_assertion_type", assertionType)
			values.Set("client_assertion", assertion)
			return s.post(path, values.Encode(), nil)
		}
		require.NotEqual(t, "invalid_client", ask(first).text("error"), first)
		for second := range endpoints {
			requireError(t, ask(second), http.StatusUnauthorized, "invalid_client")
		}
	}
	refused := s.assertion(s.claims(nil))
	requireError(t, s.ask(refused, "scope", "everything"), http.StatusBadRequest, "invalid_scope")
	requireError(t, s.ask(refused), http.StatusUnauthorized, "invalid_client")
}

// TestTwoSecrets: the secret before works until a time.
func TestTwoSecrets(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	ask := func(secret string) int {
		return w.token(w.wechatCode("alice").with("client_id", "backend", "appid", testApp, "client_secret",
			secret)).status
	}
	require.NoError(t, w.database.Clients().SetSecret(t.Context(), "backend", identity.HashSecret("the new one"),
		time.Hour))
	require.Equal(t, http.StatusOK, ask("the new one"))
	require.Equal(t, http.StatusOK, ask(testSecret))
	require.Equal(t, http.StatusUnauthorized, ask("a third one"))
	w.clock.Move(time.Hour + time.Second)
	require.Equal(t, http.StatusUnauthorized, ask(testSecret))
	require.Equal(t, http.StatusOK, ask("the new one"))
}
