package memory

import (
	"container/heap"
	"container/list"
	"time"
)

// shelf is a map of bounded size whose entries expire. It takes a moving clock from its caller, who also
// keeps others out.
//
// It is not built on otter, as the copies of records are: a cache that admits and evicts by frequency may
// drop a one-time code at once, lets an attacker choose what is dropped, and promises nothing about how long
// an entry stays.
type shelf struct {
	capacity int
	weight   int
	entries  map[string]*entry
	byExpiry queue
	byAge    *list.List // of *entry, the one written longest ago first
	victim   func(*shelf) *entry
}

type entry struct {
	key     string
	value   []byte
	expires time.Time
	place   int           // in byExpiry
	age     *list.Element // in byAge
}

// collected is how many expired entries one call removes at most: more than it adds, and never so many that
// others wait for it.
const collected = 8

func newShelf(capacity int, victim func(*shelf) *entry) *shelf {
	return &shelf{capacity: capacity, entries: map[string]*entry{}, byAge: list.New(), victim: victim}
}

// oldest and soonest say which of the live entries makes room for a new one.
func oldest(s *shelf) *entry  { return s.byAge.Front().Value.(*entry) }
func soonest(s *shelf) *entry { return s.byExpiry[0] }

// find returns the live entry of a key, or nil.
func (s *shelf) find(key string, now time.Time) *entry {
	s.collect(now)
	if e := s.entries[key]; e != nil && e.livesAt(now) {
		return e
	}
	return nil
}

// take removes the entry of a key and returns it if it was live, else nil.
func (s *shelf) take(key string, now time.Time) *entry {
	e := s.find(key, now)
	if e != nil {
		s.remove(e)
	}
	return e
}

// put keeps a new entry in place of the key's old one.
func (s *shelf) put(key string, value []byte, expires, now time.Time) {
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

func (s *shelf) makeRoom(weight int, now time.Time) {
	s.collect(now)
	for s.weight+weight > s.capacity && len(s.entries) > 0 {
		e := s.byExpiry[0]
		if e.livesAt(now) {
			e = s.victim(s)
		}
		s.remove(e)
	}
}

func (s *shelf) collect(now time.Time) {
	for range collected {
		if len(s.byExpiry) == 0 || s.byExpiry[0].livesAt(now) {
			return
		}
		s.remove(s.byExpiry[0])
	}
}

func (s *shelf) remove(e *entry) {
	delete(s.entries, e.key)
	heap.Remove(&s.byExpiry, e.place)
	s.byAge.Remove(e.age)
	s.weight -= e.weight()
}

func (e *entry) livesAt(now time.Time) bool { return now.Before(e.expires) }

func (e *entry) weight() int { return 1 + len(e.value)>>10 }

// queue is a heap.Interface, the soonest to expire first.
type queue []*entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].expires.Before(q[j].expires) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *queue) Push(x any) {
	e := x.(*entry)
	e.place = len(*q)
	*q = append(*q, e)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil // lets the entry be freed
	*q = (*q)[:last]
	return e
}
