package provider_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/password"
)

// TestFailedPasswordSignInsLookAlike: unknown, disabled and passwordless users and wrong passwords get the same
// answer, byte for byte.
func TestFailedPasswordSignInsLookAlike(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	want := w.token(passwordForm("alice", "a wrong password"))
	requireError(t, want, http.StatusBadRequest, "invalid_grant")
	for name, f := range map[string]form{
		"unknown":                     passwordForm("nobody", testPassword),
		"disabled, right password":    passwordForm("disabled", testPassword),
		"without password":            passwordForm("without-password", testPassword),
		"SQL":                         passwordForm("' OR '1'='1", testPassword),
		"SQL wildcard":                passwordForm("alic_", testPassword),
		"format":                      passwordForm("%s%n", testPassword),
		"longer by one":               passwordForm("alice", testPassword+"x"),
		"cut at 8":                    passwordForm("alice", testPassword[:8]),
		"password of 2 kB":            passwordForm("alice", testPassword+strings.Repeat(" ", 2000)),
		"password of 15 kB":           passwordForm("alice", strings.Repeat("p", 15_000)),
		"name of 15 kB":               passwordForm(strings.Repeat("alice", 3000), "x"),
		"an id for a name":            passwordForm("u_0123456789012345678901", testPassword),
		"zero width":                  passwordForm("al\u200bice", testPassword),
		"right to left":               passwordForm("\u202ealice", testPassword),
		"Cyrillic":                    passwordForm("аlice", testPassword),
		"trailing space":              passwordForm("alice ", testPassword),
		"formatting in password":      passwordForm("alice", testPassword+"\u200b"),
		"surrounded by formatting":    passwordForm("alice", "\ufeff"+testPassword),
		"soft hyphen in the username": passwordForm("ali\u00adce", testPassword),
	} {
		w.clock.Move(15 * time.Minute) // past the rate limit
		a := w.token(f)
		require.Equal(t, withoutRequestID(want), withoutRequestID(a), name)
		require.Equal(t, want.status, a.status)
		require.Equal(t, want.header.Get("Content-Length"), a.header.Get("Content-Length"), name)
		require.Equal(t, headerNames(want), headerNames(a), name)
	}
	require.NotContains(t, w.log.String(), testPassword)
	require.NotContains(t, w.log.String(), "alice", "people may type their password into the field for the name")
	w.clock.Move(time.Hour)
	for _, spelling := range []string{"ALICE", "ａｌｉｃｅ"} {
		requireTokens(t, w.token(passwordForm(spelling, testPassword)))
	}
}

func headerNames(a answer) []string {
	var found []string
	for name := range a.header {
		found = append(found, name)
	}
	slices.Sort(found)
	return found
}

// TestGuessingIsSlowedDownAlike for existing and unknown users, and the right password is rejected meanwhile.
func TestGuessingIsSlowedDownAlike(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	var refusals []string
	for _, name := range []string{"alice", "nobody"} {
		for n := range 5 {
			spelling := []string{name, strings.ToUpper(name)}[n%2]
			requireError(t, w.token(passwordForm(spelling, strings.Repeat("p", 4000))), http.StatusBadRequest,
				"invalid_grant")
		}
		for range 3 {
			a := w.token(passwordForm(name, testPassword))
			requireError(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
			refusals = append(refusals, withoutRequestID(a))
			require.Regexp(t, `^1[0-2]$`, a.header.Get("Retry-After"))
		}
	}
	require.Len(t, slices.Compact(refusals), 1)
	w.signIn("alice") // a sign-in by code still works
	w.clock.Move(13 * time.Second)
	requireTokens(t, w.token(passwordForm("alice", testPassword)))
}

// TestGuessingFromManyAddresses is limited too, like guessing at many names from one address.
func TestGuessingFromManyAddresses(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) {
		s.proxies, s.perAddress = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 20
	})
	guess := func(name, address string) int { // a name and a password that nobody can have need no hash
		return w.token(passwordForm(strings.Repeat(name, 1000), strings.Repeat("p", 4000)).with(":X-Forwarded-For",
			address)).status
	}
	allowed := 0
	for n := range 130 {
		if guess("alice", fmt.Sprintf("192.0.%d.1", n)) == http.StatusBadRequest {
			allowed++
		}
	}
	require.Equal(t, 100, allowed, "one user, many addresses")
	allowed = 0
	for n := range 40 {
		if guess(fmt.Sprintf("user%d", n), "198.51.100.1") == http.StatusBadRequest {
			allowed++
		}
	}
	require.Equal(t, 20, allowed, "many users, one address")
	require.Equal(t, http.StatusBadRequest, guess("bob", "198.51.100.2"), "other users are not affected")
}

// TestGuessingInParallel allows no more guesses than guessing in sequence: attempts are counted before they are
// checked.
func TestGuessingInParallel(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	statuses := atOnce(100, func(n int) int {
		return w.token(passwordForm("alice", strings.Repeat("p", 4000+n))).status
	})
	slices.Sort(statuses)
	require.Equal(t, slices.Concat(slices.Repeat([]int{http.StatusBadRequest}, 5),
		slices.Repeat([]int{http.StatusTooManyRequests}, 95)), statuses)
}

// TestFloodOfPasswords gets 503, and refreshes still work meanwhile.
func TestFloodOfPasswords(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) {
		s.hasher = password.Options{MaxConcurrent: 1, MaxWaiting: 2}
	})
	refresh := w.signIn("alice").text("refresh_token")
	answers := make([]answer, 12)
	var group sync.WaitGroup
	for n := range answers {
		group.Go(func() { answers[n] = w.token(passwordForm(fmt.Sprintf("user%d", n), testPassword)) })
	}
	group.Go(func() { w.token(refreshForm(refresh)) })
	group.Wait()
	busy := 0
	for _, a := range answers {
		if a.status == http.StatusServiceUnavailable {
			requireError(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
			busy++
			continue
		}
		requireError(t, a, http.StatusBadRequest, "invalid_grant")
	}
	require.NotZero(t, busy)
	requireTokens(t, w.token(refreshForm(refresh)))
}
