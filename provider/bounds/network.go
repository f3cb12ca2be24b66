package bounds

import "net/netip"

// The largest networks that one customer usually has.
const (
	ipv4Network = 24
	ipv6Network = 48
)

// Network returns the network of an address, which has one share: its IPv4 /24 or its IPv6 /48. It is invalid if the
// address is.
func Network(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := ipv6Network
	if address.Is4() {
		bits = ipv4Network
	}
	network, _ := address.Prefix(bits)
	return network
}
