package verify

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func (w *env) settle(t *testing.T) {
	t.Helper()
	eventually(t, "the fetch ends", func() bool { return w.verifier.keys.flight.Load() == nil })
}

func TestANewKeyIsFetchedWhenATokenNeedsIt(t *testing.T) {
	w := newEnv(t)
	w.issuer.publish(jwkOf("second", &secondRSA().PublicKey), jwkOf("first", &firstRSA().PublicKey))
	w.clock.advance(defaultFloor)
	requireGood(t, w, w.tokenOf("second", secondRSA()))
	requireGood(t, w, w.tokenOf("first", firstRSA()))
	requireEqual(t, []int64{1, 2}, []int64{w.issuer.asked.Load(), w.issuer.fetched.Load()})
}

// TestAKeyThatIsGoneEndsItsTokens, including cached ones, as soon as a key set without it was fetched; the others
// stay cached.
func TestAKeyThatIsGoneEndsItsTokens(t *testing.T) {
	w := newEnv(t)
	w.issuer.publish(jwkOf("first", &firstRSA().PublicKey), jwkOf("second", &secondRSA().PublicKey))
	w.clock.advance(defaultFloor)
	old, current := w.tokenOf("first", firstRSA()), w.tokenOf("second", secondRSA())
	requireGood(t, w, current)
	requireGood(t, w, old)
	w.issuer.publish(jwkOf("second", &secondRSA().PublicKey))
	w.clock.advance(5 * time.Minute)
	requireGood(t, w, old) // starts a fetch of the new set, and does not wait for it
	w.settle(t)
	requireRefused(t, w, old, unknownKey)
	sum := sumOf(current)
	key := w.verifier.keys.set.Load().keys["second"]
	requireEqual(t, true, w.verifier.cache.find(&sum).key == key)
	requireGood(t, w, current)
}

func TestAKeyThatIsReplacedUnderItsNameEndsItsTokens(t *testing.T) {
	w := newEnv(t)
	old := w.tokenOf("first", firstRSA())
	requireGood(t, w, old)
	w.issuer.publish(jwkOf("first", &secondRSA().PublicKey))
	w.clock.advance(10 * time.Minute)
	requireRefused(t, w, old, badSignature)
	requireGood(t, w, w.tokenOf("first", secondRSA()))
}

// TestKnownKeysTakeNoLock: tokens are accepted while the only lock is held.
func TestKnownKeysTakeNoLock(t *testing.T) {
	w := newEnv(t)
	w.verifier.keys.mutex.Lock()
	defer w.verifier.keys.mutex.Unlock()
	token := w.token(nil)
	requireGood(t, w, token) // its signature is checked
	requireGood(t, w, token) // it is cached
}

func TestTheKeySetIsRenewedInItsTime(t *testing.T) {
	for name, control := range map[string]struct {
		header   string
		lifetime time.Duration
	}{
		"by max-age":         {"public, max-age=120", 2 * time.Minute},
		"at most an hour":    {"max-age=31536000", time.Hour},
		"quoted":             {`Max-Age="60"`, time.Minute},
		"by default":         {"", 5 * time.Minute},
		"nonsense":           {"max-age=-1, max-age=x", 5 * time.Minute},
		"at least the floor": {"no-cache, max-age=0", defaultFloor},
	} {
		t.Run(name, func(t *testing.T) {
			w := &env{issuer: newIssuer(t), clock: newClock()}
			w.issuer.control = control.header
			w.verifier = w.verifierOf(t)
			w.clock.advance(control.lifetime - time.Second)
			requireGood(t, w, w.token(nil))
			w.settle(t)
			requireEqual(t, int64(1), w.issuer.fetched.Load())
			w.clock.advance(time.Second)
			requireGood(t, w, w.token(nil))
			w.settle(t)
			requireEqual(t, []int64{1, 2, 1}, []int64{w.issuer.asked.Load(), w.issuer.fetched.Load(),
				w.issuer.notAgain.Load()})
		})
	}
}

// TestAnAPIThatWasIdleDoesNotTrustItsOldKeys for the first token.
func TestAnAPIThatWasIdleDoesNotTrustItsOldKeys(t *testing.T) {
	w := newEnv(t)
	token := w.tokenOf("first", firstRSA())
	requireGood(t, w, token)
	w.issuer.publish(jwkOf("second", &secondRSA().PublicKey))
	w.clock.advance(10 * time.Minute)
	requireRefused(t, w, token, unknownKey)
}

// TestEverythingAtOnce is for the race detector: valid tokens are accepted while keys rotate, the clock advances and
// other tokens have made-up kids.
func TestEverythingAtOnce(t *testing.T) {
	w := newEnv(t, WithCache(8))
	tokens := make([]string, 16)
	for n := range tokens {
		tokens[n] = w.token(map[string]any{"jti": fmt.Sprint(n), "exp": w.clock.now().Unix() + 1<<30})
	}
	var group sync.WaitGroup
	for n := range 16 {
		group.Add(1)
		go func() {
			defer group.Done()
			for m := range 100 {
				if err := w.verify(tokens[(n*7+m)%len(tokens)]); err != nil {
					t.Error(err)
				}
				_ = w.verify(tokens[n][:60] + fmt.Sprint(m) + tokens[n][60:])
				if n == 0 {
					w.clock.advance(time.Minute)
					w.issuer.publish(jwkOf(fmt.Sprint("second", m%3), &secondRSA().PublicKey),
						jwkOf("first", &firstRSA().PublicKey))
				}
			}
		}()
	}
	group.Wait()
	w.settle(t)
}
