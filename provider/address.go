package provider

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/provider/bounds"
)

// clientAddress returns the connection's address or, behind trusted proxies, the last address of X-Forwarded-For that
// is not a trusted proxy. The header is ignored when the connection comes from an untrusted address. If RemoteAddr is
// not an address with a port, it is returned as it is.
func clientAddress(r *http.Request, proxies bounds.Proxies) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !proxies.Contain(address) {
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
