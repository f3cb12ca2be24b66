package verify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// resourceOf returns a verifier of an API with metadata.
func (w *env) resourceOf(t *testing.T, audience string, resource Resource) *Verifier {
	t.Helper()
	v, err := New(context.Background(), w.issuer.URL, audience, WithClock(w.clock.now), WithResource(resource))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestResourceMetadata(t *testing.T) {
	w := &env{issuer: newIssuer(t), clock: newClock()}
	for audience, path := range map[string]string{
		"https://api.example.com":                  "",
		"https://api.example.com/":                 "", // RFC 9728 §3.1
		"https://api.example.com/v1":               "/v1",
		"https://api.example.com/v1/":              "/v1/",
		"https://api.example.com:8443/%7Ba%2Fb%7D": "/%7Ba%2Fb%7D",
		"http://[::1]:9001/v1/orders":              "/v1/orders",
	} {
		t.Run(audience, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle(w.resourceOf(t, audience, Resource{}).ResourceMetadata())
			mux.HandleFunc("GET /", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) })
			got := func(method, path string) *httptest.ResponseRecorder {
				recorder := httptest.NewRecorder()
				mux.ServeHTTP(recorder, httptest.NewRequest(method, path, http.NoBody))
				return recorder
			}
			path := "/.well-known/oauth-protected-resource" + path
			answer := got(http.MethodGet, path)
			requireEqual(t, `{"resource":"`+audience+`","authorization_servers":["`+w.issuer.URL+
				`"],"bearer_methods_supported":["header"]}`, answer.Body.String())
			requireEqual(t, http.Header{"Content-Type": {"application/json"}, "X-Content-Type-Options": {"nosniff"},
				"Cache-Control": {"public, max-age=300"}}, answer.Header())
			requireEqual(t, 200, got(http.MethodHead, path).Code)
			post := got(http.MethodPost, path)
			requireEqual(t, []any{405, "GET, HEAD"}, []any{post.Code, post.Header().Get("Allow")})
			requireEqual(t, http.StatusTeapot, got(http.MethodGet, strings.TrimSuffix(path, "/")+"/x").Code)
		})
	}
}

func TestResourceMetadataHasWhatTheAPISays(t *testing.T) {
	w := &env{issuer: newIssuer(t), clock: newClock()}
	_, handler := w.resourceOf(t, testAudience, Resource{
		Scopes: []string{"orders.read", "orders:write"}, Name: `订单 "1"`, Documentation: "https://example.com/docs#api",
	}).ResourceMetadata()
	var got map[string]any
	if err := json.Unmarshal(ask(handler).Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	requireEqual(t, map[string]any{
		"resource": testAudience, "authorization_servers": []any{w.issuer.URL},
		"scopes_supported": []any{"orders.read", "orders:write"}, "bearer_methods_supported": []any{"header"},
		"resource_name": `订单 "1"`, "resource_documentation": "https://example.com/docs#api",
	}, got)
}

func TestWithoutWithResourceThereIsNoMetadata(t *testing.T) {
	pattern, handler := newEnv(t).verifier.ResourceMetadata()
	requireEqual(t, []any{"GET /.well-known/oauth-protected-resource", 404}, []any{pattern, ask(handler).Code})
}

func TestChallengesNameTheMetadata(t *testing.T) {
	w := &env{issuer: newIssuer(t), clock: newClock()}
	w.verifier = w.verifierOf(t, WithResource(Resource{}))
	const named = realm + `, resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"`
	good := "Bearer " + w.token(nil)
	requireAnswer(t, ask(w.api()), 401, named, "")
	requireAnswer(t, ask(w.api(), "Bearer x"), 401, named+strings.TrimPrefix(invalidToken, realm), "invalid_token")
	requireAnswer(t, ask(w.api(), good, good), 400, named+strings.TrimPrefix(invalidRequest, realm), "invalid_request")
	requireAnswer(t, ask(w.api(RequireScope("admin")), good), 403, named+`, error="insufficient_scope", `+
		`error_description="The access token lacks a scope.", scope="admin"`, "insufficient_scope")
	requireAnswer(t, ask(w.api(RequireRole("admin")), good), 403, named+`, error="insufficient_scope", `+
		`error_description="The user lacks a role."`, "insufficient_scope")
}

func TestWithResourceChecksItsArguments(t *testing.T) {
	issuer := newIssuer(t)
	try := func(audience string, resource Resource) error {
		_, err := New(context.Background(), issuer.URL, audience, WithLazyStart(), WithResource(resource))
		return err
	}
	for audience, why := range map[string]string{
		"orders-api":                     "not a URL",
		"urn:example:orders":             "not a URL",
		"http://api.example.com":         "must be https",
		"https://api.example.com#":       "fragment",
		"https://api.example.com/v1#a":   "fragment",
		"https://api.example.com?a=b":    "query",
		"https://u:p@api.example.com":    "not a URL",
		"HTTPS://api.example.com":        `must be written as "https://api.example.com`,
		"https://api.example.com//":      "must be written as",
		"https://api.example.com//v1":    "must be written as",
		"https://api.example.com/a/../b": `must be written as "https://api.example.com/b"`,
		"https://api.example.com/{id}":   "must be written as",
		"https://api.example.com/a b":    "must be written as",
		"https://api.example.com/订单":     "must be written as",
	} {
		if err := try(audience, Resource{}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", audience, err)
		}
	}
	for _, scope := range []string{"", "a b", `a"`, `a\`, "a\n", "é"} {
		if err := try(testAudience, Resource{Scopes: []string{"orders", scope}}); err == nil {
			t.Errorf("the scope %q was accepted", scope)
		}
	}
	for _, page := range []string{"docs", "http://example.com/docs", "javascript:alert(1)"} {
		if err := try(testAudience, Resource{Documentation: page}); err == nil {
			t.Errorf("the documentation %q was accepted", page)
		}
	}
}
