package provider_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hopeless is a sign-in with a name and a password that nobody can have. It counts as an attempt, but is not hashed.
func hopeless(forwardedFor ...string) (string, http.Header) {
	body, header := passwordForm(strings.Repeat("n", 4000), strings.Repeat("p", 4000)).encode()
	if len(forwardedFor) > 0 {
		header["X-Forwarded-For"] = forwardedFor
	}
	return body, header
}

// TestWhoIsCalling: two sign-ins count together if and only if they come from one address. The header counts only
// from a trusted proxy.
func TestWhoIsCalling(t *testing.T) {
	t.Parallel()
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	chain := append(loopback, netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"))
	for name, c := range map[string]struct {
		proxies       []netip.Prefix
		first, second []string
		same          bool
	}{
		"a stranger's header is not believed": {nil, []string{"192.0.2.1"},
			[]string{"192.0.2.2"}, true},
		"a stranger's header does not count for another address": {nil, []string{"192.0.2.1"}, nil, true},
		"a trusted proxy's header is": {loopback, []string{"192.0.2.1"},
			[]string{"192.0.2.2"}, false},
		"the same by a trusted proxy": {loopback, []string{"192.0.2.1"},
			[]string{"192.0.2.1"}, true},
		"what the caller wrote before the proxy is ignored": {loopback, []string{"192.0.2.77, 192.0.2.1"},
			[]string{"192.0.2.78, 192.0.2.1"}, true},
		"also in a line of its own": {loopback, []string{"192.0.2.77", "192.0.2.1"},
			[]string{"192.0.2.78", "192.0.2.1"}, true},
		"also garbage": {loopback, []string{"' OR 1=1, 192.0.2.1"},
			[]string{"unknown,,%00, 192.0.2.1"}, true},
		"also a trusted address": {loopback, []string{"127.0.0.9, 192.0.2.1"},
			[]string{"192.0.2.1"}, true},
		"through two proxies": {chain, []string{"192.0.2.1, 10.1.2.3"},
			[]string{"192.0.2.2, 10.1.2.3"}, false},
		"through two proxies, with something written before": {chain,
			[]string{"192.0.2.9, 192.0.2.1, 10.1.2.3"}, []string{"192.0.2.1, 10.4.5.6"}, true},
		"an untrusted proxy between is the caller": {loopback, []string{"192.0.2.1, 10.1.2.3"},
			[]string{"192.0.2.2, 10.1.2.3"}, true},
		"an IPv6 address in two spellings": {loopback, []string{"2001:db8:1:2::1"},
			[]string{"2001:DB8:1:2:0:0:0:1"}, true},
		"IPv6 addresses of two": {loopback, []string{"2001:db8:1:2::1"},
			[]string{"2001:db8:1:3::1"}, false},
		"an address with its port": {loopback, []string{"192.0.2.1:1234"},
			[]string{"192.0.2.1:5678"}, true},
		"two addresses with their ports": {loopback, []string{"192.0.2.1:1234"},
			[]string{"192.0.2.2:1234"}, false},
		"IPv6 with zones": {loopback, []string{"fe80::1%a"},
			[]string{"fe80::1%b"}, true},
		"IPv4 in two spellings": {loopback, []string{"192.0.2.1"},
			[]string{"::ffff:192.0.2.1"}, true},
		"IPv4 in hexadecimal": {loopback, []string{"192.0.2.1"},
			[]string{"::ffff:c000:201"}, true},
		"no header from a trusted proxy is the proxy": {loopback, nil, []string{""}, true},
		"what is no address from a trusted proxy is the proxy": {loopback, []string{"unknown"},
			[]string{"_hidden"}, true},
		"IPv6 through a proxy with an IPv6 address": {chain, []string{"2001:db8:1:2::1, fd00::7"},
			[]string{"2001:db8:1:2::1, fd00::8"}, true},
		"a caller who claims a proxy's address is still the caller": {chain, []string{"10.9.9.9, 192.0.2.1"},
			[]string{"10.8.8.8, 192.0.2.1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t, func(s *settings) { s.proxies, s.perAddress = c.proxies, 1 })
			body, header := hopeless(c.first...)
			requireError(t, w.post("/token", body, header), http.StatusBadRequest, "invalid_grant")
			body, header = hopeless(c.second...)
			a := w.post("/token", body, header)
			if c.same {
				requireError(t, a, http.StatusTooManyRequests, "temporarily_unavailable")
				return
			}
			requireError(t, a, http.StatusBadRequest, "invalid_grant")
		})
	}
}

// TestNetworksOfAnAddressCountToo: each wider network has a larger limit.
func TestNetworksOfAnAddressCountToo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		address string
		allowed int
	}{
		"one IPv6 customer": {"2001:db8:1:2::%x", 2}, "one IPv6 /56": {"2001:db8:1:2%02x::1", 4},
		"one IPv6 /48": {"2001:db8:1:%x::1", 8}, "one IPv4 /24": {"192.0.2.%d", 8},
		"many IPv6 /48": {"2001:db8:%x::1", 20}, "many IPv4 /24": {"192.0.%d.1", 20},
	} {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t, behindProxy, func(s *settings) { s.perAddress = 1 })
			allowed := 0
			for n := range 20 {
				spread := n + 1
				if name == "one IPv6 /48" {
					spread <<= 8 // another /56 each
				}
				body, header := hopeless(fmt.Sprintf(c.address, spread))
				if w.post("/token", strings.Replace(body, "nnn", fmt.Sprintf("n%d", n), 1), header).status ==
					http.StatusBadRequest {
					allowed++
				}
			}
			require.Equal(t, c.allowed, allowed)
		})
	}
}

// TestOtherHeadersDoNotIdentifyTheCaller, also from a trusted proxy, which may pass on headers that it does not know.
func TestOtherHeadersDoNotIdentifyTheCaller(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) {
		s.proxies, s.perAddress = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 1
	})
	body, header := hopeless("192.0.2.1")
	requireError(t, w.post("/token", body, header), http.StatusBadRequest, "invalid_grant")
	for n, name := range []string{"X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip",
		"X-Cluster-Client-Ip", "X-Originating-Ip"} {
		body, header = hopeless("192.0.2.1")
		header.Set(name, "192.0.2."+string(rune('2'+n)))
		requireError(t, w.post("/token", body, header), http.StatusTooManyRequests, "temporarily_unavailable")
	}
}
