package provider

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ipv6Site is what one IPv6 customer is given, so addresses within it count as one.
const ipv6Site = 64

// clientAddress says who is calling, for rates and for a share of the hashing: the connection's address, or,
// behind proxies that we trust, the last address of X-Forwarded-For that is not theirs. What a stranger
// writes into the header counts for nothing.
func clientAddress(r *http.Request, proxies []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address := peer.Addr().Unmap()
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
	if address.Is6() {
		site, _ := address.WithZone("").Prefix(ipv6Site)
		return site.String()
	}
	return address.String()
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
