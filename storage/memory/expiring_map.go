package memory

import (
	"container/heap"
	"container/list"
	"time"
)

// expiringMap is a map of limited size whose entries expire. The caller passes the time, which must never decrease,
// and holds a lock.
//
// It does not use otter, as the caches do: a cache that admits and evicts by frequency may drop a one-time code
// immediately, lets an attacker choose what is dropped, and does not guarantee how long an entry is kept.
type expiringMap struct {
	capacity int
	weight   int
	entries  map[string]*entry
	byExpiry queue
	byAge    *list.List // of *entry, the least recently written first
	evict    func(*expiringMap) *entry
}

type entry struct {
	key     string
	value   []byte
	expires time.Time
	index   int           // in byExpiry
	age     *list.Element // in byAge
}

// maxCollected is how many expired entries one call removes at most: more than it adds, but few enough that others do
// not wait long.
const maxCollected = 8

func newExpiringMap(capacity int, evict func(*expiringMap) *entry) *expiringMap {
	return &expiringMap{capacity: capacity, entries: map[string]*entry{}, byAge: list.New(), evict: evict}
}

// oldest and soonest choose the active entry that is evicted for a new one.
func oldest(s *expiringMap) *entry  { return s.byAge.Front().Value.(*entry) }
func soonest(s *expiringMap) *entry { return s.byExpiry[0] }

// find returns the active entry of a key, or nil.
func (s *expiringMap) find(key string, now time.Time) *entry {
	s.collect(now)
	if e := s.entries[key]; e != nil && e.activeAt(now) {
		return e
	}
	return nil
}

// take removes the entry of a key and returns it if it was active, or nil.
func (s *expiringMap) take(key string, now time.Time) *entry {
	e := s.find(key, now)
	if e != nil {
		s.remove(e)
	}
	return e
}

// put stores an entry, replacing an older one of the key.
func (s *expiringMap) put(key string, value []byte, expires, now time.Time) {
	if old := s.entries[key]; old != nil {
		s.remove(old)
	}
	e := &entry{key: key, value: value, expires: expires}
	s.makeRoom(e.weight(), now)
	s.weight += e.weight()
	s.entries[key] = e
	e.age = s.byAge.PushBack(e)
	heap.Push(&s.byExpiry, e)
}

func (s *expiringMap) makeRoom(weight int, now time.Time) {
	s.collect(now)
	for s.weight+weight > s.capacity && len(s.entries) > 0 {
		e := s.byExpiry[0]
		if e.activeAt(now) {
			e = s.evict(s)
		}
		s.remove(e)
	}
}

func (s *expiringMap) collect(now time.Time) {
	for range maxCollected {
		if len(s.byExpiry) == 0 || s.byExpiry[0].activeAt(now) {
			return
		}
		s.remove(s.byExpiry[0])
	}
}

func (s *expiringMap) remove(e *entry) {
	delete(s.entries, e.key)
	heap.Remove(&s.byExpiry, e.index)
	s.byAge.Remove(e.age)
	s.weight -= e.weight()
}

func (e *entry) activeAt(now time.Time) bool { return now.Before(e.expires) }

func (e *entry) weight() int { return 1 + len(e.value)>>10 }

// queue is a heap.Interface, with the entry that expires first at the top.
type queue []*entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].expires.Before(q[j].expires) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	e := x.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil // for the garbage collector
	*q = (*q)[:last]
	return e
}
