package verify

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTheLastGoodKeySetIsKept(t *testing.T) {
	w := newEnv(t)
	good := w.issuer.jwks
	for name, fault := range map[string]func(){
		"500":            func() { w.issuer.status = http.StatusInternalServerError },
		"404":            func() { w.issuer.status = http.StatusNotFound },
		"a redirect":     func() { w.issuer.status = http.StatusFound },
		"HTML":           func() { w.issuer.jwks = "<html>" },
		"cut off":        func() { w.issuer.jwks = good[:len(good)/2] },
		"null":           func() { w.issuer.jwks = "null" },
		"no keys":        func() { w.issuer.jwks = `{"keys":[]}` },
		"256 KiB":        func() { w.issuer.jwks = good + strings.Repeat(" ", maxDocumentSize) },
		"another issuer": func() { w.issuer.status, w.issuer.metadata = 500, `{"issuer":"https://attacker.example"}` },
	} {
		t.Run(name, func(t *testing.T) {
			healthy := w.issuer.metadata
			w.issuer.change(fault)
			for range 3 {
				w.clock.advance(time.Hour)
				requireGood(t, w, w.token(nil))
				w.settle(t)
				requireEqual(t, true, w.verifier.keys.failed.Load() != 0)
			}
			w.issuer.change(func() { w.issuer.status, w.issuer.jwks, w.issuer.metadata = 0, good, healthy })
			w.clock.advance(defaultFloor)
			requireGood(t, w, w.token(nil))
			w.settle(t)
			requireEqual(t, false, w.verifier.keys.failed.Load() != 0)
		})
	}
	t.Run("not reachable", func(t *testing.T) {
		w.issuer.Close()
		for range 3 {
			w.clock.advance(time.Hour)
			requireGood(t, w, w.token(nil))
			w.settle(t)
			requireRefused(t, w, w.tokenOf("second", secondRSA()), unknownKey)
		}
	})
}

// TestAnOutageDelaysNobody: while fetches fail, callers use the last key set, however old it is. An API that was idle
// waits once.
func TestAnOutageDelaysNobody(t *testing.T) {
	w := newEnv(t)
	w.issuer.change(func() { w.issuer.status = http.StatusInternalServerError })
	w.clock.advance(time.Hour)
	requireGood(t, w, w.token(nil))
	w.settle(t)
	w.requirePrompt(t, defaultFloor)
}

// TestKeysThatMayNotBeKeptDelayNobody while the next are fetched.
func TestKeysThatMayNotBeKeptDelayNobody(t *testing.T) {
	w := &env{issuer: newIssuer(t), clock: newClock()}
	w.issuer.control = "no-store, max-age=0"
	w.verifier = w.verifierOf(t)
	w.requirePrompt(t, defaultFloor)
}

// requirePrompt requires that tokens are accepted at once although the key set is fetched after some time and the
// issuer hangs.
func (w *env) requirePrompt(t *testing.T, after time.Duration) {
	t.Helper()
	hold := make(chan struct{})
	w.issuer.change(func() { w.issuer.held = hold })
	w.clock.advance(after)
	start := time.Now()
	requireGood(t, w, w.token(nil))
	if took := time.Since(start); took >= waitForFetch {
		t.Fatal(took)
	}
	requireEqual(t, true, w.verifier.keys.flight.Load() != nil)
	close(hold)
	w.settle(t)
}
