package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestAFloodOfUnknownKeys: however many kids are made up, there is one fetch in each floor interval.
func TestAFloodOfUnknownKeys(t *testing.T) {
	w := newEnv(t)
	before := runtime.NumGoroutine()
	payload := w.claims(nil)
	for round := range 4 {
		var group sync.WaitGroup
		for n := range 32 {
			group.Add(1)
			go func() {
				defer group.Done()
				for m := range 25 {
					token := b64([]byte(headerOf(fmt.Sprint(round, "-", n, "-", m), ""))) + "." +
						b64([]byte(payload)) + ".AAAA"
					if err := w.verify(token); !errors.Is(err, unknownKey) {
						t.Error(err)
					}
				}
			}()
		}
		group.Wait()
		w.settle(t)
		requireEqual(t, int64(1+round), w.issuer.fetched.Load()) // in the first round, the fetch of New was too recent
		w.clock.advance(defaultFloor)
	}
	requireEqual(t, int64(3), w.issuer.notAgain.Load())
	requireGood(t, w, w.token(nil))
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	w.issuer.CloseClientConnections()
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

// TestAKeyThatIsGoneIsNotFetchedAgain while its last tokens still arrive.
func TestAKeyThatIsGoneIsNotFetchedAgain(t *testing.T) {
	w := newEnv(t)
	for range 5 { // within a minute
		w.clock.advance(defaultFloor)
		requireRefused(t, w, w.tokenOf("gone", secondRSA()), unknownKey)
	}
	requireEqual(t, int64(2), w.issuer.fetched.Load())
	t.Run("but accepted when it is published", func(t *testing.T) {
		w.issuer.publish(jwkOf("gone", &secondRSA().PublicKey))
		requireRefused(t, w, w.tokenOf("other", secondRSA()), unknownKey) // its fetch brings both
		requireGood(t, w, w.tokenOf("gone", secondRSA()))
	})
}

// TestCallersDoNotWaitLongForAKey while the issuer hangs. With a known key they do not wait at all.
func TestCallersDoNotWaitLongForAKey(t *testing.T) {
	w := newEnv(t)
	hold := make(chan struct{})
	w.issuer.change(func() { w.issuer.held = hold })
	w.clock.advance(defaultFloor)
	t.Run("no longer than their context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		_, err := w.verifier.Verify(ctx, w.tokenOf("second", secondRSA()))
		requireEqual(t, true, errors.Is(err, unknownKey))
	})
	t.Run("no longer than two seconds", func(t *testing.T) {
		start := time.Now()
		requireRefused(t, w, w.tokenOf("second", secondRSA()), unknownKey)
		if took := time.Since(start); took > waitForFetch+20*time.Second {
			t.Fatal(took)
		}
	})
	t.Run("not at all with a known key, though the set is old", func(t *testing.T) {
		w.clock.advance(5 * time.Minute)
		start := time.Now()
		requireGood(t, w, w.token(nil))
		if took := time.Since(start); took >= waitForFetch {
			t.Fatal(took)
		}
	})
	close(hold)
	w.settle(t)
}
