package limits

import (
	"net/netip"
	"slices"

	"github.com/lingpai/lingpai/identity"
)

// Uses are uses of limits that are counted together: all of them or none. Create them with [Of], [InGroup] or
// [ByAddress].
type Uses struct {
	group string
	uses  []use
	about identity.Event
}

type use struct {
	limit   Name
	key     string
	factor  int
	lenient bool // counted, but not refused
	forget  bool // all uses are given back, instead of one
}

// Of returns one use of a limit by a caller, identified by all parts, such as a user's id and a client's. They may have
// any length.
func Of(limit Name, parts ...string) Uses {
	return InGroup(identity.VolatileKey(string(limit), parts...)).And(limit, "")
}

// InGroup returns an empty group, to which And adds uses. A group is what they are counted for, such as an account or a
// network. Its name must be short.
func InGroup(group string) Uses { return Uses{group: group} }

// ByAddress returns one use of a limit in each network of an address, with a larger limit for a wider network. It
// returns no uses if the address is "": callers whose addresses are unknown do not share a limit.
func ByAddress(limit Name, text string) Uses {
	u := InGroup(Network(text))
	address, err := netip.ParseAddr(text)
	switch {
	case text == "":
		return u
	case err != nil:
		return u.And(limit, text)
	}
	for _, network := range networksOf(address.Unmap()) {
		key := prefix(text, network.bits, network.bits)
		u.uses = append(u.uses, use{limit: limit, key: key, factor: network.factor})
	}
	return u
}

// And adds a use of a limit.
func (u Uses) And(limit Name, key string) Uses {
	u.uses = append(u.uses[:len(u.uses):len(u.uses)], use{limit: limit, key: key, factor: 1})
	return u
}

// AndLeniently adds a use that is counted, but not refused.
func (u Uses) AndLeniently(limit Name, key string) Uses {
	u = u.And(limit, key)
	u.uses[len(u.uses)-1].lenient = true
	return u
}

// About sets what audit events say about the caller: the user, the client and Detail.
func (u Uses) About(event identity.Event) Uses {
	u.about = event
	return u
}

// Forgetting makes [Limiter.GiveBack] forget all uses of some limits, instead of one.
func (u Uses) Forgetting(limits ...Name) Uses {
	u.uses = slices.Clone(u.uses)
	for n := range u.uses {
		u.uses[n].forget = slices.Contains(limits, u.uses[n].limit)
	}
	return u
}
