package provider_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/password"
	serversettings "github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// behindProxy trusts the header X-Forwarded-For, so that a test can call from many addresses.
func behindProxy(s *settings) { s.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// from is a request from an address.
func (f form) from(address string) form { return f.with(":X-Forwarded-For", address) }

// limited changes a limit, with so long a period that it does not matter how long a test takes.
func limited(name limits.Name, uses int) option {
	return func(s *settings) {
		s.also(func(c *serversettings.Settings) {
			c.LimitOverrides = map[limits.Name]limits.Rate{name: {Uses: uses, Period: time.Duration(uses) * time.Hour}}
		})
	}
}

// wrong is a sign-in with a password that nobody can have. It counts as an attempt, but is not hashed.
func wrong(username string) form { return passwordForm(username, strings.Repeat("p", 4000)) }

func requireTooMany(t testing.TB, a answer) {
	t.Helper()
	requireError(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
}

// TestOneNetworkDoesNotFillTheHashingPlaces: 17 addresses of one IPv6 /48 send passwords as fast as they can.
func TestOneNetworkDoesNotFillTheHashingPlaces(t *testing.T) {
	t.Parallel()
	w := newEnv(t, behindProxy, func(s *settings) {
		s.perAddress, s.hasher = 100_000, password.Options{MaxConcurrent: 1, MaxWaiting: 4}
	})
	var flood sync.WaitGroup
	var over atomic.Bool
	var busy atomic.Int32
	for network := range 17 {
		flood.Go(func() {
			for round := 0; !over.Load(); round++ {
				name := fmt.Sprintf("user-%d-%d", network, round)
				a := w.token(passwordForm(name, testPassword).from(fmt.Sprintf("2001:db8:1:%x::1", network)))
				if a.status == http.StatusServiceUnavailable {
					busy.Add(1)
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	defer flood.Wait()
	defer over.Store(true)
	for busy.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	for n := range 5 {
		requireTokens(t, w.token(passwordForm("alice", testPassword).from(fmt.Sprintf("2001:db8:%x::1", n+2))))
	}
}

// TestAUserUnderAttackSignsInFromAKnownAddress: anyone who knows a name can slow down new addresses, but not those from
// which the user has signed in.
func TestAUserUnderAttackSignsInFromAKnownAddress(t *testing.T) {
	t.Parallel()
	w := newEnv(t, behindProxy)
	const home, office = "192.0.2.1", "2001:db8:1:2::1"
	for _, address := range []string{home, office} {
		requireTokens(t, w.token(passwordForm("alice", testPassword).from(address)))
	}
	attacks := 0
	attack := func(times int) {
		for range times {
			attacks++
			for _, name := range []string{"alice", "nobody"} { // answered alike
				address := fmt.Sprintf("10.%d.%d.1", attacks/256, attacks%256)
				require.Contains(t, []int{http.StatusBadRequest, http.StatusTooManyRequests},
					w.token(wrong(name).from(address)).status)
			}
		}
	}
	attack(120)
	for n := range 30 {
		w.clock.Move(30 * time.Second)
		attack(3)
		address := []string{home, "2001:db8:1:2:ffff::9"}[n%2] // any address of the known /64
		requireTokens(t, w.token(passwordForm("alice", testPassword).from(address)))
		attack(3)
	}
	for _, name := range []string{"alice", "nobody"} {
		requireTooMany(t, w.token(passwordForm(name, testPassword).from("203.0.113.9")))
	}
}

// TestAKnownAddressMayNotGuessForever: somebody in the user's own network gets no more guesses than elsewhere.
func TestAKnownAddressMayNotGuessForever(t *testing.T) {
	t.Parallel()
	w := newEnv(t, behindProxy, limited(limits.PasswordUser, 100))
	requireTokens(t, w.token(passwordForm("alice", testPassword).from("192.0.2.1")))
	for range 5 {
		requireError(t, w.token(wrong("alice").from("192.0.2.1")), http.StatusBadRequest, "invalid_grant")
	}
	requireTooMany(t, w.token(wrong("alice").from("192.0.2.1")))
	// their uses count to the user's total: 95 more from elsewhere are allowed
	allowed := 0
	for n := range 120 {
		if w.token(wrong("alice").from(fmt.Sprintf("198.51.%d.1", n))).status == http.StatusBadRequest {
			allowed++
		}
	}
	require.Equal(t, 95, allowed)
}

// TestABadNeighborDoesNotBlockKnownUsers: somebody behind a shared address tries passwords of invented users.
func TestABadNeighborDoesNotBlockKnownUsers(t *testing.T) {
	t.Parallel()
	const shared = "192.0.2.1"
	w := newEnv(t, behindProxy, func(s *settings) { s.perAddress = 20 })
	requireTokens(t, w.token(passwordForm("alice", testPassword).from(shared)))
	for n := range 19 {
		a := w.token(wrong(fmt.Sprint("invented-", n)).from(shared))
		requireError(t, a, http.StatusBadRequest, "invalid_grant")
	}
	requireTooMany(t, w.token(wrong("invented").from(shared)))
	for range 20 { // a known network allows as many, and correct passwords count too
		requireTokens(t, w.token(passwordForm("alice", testPassword).from(shared)))
	}
	requireTooMany(t, w.token(passwordForm("alice", testPassword).from(shared)))
}

// TestCodesThatNeverReachedWechatBlockNobody: 300 of them, and 300 that WeChat did not judge.
func TestCodesThatNeverReachedWechatBlockNobody(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for n := range 310 {
		malformed := w.wechatCode("alice").with("code", fmt.Sprintf("<not a code %d>", n))
		malformed["code"] = strings.ReplaceAll(malformed["code"], " ", "!")
		requireError(t, w.token(malformed), http.StatusBadRequest, "invalid_grant")
	}
	for n := range 28 {
		w.signIn(fmt.Sprint("user ", n))
	}
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: "/sns/jscode2session", Errcode: 40125, Count: 300}))
	for n := range 300 {
		a := w.token(w.wechatCode("alice").with("code", fmt.Sprint("well-formed-", n)))
		requireError(t, a, http.StatusInternalServerError, "server_error")
	}
	w.signIn("alice")
}

// TestRejectedCodesBlockOnlyNewAndFailingCallers: a bad neighbor behind a shared address does not lock out devices
// that have signed a user in there.
func TestRejectedCodesBlockOnlyNewAndFailingCallers(t *testing.T) {
	t.Parallel()
	w := newEnv(t, limited(limits.RejectedCodes, 30))
	w.signIn("alice", ":User-Agent", "a phone")
	invented := func(n int, device string) answer {
		return w.token(w.wechatCode("eve").with("code", fmt.Sprint("invented-", n), ":User-Agent", device))
	}
	for n := range 30 {
		requireError(t, invented(n, "the bad neighbor"), http.StatusBadRequest, "invalid_grant")
	}
	requireTooMany(t, invented(30, "the bad neighbor"))
	requireTooMany(t, w.token(w.wechatCode("bob").with(":User-Agent", "a new phone")))
	for range 28 {
		w.signIn("alice", ":User-Agent", "a phone")
	}
	for n := range 30 { // even under the phone's name the neighbor gets no further
		requireError(t, invented(n, "a phone"), http.StatusBadRequest, "invalid_grant")
	}
	requireTooMany(t, invented(30, "a phone"))
}

// TestOneNetworkDoesNotUseUpAllRegistrations of the hour.
func TestOneNetworkDoesNotUseUpAllRegistrations(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t, behindProxy, func(s *settings) {
		s.also(func(c *serversettings.Settings) { c.AddressRegistrations, c.Registrations = 2, 30 })
	})
	for n := range 40 {
		w.account("POST /users", "", person(fmt.Sprint("bot-", n)).from(fmt.Sprintf("2001:db8:1:%x::1", n)))
	}
	a := w.account("POST /users", "", person("ada").from("2001:db8:2::1"))
	require.Equal(t, http.StatusCreated, a.status, a.body)
}

// TestTakenNamesCountAsRegistrations, so that names cannot be told apart in bulk from many networks.
func TestTakenNamesCountAsRegistrations(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t, behindProxy, limited(limits.Registrations, 100))
	told := 0
	for n := range 150 {
		if w.account("POST /users", "", person("alice").from(fmt.Sprintf("10.0.%d.1", n))).status ==
			http.StatusConflict {
			told++
		}
	}
	require.Equal(t, 100, told)
}

// TestWechatsFailuresDoNotUseUpPhoneTries of a user.
func TestWechatsFailuresDoNotUseUpPhoneTries(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.token(w.shop(-1).with("code", w.code("ada")))
	requireTokens(t, a)
	bind := func() answer {
		return w.data("/wechat/phone", a.text("access_token"), form{"code": w.phoneCode("ada")})
	}
	for _, fault := range []wechattest.Fault{{Errcode: 48001}, {Errcode: 45011}, {Errcode: -1}} {
		fault.Path = "/wxa/business/getuserphonenumber"
		require.NoError(t, w.simulator.Fail(fault))
		require.GreaterOrEqual(t, bind().status, http.StatusInternalServerError)
	}
	bound := bind()
	require.Equal(t, http.StatusOK, bound.status, bound.body)
}

// TestPagesOfStrangersAreRefused before anything is counted or checked: a page can make its visitors' browsers send
// forms.
func TestPagesOfStrangersAreRefused(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	for _, origin := range []string{"https://evil.example.com", "null"} {
		for range 6 {
			a := w.token(passwordForm("alice", testPassword).with(":Origin", origin))
			requireError(t, a, http.StatusBadRequest, "invalid_request")
		}
		requireError(t, w.revoke("x", "client_id", "mini", ":Origin", origin), http.StatusBadRequest,
			"invalid_request")
		a := w.account("POST /users", "", person("eve", ":Origin", origin))
		requireError(t, a, http.StatusBadRequest, "invalid_request")
	}
	requireTokens(t, w.token(passwordForm("alice", testPassword)))
	// a registered origin, but of another client
	requireError(t, w.token(passwordForm("alice", testPassword).with(":Origin", testOrigin)), http.StatusBadRequest,
		"invalid_request")
	a := w.account("POST /users", "", person("eve", ":Origin", testOrigin))
	requireError(t, a, http.StatusBadRequest, "invalid_request")
	w.signIn("alice", "client_id", "web", ":Origin", testOrigin)
	requireTokens(t, w.token(passwordForm("alice", testPassword).with(":Origin", w.issuer)))
}

// TestSignInsOfAUserAreLimited by client. Repeats of a sign-in do not count, nor do refreshes.
func TestSignInsOfAUserAreLimited(t *testing.T) {
	t.Parallel()
	w := newEnv(t, limited(limits.SignIns, 10))
	for range 9 {
		w.signIn("alice")
	}
	keyed := w.wechatCode("alice").with(":Idempotency-Key", testKey)
	for range 10 {
		requireTokens(t, w.token(keyed))
	}
	last := w.token(keyed)
	refused := w.wechatCode("alice").with(":Idempotency-Key", testKey)
	for range 3 { // a key does not get around the limit
		requireTooMany(t, w.token(refused))
	}
	a := w.token(w.wechatCode("alice"))
	requireTooMany(t, a)
	require.Regexp(t, `^3[56][0-9]{2}$`, a.header.Get("Retry-After"), "one more every hour")
	requireTokens(t, w.token(refreshForm(last.text("refresh_token"))))
	w.signIn("alice", "client_id", "mini-2")
	w.signIn("bob")
	w.clock.Move(time.Hour)
	w.signIn("alice")
	requireTooMany(t, w.token(w.wechatCode("alice")))
}

// TestPasswordSignInsOfAUserAreLimited too.
func TestPasswordSignInsOfAUserAreLimited(t *testing.T) {
	t.Parallel()
	w := newEnv(t, limited(limits.SignIns, 3))
	for range 3 {
		requireTokens(t, w.token(passwordForm("alice", testPassword)))
	}
	requireTooMany(t, w.token(passwordForm("alice", testPassword)))
	requireTokens(t, w.token(passwordForm("alice", testPassword).with("client_id", "service", "scope", "openid")))
}
