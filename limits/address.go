package limits

import "net/netip"

// network is one of the networks that an address belongs to. Its limit is factor times that of an address.
type network struct {
	bits, factor int
}

// networksOf returns the networks of an address, from narrow to wide: one device, one customer (/64), and what
// providers give to larger customers (/56, /48). An IPv4 address has no such structure, but neighbors often belong
// together.
func networksOf(address netip.Addr) []network {
	if address.Is4() {
		return []network{{32, 1}, {24, 8}}
	}
	return []network{{128, 1}, {64, 2}, {56, 4}, {48, 8}}
}

// prefix returns the network of an address with bits4 bits (IPv4) or bits6 bits (IPv6), or the text itself if it is not
// an address.
func prefix(text string, bits4, bits6 int) string {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	address = address.Unmap().WithZone("")
	bits := bits6
	if address.Is4() {
		bits = bits4
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return text
	}
	return network.String()
}

// Customer returns the address of one customer: an IPv4 address or an IPv6 /64.
func Customer(address string) string { return prefix(address, 32, 64) }

// Neighborhood returns the network in which a customer's address changes: an IPv4 /24 or an IPv6 /64.
func Neighborhood(address string) string { return prefix(address, 24, 64) }

// Network returns the widest network that an address is counted in: an IPv4 /24 or an IPv6 /48.
func Network(address string) string { return prefix(address, 24, 48) }
