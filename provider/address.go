package provider

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ipv6Site is the length of the prefix that one IPv6 customer is given, so addresses within it count as one.
const ipv6Site = 64

// clientAddress returns the caller's address, by which rate limits and concurrent password hashes are counted.
func clientAddress(r *http.Request, proxies []netip.Prefix) string {
	address := callerAddress(r, proxies)
	if !address.IsValid() {
		return r.RemoteAddr
	}
	if address.Is6() {
		site, _ := address.WithZone("").Prefix(ipv6Site)
		return site.String()
	}
	return address.String()
}

// callerAddress returns the connection's address or, behind trusted proxies, the last address of X-Forwarded-For that
// is not a trusted proxy. The header is ignored when the connection comes from an untrusted address. The address is
// invalid if the connection's is.
func callerAddress(r *http.Request, proxies []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	address := peer.Addr().Unmap()
	if err != nil || !trusted(address, proxies) {
		return address
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !trusted(address, proxies) {
			break
		}
		next, ok := parseHop(strings.TrimSpace(hop))
		if !ok {
			break
		}
		address = next.Unmap()
	}
	return address
}

// parseHop reads an address, which some gateways write with its port.
func parseHop(hop string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(hop); err == nil {
		return address, true
	}
	withPort, err := netip.ParseAddrPort(hop)
	return withPort.Addr(), err == nil
}

func trusted(address netip.Addr, proxies []netip.Prefix) bool {
	return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(address) })
}
