package shares

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/limits"
)

// place is a holder that remembers whether it was shed.
type place struct {
	claim Claim
	gone  bool
}

// Shed implements Holder.
func (p *place) Shed() { p.gone = true }

// pool is a bound whose claims a test names.
type pool struct {
	*testing.T
	shares *Shares
}

func newPool(t *testing.T, bound int64) *pool { return &pool{t, New(bound)} }

func network(text string) netip.Prefix {
	if text == "" {
		return netip.Prefix{}
	}
	return limits.NetworkOf(netip.MustParseAddr(text))
}

func (p *pool) take(address string, size int64) (*place, bool) {
	taken := &place{}
	taken.claim.Holder = taken
	return taken, p.shares.Take(&taken.claim, network(address), size)
}

// takes takes n claims of size 1, which must be possible.
func (p *pool) takes(n int, address string) []*place {
	p.Helper()
	places := make([]*place, n)
	for i := range places {
		var ok bool
		places[i], ok = p.take(address, 1)
		require.True(p, ok)
	}
	return places
}

func gone(places []*place) (numbers []int) {
	for n, p := range places {
		if p.gone {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// TestTheNewestOfTheLargestNetworkIsShed, whichever of its addresses it has, and nobody else.
func TestTheNewestOfTheLargestNetworkIsShed(t *testing.T) {
	for name, addresses := range map[string][2]string{
		"IPv4":           {"192.0.2.1", "192.0.2.200"},
		"IPv6":           {"2001:db8:1::1", "2001:db8:1:ffff::1"},
		"IPv4 as IPv6":   {"192.0.2.1", "::ffff:192.0.2.9"},
		"IPv6 with zone": {"fe80::1%eth0", "fe80::2%eth1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, 10)
			others := p.takes(3, "198.51.100.1")
			attack := append(p.takes(4, addresses[0]), p.takes(3, addresses[1])...)
			_, ok := p.take(addresses[0], 1)
			require.False(t, ok, "it is the newest of the largest network")
			p.takes(2, "203.0.113.1")
			require.Equal(t, []int{5, 6}, gone(attack))
			require.Empty(t, gone(others))
			require.EqualValues(t, 10, p.shares.Total())
		})
	}
}

// TestIdleClaimsAreShedFirst, the one that was idle for longest, also for another claim of the same network.
func TestIdleClaimsAreShedFirst(t *testing.T) {
	p := newPool(t, 6)
	places := p.takes(6, "192.0.2.1")
	for _, n := range []int{4, 2} {
		p.shares.Change(&places[n].claim, Idle, 1)
	}
	p.takes(2, "192.0.2.1")
	require.Equal(t, []int{2, 4}, gone(places))
	_, ok := p.take("192.0.2.1", 1)
	require.False(t, ok)

	p = newPool(t, 3)
	one, two, three := p.takes(1, "192.0.2.1"), p.takes(1, "198.51.100.1"), p.takes(1, "203.0.113.1")
	p.shares.Change(&two[0].claim, Idle, 1)
	p.takes(1, "203.0.114.1")
	require.Equal(t, []int{0}, gone(two), "of networks that use the same, one with an idle claim")
	require.Empty(t, gone(append(one, three...)))
}

// TestWorkIsNotShed: a claim that works stays, and one that cannot get a place is refused.
func TestWorkIsNotShed(t *testing.T) {
	p := newPool(t, 4)
	places := p.takes(4, "192.0.2.1")
	for _, place := range places {
		require.True(t, p.shares.Change(&place.claim, Working, 1))
	}
	_, ok := p.take("198.51.100.1", 1)
	require.False(t, ok)
	require.False(t, p.shares.ShedOne())
	p.shares.Release(&places[0].claim)
	p.takes(1, "198.51.100.1")
	require.Empty(t, gone(places))
}

// TestClaimsWithoutANetworkAreNotOne: connections of a proxy are its callers'.
func TestClaimsWithoutANetworkAreNotOne(t *testing.T) {
	p := newPool(t, 8)
	proxy := p.takes(6, "")
	attack := p.takes(2, "192.0.2.1")
	proxy = append(proxy, p.takes(1, "")...)
	require.Equal(t, []int{1}, gone(attack))
	require.Empty(t, gone(proxy))
	_, ok := p.take("192.0.2.1", 1)
	require.False(t, ok)
}

// TestLargeClaimsCountAsLarge: a network with few large claims loses one before a network with many small ones.
func TestLargeClaimsCountAsLarge(t *testing.T) {
	p := newPool(t, 100)
	small := p.takes(40, "192.0.2.1")
	large, ok := p.take("198.51.100.1", 60)
	require.True(t, ok)
	_, ok = p.take("203.0.113.1", 70)
	require.False(t, ok, "it would itself be the largest")
	require.True(t, large.gone || len(gone(small)) == 0)

	p = newPool(t, 100)
	small = p.takes(40, "192.0.2.1")
	large, ok = p.take("198.51.100.1", 60)
	require.True(t, ok)
	p.takes(1, "203.0.113.1")
	require.True(t, large.gone)
	require.Empty(t, gone(small))
	require.False(t, p.shares.Change(&large.claim, Working, 10), "a claim that was shed stays shed")
	require.EqualValues(t, 41, p.shares.Total())
}

// TestSharesStayWithinTheirBound in any order of calls, and forget networks without claims.
func TestSharesStayWithinTheirBound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	addresses := []string{"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", ""}
	p := newPool(t, 200)
	var places []*place
	for range 20_000 {
		switch place := pick(random, places); {
		case place == nil || random.IntN(3) == 0:
			taken, _ := p.take(addresses[random.IntN(len(addresses))], 1+random.Int64N(20))
			places = append(places, taken)
		case random.IntN(2) == 0:
			p.shares.Release(&place.claim)
		default:
			p.shares.Change(&place.claim, State(random.IntN(3)), 1+random.Int64N(place.claim.size))
		}
		var sum int64
		for n := 0; n < len(places); n++ {
			if places[n].claim.owner == nil {
				places[n] = places[len(places)-1]
				places = places[:len(places)-1]
				n--
				continue
			}
			sum += places[n].claim.size
		}
		require.Equal(t, sum, p.shares.Total())
		require.LessOrEqual(t, sum, int64(200))
		for n, o := range p.shares.queue {
			require.Equal(t, n, o.index)
			require.GreaterOrEqual(t, p.shares.queue[(n-1)/2].weight(), o.weight())
		}
	}
	for _, place := range places {
		p.shares.Release(&place.claim)
	}
	require.Zero(t, p.shares.Total())
	require.Empty(t, p.shares.owners)
	require.Empty(t, p.shares.queue)
}

func pick(random *rand.Rand, places []*place) *place {
	if len(places) == 0 {
		return nil
	}
	return places[random.IntN(len(places))]
}
