package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// api returns a handler behind the middleware that answers with the caller.
func (w *env) api(require ...func(http.Handler) http.Handler) http.Handler {
	var handler http.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		claims, ok := FromContext(r.Context())
		fmt.Fprint(rw, claims.Subject, " ", ok)
	})
	for _, r := range require {
		handler = r(handler)
	}
	return w.verifier.Middleware(handler)
}

func ask(handler http.Handler, authorization ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, "/orders", http.NoBody)
	for _, value := range authorization {
		request.Header.Add("Authorization", value)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

// requireAnswer compares status, challenge and the body's error.
func requireAnswer(t *testing.T, got *httptest.ResponseRecorder, status int, challenge, name string) {
	t.Helper()
	var body struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(got.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	requireEqual(t, []any{status, challenge, name}, []any{got.Code, got.Header().Get("WWW-Authenticate"), body.Error})
	requireEqual(t, []string{"application/json", "no-store"}, []string{got.Header().Get("Content-Type"),
		got.Header().Get("Cache-Control")})
}

const (
	realm        = `Bearer realm="https://api.example.com"`
	invalidToken = realm + `, error="invalid_token", ` +
		`error_description="The access token is invalid or has expired."`
	invalidRequest = realm + `, error="invalid_request", error_description="Send one Authorization header."`
)

func TestAGoodTokenReachesTheHandler(t *testing.T) {
	w := newEnv(t)
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER "} { // RFC 9110 §11.1
		got := ask(w.api(), scheme+w.token(nil))
		requireEqual(t, []any{200, "u_1 true", ""}, []any{got.Code, got.Body.String(),
			got.Header().Get("WWW-Authenticate")})
	}
}

func TestWithoutATokenThereIsNoErrorCode(t *testing.T) {
	w := newEnv(t)
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Basic YTpi", "DPoP " + w.token(nil),
		w.token(nil)} {
		requireAnswer(t, ask(w.api(), authorization), 401, realm, "")
	}
	requireAnswer(t, ask(w.api()), 401, realm, "")
}

func TestTokensOutsideTheHeaderAreIgnored(t *testing.T) {
	w := newEnv(t)
	form := url.Values{"access_token": {w.token(nil)}}.Encode()
	for name, request := range map[string]*http.Request{
		"in the query": httptest.NewRequest(http.MethodGet, "/orders?"+form, http.NoBody),
		"in a form":    httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader(form)),
		"in a cookie":  httptest.NewRequest(http.MethodGet, "/orders", http.NoBody),
	} {
		t.Run(name, func(t *testing.T) {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.AddCookie(&http.Cookie{Name: "access_token", Value: w.token(nil)})
			recorder := httptest.NewRecorder()
			w.api().ServeHTTP(recorder, request)
			requireAnswer(t, recorder, 401, realm, "")
		})
	}
}

func TestBadTokensAreAnsweredAlike(t *testing.T) {
	w := newEnv(t)
	for name, token := range map[string]string{
		"nonsense":          "nonsense",
		"a space before":    " " + w.token(nil),
		"a trailing space":  w.token(nil) + " ",
		"two in one":        w.token(nil) + ", Bearer " + w.token(nil),
		"for another API":   w.token(map[string]any{"aud": "https://other.example.com"}),
		"for the issuer":    w.token(map[string]any{"aud": w.issuer.URL}),
		"expired":           w.token(map[string]any{"exp": 1}),
		"of an unknown key": w.tokenOf("second", secondRSA()),
	} {
		t.Run(name, func(t *testing.T) {
			requireAnswer(t, ask(w.api(), "Bearer "+token), 401, invalidToken, "invalid_token")
		})
	}
	t.Run("two headers", func(t *testing.T) {
		requireAnswer(t, ask(w.api(), "Bearer "+w.token(nil), "Bearer "+w.token(nil)), 400, invalidRequest,
			"invalid_request")
		requireAnswer(t, ask(w.api(), "Bearer "+w.token(nil), "Basic YTpi"), 400, invalidRequest, "invalid_request")
	})
}

func TestWithoutKeysTheAnswerIs503(t *testing.T) {
	w := &env{issuer: newIssuer(t), clock: newClock()}
	w.issuer.status = http.StatusInternalServerError
	w.verifier = w.verifierOf(t, WithLazyStart())
	got := ask(w.api(), "Bearer "+w.token(nil))
	requireAnswer(t, got, 503, "", "temporarily_unavailable")
	requireEqual(t, "10", got.Header().Get("Retry-After"))
}

func TestScopesAreRequired(t *testing.T) {
	w := newEnv(t)
	token := "Bearer " + w.token(map[string]any{"scope": "orders.read orders.write"})
	lacks := func(scope string) string {
		return realm + `, error="insufficient_scope", error_description="The access token lacks a scope.", ` +
			`scope="` + scope + `"`
	}
	requireEqual(t, 200, ask(w.api(RequireScope("orders.read")), token).Code)
	requireEqual(t, 200, ask(w.api(RequireScope("orders.write", "orders.read")), token).Code)
	requireEqual(t, 200, ask(w.api(RequireScope("orders.write"), RequireScope("orders.read")), token).Code)
	for _, scopes := range [][]string{{"orders"}, {"orders.read orders.write"}, {"ORDERS.READ"},
		{"orders.read", "admin"}, {`x"y\`}} {
		got := ask(w.api(RequireScope(scopes[0], scopes[1:]...)), token)
		requireAnswer(t, got, 403, lacks(strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(strings.Join(scopes,
			" "))), "insufficient_scope")
	}
	requireEqual(t, 403, ask(w.api(RequireScope("")), token).Code)
	requireEqual(t, 403, ask(w.api(RequireScope("orders.read")), "Bearer "+w.token(map[string]any{"scope": nil})).Code)
	requireAnswer(t, ask(w.api(RequireScope("orders.read"))), 401, realm, "") // the token is required first
}

func TestRolesAreRequired(t *testing.T) {
	w := newEnv(t)
	token := "Bearer " + w.token(nil)
	requireEqual(t, 200, ask(w.api(RequireRole("editor")), token).Code)
	requireEqual(t, 200, ask(w.api(RequireRole("admin", "editor")), token).Code)
	lacks := realm + `, error="insufficient_scope", error_description="The user lacks a role."`
	requireAnswer(t, ask(w.api(RequireRole("admin")), token), 403, lacks, "insufficient_scope")
	requireAnswer(t, ask(w.api(RequireRole("admin"), RequireRole("editor")), token), 403, lacks, "insufficient_scope")
	requireAnswer(t, ask(w.api(RequireRole("editor")), "Bearer "+w.token(map[string]any{"roles": nil})), 403,
		lacks, "insufficient_scope")
}

// TestAHandlerThatIsNotBehindTheMiddlewareIsClosed: it answers 500.
func TestAHandlerThatIsNotBehindTheMiddlewareIsClosed(t *testing.T) {
	open := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	for _, require := range []func(http.Handler) http.Handler{RequireScope("a"), RequireRole("a")} {
		requireAnswer(t, ask(require(open), "Bearer x"), 500, "", "server_error")
	}
	_, ok := FromContext(context.Background())
	requireEqual(t, false, ok)
}

// TestReasonsGoToTheLog and not to the caller. Tokens are not logged.
func TestReasonsGoToTheLog(t *testing.T) {
	var log bytes.Buffer
	w := newEnv(t, WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	token := w.tokenOf("first", secondRSA())
	got := ask(w.api(), "Bearer "+token)
	requireEqual(t, []bool{true, false}, []bool{
		strings.Contains(log.String(), string(badSignature)),
		strings.Contains(got.Body.String()+fmt.Sprint(got.Header()), "signature"),
	})
	for _, segment := range strings.Split(token, ".") {
		requireEqual(t, false, strings.Contains(log.String()+got.Body.String(), segment))
	}
}
