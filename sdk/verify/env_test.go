package verify

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

const testAudience = "https://api.example.com"

// testClock is a clock that tests move.
type testClock struct{ nanoseconds atomic.Int64 }

func newClock() *testClock {
	c := &testClock{}
	c.nanoseconds.Store(time.Unix(1_800_000_000, 0).UnixNano())
	return c
}

func (c *testClock) now() time.Time          { return time.Unix(0, c.nanoseconds.Load()) }
func (c *testClock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

// env is an issuer and a verifier of its tokens.
type env struct {
	issuer   *testIssuer
	clock    *testClock
	verifier *Verifier
}

func newEnv(t testing.TB, options ...Option) *env {
	t.Helper()
	w := &env{issuer: newIssuer(t), clock: newClock()}
	w.verifier = w.verifierOf(t, options...)
	return w
}

func (w *env) verifierOf(t testing.TB, options ...Option) *Verifier {
	t.Helper()
	v, err := New(context.Background(), w.issuer.URL, testAudience, append([]Option{WithClock(w.clock.now)},
		options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// claims returns the claims of a valid token of a user with changes; nil removes a claim.
func (w *env) claims(changes map[string]any) string {
	now := w.clock.now().Unix()
	claims := map[string]any{
		"iss": w.issuer.URL, "sub": "u_1", "aud": testAudience, "client_id": "app", "scope": "orders.read roles",
		"jti": "t_1",
		"iat": now, "exp": now + 3600, "sid": "s_1", "auth_time": now - 60, "amr": []string{"wechat"},
		"acr":    "urn:example:wechat",
		"roles":  []string{"editor"},
		"ext":    map[string]any{"tenant": 7},
		"wechat": map[string]any{"appid": "wx1", "openid": "o1", "unionid": "n1"},
	}
	for name, value := range changes {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// token returns a valid token with changes.
func (w *env) token(changes map[string]any) string {
	return sign(headerOf("first", ""), w.claims(changes), firstRSA())
}

// tokenOf returns a token that is valid if the issuer publishes that key.
func (w *env) tokenOf(id string, key *rsa.PrivateKey) string {
	return sign(headerOf(id, ""), w.claims(nil), key)
}

// headerOf returns a valid header with additional members.
func headerOf(id, more string) string {
	return fmt.Sprintf(`{"alg":"RS256","kid":%q,"typ":"at+jwt"%s}`, id, more)
}

// sign returns a compact JWS with any header and payload, signed with RS256.
func sign(header, payload string, key *rsa.PrivateKey) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return input + "." + b64(signature)
}

func (w *env) verify(token string) error {
	_, err := w.verifier.Verify(context.Background(), token)
	return err
}

func requireGood(t testing.TB, w *env, token string) {
	t.Helper()
	if err := w.verify(token); err != nil {
		t.Fatalf("refused: %v", err)
	}
}

func requireRefused(t testing.TB, w *env, token string, why reason) {
	t.Helper()
	err := w.verify(token)
	if !errors.Is(err, ErrInvalidToken) || !errors.Is(err, why) {
		t.Fatalf("got %v, want %v", err, why)
	}
}

func requireEqual(t testing.TB, want, got any) {
	t.Helper()
	if a, b := fmt.Sprintf("%#v", want), fmt.Sprintf("%#v", got); a != b {
		t.Fatalf("got  %s\nwant %s", b, a)
	}
}

// eventually waits until a condition is true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}
