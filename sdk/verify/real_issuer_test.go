package verify

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// TestAgainstARealIssuer verifies a token of a running Lingpai. Lingpai's own tests run it.
func TestAgainstARealIssuer(t *testing.T) {
	issuer, audience, token := os.Getenv("LINGPAI_TEST_ISSUER"), os.Getenv("LINGPAI_TEST_AUDIENCE"),
		os.Getenv("LINGPAI_TEST_TOKEN")
	if issuer == "" {
		t.Skip("NOT RUN: LINGPAI_TEST_ISSUER, LINGPAI_TEST_AUDIENCE, LINGPAI_TEST_TOKEN, " +
			"LINGPAI_TEST_TOKENS_OF_ONE, LINGPAI_TEST_TOKEN_OF_ANOTHER and LINGPAI_TEST_SECRET name no issuer, API, " +
			"access tokens and secret of their client")
	}
	v, err := New(context.Background(), issuer, audience)
	if err != nil {
		t.Fatal(err)
	}
	w := &env{verifier: v}
	claims, err := v.Verify(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	if !claims.IsUser() || claims.Subject == "" || claims.AuthTime.IsZero() || len(claims.Methods) != 1 ||
		claims.Scope == "" {
		t.Fatalf("%+v", claims)
	}
	if key := v.keys.set.Load(); key.etag == "" || key.lifetime != defaultLifetime {
		t.Fatalf("the key set has no ETag, or another lifetime: %+v", key)
	}
	requireEqual(t, 200, ask(w.api(), "Bearer "+token).Code)
	requireEqual(t, 401, ask(w.api(), "Bearer "+token[:len(token)-4]+"AAAA").Code)
	elsewhere, err := New(context.Background(), issuer, audience+"/other")
	if err != nil {
		t.Fatal(err)
	}
	_, err = elsewhere.Verify(context.Background(), token)
	requireEqual(t, badAudience, err)
	w.seesALogout(t, issuer, audience, token, claims.ClientID)
	w.seesManyLogouts(t, issuer, claims.ClientID)
}

// seesALogout revokes the token, and waits until a verifier sees that on the list.
func (w *env) seesALogout(t *testing.T, issuer, audience, token, client string) {
	v, err := New(context.Background(), issuer, audience, WithRevocations(time.Second, RefuseWithoutList))
	if err != nil {
		t.Fatal(err)
	}
	w.verifier = v
	requireGood(t, w, token)
	revoke(t, issuer, client, token)
	eventually(t, "the list has the session", func() bool { return w.verify(token) != nil })
	requireRefused(t, w, token, sessionEnded)
}

// seesManyLogouts revokes more tokens of one user than the list contains, and waits until the verifier rejects all of
// them, but not that of another user.
func (w *env) seesManyLogouts(t *testing.T, issuer, client string) {
	tokens := strings.Fields(os.Getenv("LINGPAI_TEST_TOKENS_OF_ONE"))
	for _, token := range tokens {
		revoke(t, issuer, client, token)
	}
	other := os.Getenv("LINGPAI_TEST_TOKEN_OF_ANOTHER")
	found := map[error]int{}
	eventually(t, "the list has or covers all sessions", func() bool {
		clear(found)
		for _, token := range tokens {
			found[w.verify(token)]++
		}
		return found[nil] == 0
	})
	requireEqual(t, []int{8, len(tokens) - 8}, []int{found[sessionEnded], found[bucketEnded]})
	requireGood(t, w, other)
}

func revoke(t *testing.T, issuer, client, token string) {
	answer, err := http.PostForm(issuer+"/revoke", url.Values{"client_id": {client},
		"client_secret": {os.Getenv("LINGPAI_TEST_SECRET")}, "token": {token}})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	requireEqual(t, http.StatusOK, answer.StatusCode)
}
