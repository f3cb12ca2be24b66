package provider_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// person is the body of a registration at the client own.
func person(username string, pairs ...string) form {
	return form{"client_id": "own", "username": username, "password": newPassword}.with(pairs...)
}

// TestWhoMayNotRegisterAccounts: third-party clients, clients without the password grant or the scope, and clients
// that fail to authenticate.
func TestWhoMayNotRegisterAccounts(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	w.addOwn("guest", func(c *identity.Client) { c.FirstParty = false })
	w.addOwn("codes-of-ours", func(c *identity.Client) { c.Grants = []string{oauth.GrantWechatCode} })
	w.addOwn("no-account", func(c *identity.Client) { c.Scopes = []string{"openid"} })
	w.addOwn("closed", nil)
	require.NoError(t, w.database.Clients().Disable(context.Background(), "closed"))
	w.addOwn("first-party", func(c *identity.Client) {
		c.Confidential, c.SecretHash = true, identity.HashSecret(oddSecret)
	})
	before := w.users()
	for name, c := range map[string]struct {
		body   form
		status int
		error  string
	}{
		"a third party": {person("eve", "client_id", "third-party", "client_secret", testSecret),
			http.StatusBadRequest, "unauthorized_client"},
		"a third party with the scope": {person("eve", "client_id", "guest"), http.StatusBadRequest,
			"unauthorized_client"},
		"first-party without the grant": {person("eve", "client_id", "codes-of-ours"), http.StatusBadRequest,
			"unauthorized_client"},
		"first-party without the scope": {person("eve", "client_id", "no-account"), http.StatusBadRequest,
			"unauthorized_client"},
		"unknown": {person("eve", "client_id", "nobody"), http.StatusUnauthorized,
			"invalid_client"},
		"unknown, hostile": {person("eve", "client_id", "' OR '1'='1"), http.StatusUnauthorized,
			"invalid_client"},
		"none": {person("eve", "client_id", ""), http.StatusUnauthorized, "invalid_client"},
		"disabled": {person("eve", "client_id", "closed"), http.StatusUnauthorized,
			"invalid_client"},
		"a secret where none belongs": {person("eve", "client_secret", "x"), http.StatusUnauthorized,
			"invalid_client"},
		"no secret": {person("eve", "client_id", "first-party"), http.StatusUnauthorized,
			"invalid_client"},
		"a wrong secret": {person("eve", "client_id", "first-party", "client_secret", testSecret),
			http.StatusUnauthorized, "invalid_client"},
		"a wrong secret by Basic": {person("eve", "client_id", "", ":Authorization",
			basic("first-party", testSecret)), http.StatusUnauthorized, "invalid_client"},
		"Basic and another client": {person("eve", ":Authorization", basic("first-party", oddSecret)),
			http.StatusBadRequest, "invalid_request"},
		"a secret in two places": {person("eve", "client_id", "first-party", "client_secret", oddSecret,
			":Authorization", basic("first-party", oddSecret)), http.StatusBadRequest, "invalid_request"},
		"a token for a client": {person("eve", ":Authorization", "Bearer x"), http.StatusUnauthorized,
			"invalid_client"},
		"a proof, which is not for here": {person("eve", "current_password", newPassword), http.StatusBadRequest,
			"invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.account("POST /users", "", c.body)
			requireError(t, a, c.status, c.error)
			if c.status == http.StatusUnauthorized {
				require.Equal(t, `Basic realm="lingpai"`, a.header.Get("WWW-Authenticate"))
			}
		})
	}
	require.Equal(t, before, w.users())
	a := w.account("POST /users", "", person("eve", "client_id", "", ":Authorization", basic("first-party", oddSecret)))
	require.Equal(t, http.StatusCreated, a.status, a.body)
	a = w.account("POST /users", "", person("mallory", "client_id", "first-party", "client_secret", oddSecret))
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.Equal(t, before+2, w.users())
	w.requireNotLogged(t, newPassword, testSecret, oddSecret, "mallory")
}

// TestNamesAndPasswordsOfAccountsThatAreRefused: names that look like another, and passwords that are guessed first.
// No user is created, and no attempt is counted.
func TestNamesAndPasswordsOfAccountsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	before := w.users()
	for name, c := range map[string]struct{ username, secret, error string }{
		"no name":                  {"", newPassword, "invalid_request"},
		"spaces alone":             {"   ", newPassword, "invalid_request"},
		"a space within":           {"a lice", newPassword, "invalid_request"},
		"a trailing space":         {"alice ", newPassword, "invalid_request"},
		"one Cyrillic letter":      {"аlice", newPassword, "invalid_request"},
		"Greek omicron":            {"bοb", newPassword, "invalid_request"},
		"zero width":               {"al\u200bice", newPassword, "invalid_request"},
		"soft hyphen":              {"ali\u00adce", newPassword, "invalid_request"},
		"right to left":            {"\u202eecila", newPassword, "invalid_request"},
		"an id":                    {"u_0123456789012345678901", newPassword, "invalid_request"},
		"too long":                 {strings.Repeat("a", 129), newPassword, "invalid_request"},
		"15 kB":                    {strings.Repeat("a", 15_000), newPassword, "invalid_request"},
		"no password":              {"eve", "", "weak_password"},
		"seven characters":         {"eve", "dju3 8s", "weak_password"},
		"seven of many bytes":      {"eve", "长长长长长长长", "weak_password"},
		"257 characters":           {"eve", strings.Repeat("é", 257), "weak_password"},
		"15 kB of password":        {"eve", strings.Repeat("p", 15_000), "weak_password"},
		"a common one":             {"eve", "password", "weak_password"},
		"a common one in capitals": {"eve", "PASSWORD", "weak_password"},
		"a common one, full width": {"eve", "ｐａｓｓｗｏｒｄ", "weak_password"},
		"numbers":                  {"eve", "123456789", "weak_password"},
		"common in China":          {"eve", "woaini1314", "weak_password"},
		"the name":                 {"eve.the.third", "eve.the.third", "weak_password"},
		"the name in capitals":     {"eve.the.third", "EVE.THE.THIRD", "weak_password"},
		"a formatting character":   {"eve", newPassword + "\u200b", "weak_password"},
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, w.account("POST /users", "", form{"client_id": "own", "username": c.username,
				"password": c.secret}), http.StatusBadRequest, c.error)
		})
	}
	require.Equal(t, before, w.users())
	require.Empty(t, w.eventKinds(t))
	w.registered("张伟-eve", newPassword) // other scripts are allowed
}

// TestTakenNamesOfAccounts in any spelling, also of users who were created earlier, and also concurrently.
func TestTakenNamesOfAccounts(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	before := w.users()
	for _, name := range []string{"alice", "ALICE", "Alice", "ａｌｉｃｅ", "disabled", "without-password"} {
		requireError(t, w.account("POST /users", "", person(name)), http.StatusConflict, "username_taken")
	}
	requireTokens(t, w.token(passwordForm("alice", testPassword)))
	require.Equal(t, before, w.users())
	answers := make([]answer, 4)
	var group sync.WaitGroup
	for n, name := range []string{"zoë", "ZOË", "zoe\u0308", "Zoë"} {
		group.Go(func() { answers[n] = w.account("POST /users", "", person(name)) })
	}
	group.Wait()
	made := 0
	for _, a := range answers {
		if a.status == http.StatusCreated {
			made++
			continue
		}
		requireError(t, a, http.StatusConflict, "username_taken")
	}
	require.Equal(t, 1, made)
	require.Equal(t, before+1, w.users())
}

// TestMassRegistrationOfAccounts from one address is stopped, and does not affect another address. Names cannot be
// probed in bulk either.
func TestMassRegistrationOfAccounts(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t, func(s *settings) { s.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	from := func(address, name string) answer {
		return w.account("POST /users", "", person(name, ":X-Forwarded-For", address))
	}
	statuses := atOnce(24, func(n int) int {
		return from("192.0.2.1", []string{"alice", fmt.Sprintf("bot-%d", n)}[n%2]).status
	})
	let := slices.DeleteFunc(statuses, func(status int) bool { return status == http.StatusTooManyRequests })
	require.Len(t, let, 10)
	a := from("192.0.2.1", "eve")
	requireError(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
	require.Regexp(t, `^3[0-9]{2}$`, a.header.Get("Retry-After"), "one more every six minutes")
	for _, address := range []string{"192.0.2.2", "203.0.113.7, 192.0.2.3", "2001:db8::1"} {
		require.Equal(t, http.StatusCreated, from(address, "eve-"+string('a'+rune(len(address)%26))).status, address)
	}
	requireError(t, from("203.0.113.7, 192.0.2.1", "mallory"), http.StatusTooManyRequests, "temporarily_unavailable")
	requireTokens(t, w.token(passwordForm("alice", testPassword)))
}

// TestForgedAddressesDoNotRegisterMoreAccounts: without a trusted proxy, X-Forwarded-For is ignored.
func TestForgedAddressesDoNotRegisterMoreAccounts(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	for n := range 10 {
		requireError(t, w.account("POST /users", "", person("alice", ":X-Forwarded-For", fmt.Sprintf("192.0.2.%d",
			n))), http.StatusConflict, "username_taken")
	}
	requireError(t, w.account("POST /users", "", person("eve", ":X-Forwarded-For", "192.0.2.99")),
		http.StatusTooManyRequests, "temporarily_unavailable")
}
