package verify

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// TestAgainstARotatingIssuer verifies tokens of a running Lingpai whose keys rotate. Lingpai's own tests run it.
func TestAgainstARotatingIssuer(t *testing.T) {
	issuer, life := os.Getenv("LINGPAI_TEST_ROTATING_ISSUER"), os.Getenv("LINGPAI_TEST_SECONDS")
	if issuer == "" {
		t.Skip("NOT RUN: LINGPAI_TEST_ROTATING_ISSUER names no issuer whose keys rotate")
	}
	lasts, err := time.ParseDuration(life + "s")
	if err != nil {
		t.Fatal(err)
	}
	v, err := New(context.Background(), issuer, os.Getenv("LINGPAI_TEST_AUDIENCE"), WithRefreshFloor(time.Second),
		WithRevocations(time.Second, RefuseWithoutList))
	if err != nil {
		t.Fatal(err)
	}
	kids, tokens := map[string]bool{}, 0
	refresh := os.Getenv("LINGPAI_TEST_REFRESH_TOKEN") // of a user, whose session may be on the list
	more := func(end time.Time) bool { return len(kids) < 3 && time.Now().Before(end.Add(2*time.Minute)) }
	for end := time.Now().Add(lasts); time.Now().Before(end) || more(end); time.Sleep(20 * time.Millisecond) {
		var token string
		token, refresh = refreshed(t, issuer, refresh)
		header, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
		if err != nil {
			t.Fatal(err)
		}
		kids[string(header)] = true
		if _, err := v.Verify(context.Background(), token); err != nil {
			t.Fatalf("after %d tokens, %s: %v", tokens, header, err)
		}
		tokens++
	}
	if len(kids) < 3 {
		t.Fatalf("%d keys in %d tokens: the issuer does not rotate", len(kids), tokens)
	}
	t.Logf("%d tokens of %d keys, none refused", tokens, len(kids))
}

func refreshed(t *testing.T, issuer, refresh string) (accessToken, refreshToken string) {
	t.Helper()
	answer, err := http.PostForm(issuer+"/token", url.Values{
		"grant_type": {"refresh_token"}, "client_id": {os.Getenv("LINGPAI_TEST_PUBLIC_CLIENT")},
		"refresh_token": {refresh},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var members struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&members); err != nil || members.AccessToken == "" {
		t.Fatalf("%s: %v", answer.Status, err)
	}
	return members.AccessToken, members.RefreshToken
}
