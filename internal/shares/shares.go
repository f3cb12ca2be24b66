// Package shares divides what is scarce fairly between networks.
package shares

import (
	"container/heap"
	"net/netip"
	"sync"
)

// Shares is an amount that is shared fairly between networks. When it is used up, it sheds claims of the network that
// uses most: the one that has been idle for longest, or else the newest that waits. It is safe for concurrent use.
type Shares struct {
	mutex  sync.Mutex
	bound  int64
	used   int64
	owners map[netip.Prefix]*owner
	queue  queue  // all owners, the one to shed from first
	spare  *owner // unused, so that the usual request allocates none
}

// New returns an amount that nobody has claimed.
func New(bound int64) *Shares { return &Shares{bound: bound, owners: map[netip.Prefix]*owner{}} }

// Claim is a part of an amount. It is shed or released once.
type Claim struct {
	Holder       Holder
	size         int64
	state        State
	owner        *owner // nil after the end
	older, newer *Claim // among the owner's claims of the same state
}

// State returns the state of a claim whose holder is told that it is shed.
func (c *Claim) State() State { return c.state }

// Holder is told when its claim is shed.
type Holder interface{ Shed() }

// State decides whether a claim may be shed.
type State int

// The states.
const (
	Waiting State = iota // may be shed
	Idle                 // may be shed, before those that wait
	Working              // must not be shed
)

// Take adds a claim that waits. It may shed others for it, but not of a network that uses less: then it reports false.
// A claim without a valid network is the only one of its network.
func (s *Shares) Take(c *Claim, network netip.Prefix, size int64) bool {
	s.mutex.Lock()
	s.add(c, s.ownerOf(network), size)
	var victims []*Claim
	for s.used > s.bound && c.owner != nil {
		victim := s.queue[0].victim()
		s.remove(victim)
		if victim != c {
			victims = append(victims, victim)
		}
	}
	taken := c.owner != nil
	s.mutex.Unlock()
	for _, victim := range victims {
		victim.Holder.Shed()
	}
	return taken
}

// ShedOne sheds one claim, if any may be shed, and reports whether it did.
func (s *Shares) ShedOne() bool {
	s.mutex.Lock()
	if len(s.queue) == 0 || s.queue[0].victim() == nil {
		s.mutex.Unlock()
		return false
	}
	victim := s.queue[0].victim()
	s.remove(victim)
	s.mutex.Unlock()
	victim.Holder.Shed()
	return true
}

// Change sets the state and size of a claim. It reports false if the claim has ended.
func (s *Shares) Change(c *Claim, to State, size int64) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	o := c.owner
	if o == nil {
		return false
	}
	o.lists[c.state].remove(c)
	s.used += size - c.size
	o.used += size - c.size
	c.size, c.state = size, to
	o.lists[to].push(c)
	heap.Fix(&s.queue, o.index)
	return true
}

// Release ends a claim, unless it has ended.
func (s *Shares) Release(c *Claim) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if c.owner != nil {
		s.remove(c)
	}
}

// Total returns how much is used.
func (s *Shares) Total() int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.used
}

func (s *Shares) add(c *Claim, o *owner, size int64) {
	c.owner, c.size, c.state = o, size, Waiting
	s.used += size
	o.used += size
	o.lists[Waiting].push(c)
	heap.Fix(&s.queue, o.index)
}

func (s *Shares) remove(c *Claim) {
	o := c.owner
	c.owner = nil
	s.used -= c.size
	o.used -= c.size
	o.lists[c.state].remove(c)
	if !o.empty() {
		heap.Fix(&s.queue, o.index)
		return
	}
	heap.Remove(&s.queue, o.index)
	if o.network.IsValid() {
		delete(s.owners, o.network)
	}
	s.spare = o
}

func (s *Shares) ownerOf(network netip.Prefix) *owner {
	o := s.owners[network]
	if o != nil {
		return o
	}
	o, s.spare = s.spare, nil
	if o == nil {
		o = &owner{}
	}
	*o = owner{network: network}
	if network.IsValid() {
		s.owners[network] = o
	}
	heap.Push(&s.queue, o)
	return o
}

// owner is a network with claims.
type owner struct {
	network netip.Prefix
	used    int64
	index   int     // in the queue
	lists   [3]list // by state
}

func (o *owner) empty() bool { return o.lists == [3]list{} }

// victim returns the claim to shed first, or nil.
func (o *owner) victim() *Claim {
	if longest := o.lists[Idle].oldest; longest != nil {
		return longest
	}
	return o.lists[Waiting].newest
}

// weight orders owners: those that use more go first, and of two that use the same the one with an idle claim.
func (o *owner) weight() int64 {
	switch {
	case o.lists[Idle].oldest != nil:
		return 2*o.used + 1
	case o.lists[Waiting].newest != nil:
		return 2 * o.used
	}
	return -1
}

// queue is a heap of owners by weight, for container/heap.
type queue []*owner

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].weight() > q[j].weight() }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	o := x.(*owner)
	o.index = len(*q)
	*q = append(*q, o)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	o := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return o
}

// list is a linked list of claims, oldest to newest.
type list struct{ oldest, newest *Claim }

func (l *list) push(c *Claim) {
	c.older, c.newer = l.newest, nil
	if l.newest == nil {
		l.oldest = c
	} else {
		l.newest.newer = c
	}
	l.newest = c
}

func (l *list) remove(c *Claim) {
	if c.older == nil {
		l.oldest = c.newer
	} else {
		c.older.newer = c.newer
	}
	if c.newer == nil {
		l.newest = c.older
	} else {
		c.newer.older = c.older
	}
	c.older, c.newer = nil, nil
}
