package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestNewReturnsAllErrors(t *testing.T) {
	_, err := New(context.Background(), "http://login.example.com", "", WithLeeway(time.Hour), WithRefreshFloor(0),
		WithCache(-1), WithClock(nil))
	for _, part := range []string{"https", "audience", "WithLeeway", "WithRefreshFloor", "WithCache", "WithClock"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Fatalf("%q is not in: %v", part, err)
		}
	}
	for _, issuer := range []string{"", "login.example.com", "https://", "https:login", "ftp://login.example.com",
		"https://u:p@login.example.com",
		"https://login.example.com?x", "https://login.example.com/#x", "http://127.0.0.1.example.com",
		"http://10.0.0.1", "http://[::2]"} {
		if _, err := New(context.Background(), issuer, testAudience, WithLazyStart()); err == nil {
			t.Fatalf("%q was accepted", issuer)
		}
	}
	for _, issuer := range []string{"https://login.example.com", "https://login.example.com/tenant",
		"http://localhost:1", "http://127.0.0.9:1", "http://[::1]:1"} {
		if _, err := New(context.Background(), issuer, testAudience, WithLazyStart()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewFailsWithoutAGoodIssuer(t *testing.T) {
	for name, test := range map[string]struct {
		fault func(*testIssuer)
		why   string
	}{
		"another issuer": {func(i *testIssuer) {
			i.metadata = strings.Replace(i.metadata, `{"issuer":"`,
				`{"issuer":"x`, 1)
		}, "its issuer is"},
		"an issuer with slash": {func(i *testIssuer) {
			i.metadata = strings.Replace(i.metadata, i.URL+`"`,
				i.URL+`/"`, 1)
		}, "its issuer is"},
		"two issuers": {func(i *testIssuer) {
			i.metadata = strings.Replace(i.metadata, `{`,
				`{"issuer":"x",`, 1)
		}, "repeated"},
		"no key set": {func(i *testIssuer) { i.metadata = fmt.Sprintf(`{"issuer":%q}`, i.URL) }, "jwks_uri"},
		"keys over http": {func(i *testIssuer) { i.metadata = keysAt(i, "http://keys.example.com") },
			"must be https"},
		"keys in a file": {func(i *testIssuer) { i.metadata = keysAt(i, "file:///etc/passwd") }, "not a URL"},
		"metadata of 256 KiB": {func(i *testIssuer) { i.metadata += strings.Repeat(" ", maxDocumentSize) },
			"256 KiB"},
		"metadata that is HTML": {func(i *testIssuer) { i.metadata = "<html>" }, "not JSON"},
		"no good key":           {func(i *testIssuer) { i.jwks = `{"keys":[]}` }, "no RSA key"},
		"no answer of keys":     {func(i *testIssuer) { i.status = http.StatusServiceUnavailable }, "503"},
		"not there":             {func(i *testIssuer) { i.Close() }, "metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := newIssuer(t)
			test.fault(issuer)
			v, err := New(context.Background(), issuer.URL, testAudience)
			if err == nil || v != nil || !strings.Contains(err.Error(), test.why) {
				t.Fatal(err)
			}
		})
	}
	t.Run("within its context", func(t *testing.T) {
		issuer := newIssuer(t)
		issuer.held = make(chan struct{})
		defer close(issuer.held)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		_, err := New(ctx, issuer.URL, testAudience)
		requireEqual(t, true, errors.Is(err, context.DeadlineExceeded))
	})
}

// keysAt returns metadata with a key set at a URL.
func keysAt(i *testIssuer, url string) string {
	return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, i.URL, url)
}

// TestRedirectsAreNotFollowed, whatever the given client would do.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var visits atomic.Int64
	attacker := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer attacker.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		issuer := httptest.NewServer(http.RedirectHandler(attacker.URL, status))
		_, err := New(context.Background(), issuer.URL, testAudience, WithHTTPClient(issuer.Client()))
		issuer.Close()
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Fatal(err)
		}
	}
	requireEqual(t, int64(0), visits.Load())
}

func TestTheKeySetMayBeElsewhere(t *testing.T) {
	elsewhere := newIssuer(t)
	w := &env{issuer: newIssuer(t), clock: newClock()}
	w.issuer.metadata = keysAt(w.issuer, elsewhere.URL+"/.well-known/jwks.json")
	w.verifier = w.verifierOf(t)
	requireGood(t, w, w.token(nil))
	t.Run("and move", func(t *testing.T) {
		w.issuer.change(func() {
			w.issuer.metadata = strings.ReplaceAll(w.issuer.metadata, elsewhere.URL,
				w.issuer.URL)
		})
		elsewhere.Close()
		for range 2 { // the first fetch fails, the second reads the metadata again
			w.clock.advance(defaultFloor)
			_ = w.verify(w.tokenOf("second", secondRSA()))
			w.settle(t)
		}
		requireEqual(t, []int64{2, 1}, []int64{w.issuer.asked.Load(), w.issuer.fetched.Load()})
	})
}

// TestALazyStart: the API starts before its issuer, and makes one request in each floor interval.
func TestALazyStart(t *testing.T) {
	w := &env{issuer: newIssuer(t), clock: newClock()}
	w.issuer.status = http.StatusServiceUnavailable
	w.verifier = w.verifierOf(t, WithLazyStart())
	requireEqual(t, int64(0), w.issuer.asked.Load())
	err := w.verify(w.token(nil))
	requireEqual(t, []bool{true, false}, []bool{errors.Is(err, ErrUnavailable), errors.Is(err, ErrInvalidToken)})
	requireEqual(t, true, strings.Contains(err.Error(), "503"))
	w.issuer.change(func() { w.issuer.status = 0 })
	for range 100 {
		requireEqual(t, true, errors.Is(w.verify(w.token(nil)), ErrUnavailable))
	}
	requireEqual(t, int64(1), w.issuer.fetched.Load())
	requireRefused(t, w, "nonsense", badForm)
	w.clock.advance(defaultFloor)
	requireGood(t, w, w.token(nil))
}

func TestAClockThatIsSetBackStopsNoFetch(t *testing.T) {
	w := newEnv(t)
	w.clock.advance(-24 * time.Hour)
	w.issuer.publish(jwkOf("second", &secondRSA().PublicKey))
	requireGood(t, w, w.tokenOf("second", secondRSA()))
}
