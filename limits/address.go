package limits

import "net/netip"

// The widest networks that addresses are counted in, in bits: the largest that one customer usually has.
const (
	ipv4Network = 24
	ipv6Network = 48
)

// network is one of the networks that an address belongs to. Its limit is factor times that of an address.
type network struct {
	bits, factor int
}

// networksOf returns the networks of an address, from narrow to wide: one device, one customer (/64), and what
// providers give to a larger one (/56, /48). An IPv4 address has no such structure, but neighbours often belong
// together.
func networksOf(address netip.Addr) []network {
	if address.Is4() {
		return []network{{32, 1}, {ipv4Network, 8}}
	}
	return []network{{128, 1}, {64, 2}, {56, 4}, {ipv6Network, 8}}
}

// within returns the network of an address with so many bits. It is invalid if the address is.
func within(address netip.Addr, bits4, bits6 int) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := bits6
	if address.Is4() {
		bits = bits4
	}
	network, _ := address.Prefix(bits)
	return network
}

// prefix returns the network of an address with so many bits, or the text itself if it is no address.
func prefix(text string, bits4, bits6 int) string {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	return within(address, bits4, bits6).String()
}

// Customer returns the address of one customer: an IPv4 address or an IPv6 /64.
func Customer(address string) string { return prefix(address, 32, 64) }

// Neighborhood returns the network in which a customer's address changes: an IPv4 /24 or an IPv6 /64.
func Neighborhood(address string) string { return prefix(address, ipv4Network, 64) }

// Network returns the widest network that an address is counted in: an IPv4 /24 or an IPv6 /48.
func Network(address string) string { return prefix(address, ipv4Network, ipv6Network) }

// NetworkOf is Network for an address that has been parsed. The network is invalid if the address is.
func NetworkOf(address netip.Addr) netip.Prefix { return within(address, ipv4Network, ipv6Network) }
