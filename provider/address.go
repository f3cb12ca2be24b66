package provider

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress returns the connection's address or, behind trusted proxies, the last address of X-Forwarded-For that
// is not a trusted proxy. The header is ignored when the connection comes from an untrusted address. If RemoteAddr is
// not an address with a port, it is returned as it is.
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
	return address.WithZone("").String()
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
