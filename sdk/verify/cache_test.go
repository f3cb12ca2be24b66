package verify

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// remembered reports whether a token is in the cache.
func (w *env) remembered(token string) bool {
	sum := sumOf(token)
	return w.verifier.cache.find(&sum) != nil
}

func TestOnlyGoodTokensAreRemembered(t *testing.T) {
	w := newEnv(t)
	good := w.token(nil)
	requireGood(t, w, good)
	requireEqual(t, true, w.remembered(good))
	for _, bad := range []string{
		w.tokenOf("first", secondRSA()), w.tokenOf("second", secondRSA()), w.token(map[string]any{"exp": 1}),
		w.token(map[string]any{"aud": "x"}), good + "A",
	} {
		requireEqual(t, false, w.verify(bad) == nil)
		requireEqual(t, false, w.remembered(bad))
	}
}

func TestRememberedTokensExpire(t *testing.T) {
	w := newEnv(t, WithLeeway(time.Second))
	token := w.token(map[string]any{"exp": w.clock.now().Unix() + 60})
	requireGood(t, w, token)
	w.clock.advance(60 * time.Second)
	requireGood(t, w, token)
	w.clock.advance(time.Second)
	requireEqual(t, true, w.remembered(token))
	requireRefused(t, w, token, expired)
	t.Run("a clock that is set back makes a token early again", func(t *testing.T) {
		w.clock.advance(-time.Hour)
		requireRefused(t, w, token, tooEarly)
	})
}

func TestTheCacheIsBounded(t *testing.T) {
	w := newEnv(t, WithCache(30))
	requireEqual(t, 32, len(w.verifier.cache.slots))
	tokens := make([]string, 100)
	for n := range tokens {
		tokens[n] = w.token(map[string]any{"jti": fmt.Sprint(n)})
		requireGood(t, w, tokens[n])
		requireEqual(t, true, w.remembered(tokens[n]))
	}
	kept := 0
	for _, token := range tokens {
		if w.remembered(token) {
			kept++
		}
	}
	if kept < 16 || kept > 32 {
		t.Fatalf("%d are remembered", kept)
	}
	for _, token := range tokens { // with their own claims, whichever token was in the slot before
		claims, err := w.verifier.Verify(context.Background(), token)
		if err != nil || token != tokens[mustNumber(t, claims.ID)] {
			t.Fatal(claims, err)
		}
	}
}

func mustNumber(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestExpiredTokensMakeRoom(t *testing.T) {
	w := newEnv(t, WithCache(4))
	lasting := w.token(map[string]any{"exp": w.clock.now().Unix() + 1<<30})
	requireGood(t, w, lasting)
	for range 40 {
		requireGood(t, w, w.token(map[string]any{"exp": w.clock.now().Unix() + 5}))
		w.clock.advance(time.Minute)
	}
	requireEqual(t, true, w.remembered(lasting))
}

// TestAKeyThatComesBack: cached tokens of the removed key are not used for the new one.
func TestAKeyThatComesBack(t *testing.T) {
	w := newEnv(t)
	token := w.token(map[string]any{"exp": w.clock.now().Unix() + 1<<30})
	requireGood(t, w, token)
	w.issuer.publish(jwkOf("second", &secondRSA().PublicKey))
	w.clock.advance(10 * time.Minute)
	requireRefused(t, w, token, unknownKey)
	w.issuer.publish(jwkOf("first", &firstRSA().PublicKey))
	w.clock.advance(10 * time.Minute)
	requireGood(t, w, token)
	sum := sumOf(token)
	requireEqual(t, true, w.verifier.cache.find(&sum).key == w.verifier.keys.set.Load().keys["first"])
}

func TestWithoutCacheNothingIsRemembered(t *testing.T) {
	w := newEnv(t, WithCache(0))
	for range 2 {
		requireGood(t, w, w.token(nil))
		requireEqual(t, false, w.remembered(w.token(nil)))
	}
}

// TestARememberedTokenCostsLittle: only the caller's copy of the lists is allocated.
func TestARememberedTokenCostsLittle(t *testing.T) {
	w := newEnv(t)
	token := w.token(nil)
	requireGood(t, w, token)
	inside := testing.AllocsPerRun(100, func() { _, _ = w.verifier.verify(context.Background(), token) })
	whole := testing.AllocsPerRun(100, func() { _, _ = w.verifier.Verify(context.Background(), token) })
	t.Logf("allocations: %.0f, of which %.0f before the claims are copied", whole, inside)
	requireEqual(t, 0.0, inside)
	if whole > 4 {
		t.Fatalf("%.0f allocations", whole)
	}
}
