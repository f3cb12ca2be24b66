package provider_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// BenchmarkToken measures a token request from the handler down, without a connection, so that it counts only the
// allocations of the request. Everything else is real.
func BenchmarkToken(b *testing.B) {
	w := newEnv(b)
	post := func(values url.Values) map[string]any {
		request := httptest.NewRequest(http.MethodPost, w.settings.path+"/token", strings.NewReader(values.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		recorder := httptest.NewRecorder()
		w.server.Config.Handler.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusOK {
			b.Fatal(recorder.Body.String())
		}
		var members map[string]any
		if err := json.Unmarshal(recorder.Body.Bytes(), &members); err != nil {
			b.Fatal(err)
		}
		return members
	}
	b.Run("client_credentials", func(b *testing.B) {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"service"},
			"client_secret": {testSecret}}
		b.ReportAllocs()
		for b.Loop() {
			post(form)
		}
	})
	client := w.signer()
	b.Run("private_key_jwt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			form := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType},
				"client_assertion": {client.assertion(client.claims(nil))}}
			b.StartTimer()
			post(form)
		}
	})
	b.Run("refresh_token", func(b *testing.B) {
		token := w.signIn("alice").text("refresh_token")
		b.ReportAllocs()
		for b.Loop() {
			form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"mini"}, "refresh_token": {token}}
			token = post(form)["refresh_token"].(string)
		}
	})
}
