package verify

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

const (
	unknownFor    = time.Minute
	unknownPlaces = 256
)

// unknownKeys remembers kids that a key set did not have when it was fetched for them, so that tokens of a
// key that is gone do not call for the key set again and again. It has a fixed number of places: whoever
// makes up kids overwrites his own, and is stopped by the floor anyway. A kid that is in the key set is never
// looked up here, so nothing that is remembered wrongly does harm.
type unknownKeys struct {
	places [unknownPlaces]atomic.Pointer[unknownID]
	seed   maphash.Seed // so that nobody can choose whose place he takes
}

type unknownID struct {
	id    string
	until time.Time
}

func (u *unknownKeys) has(id string, now time.Time) bool {
	known := u.place(id).Load()
	return known != nil && known.id == id && now.Before(known.until)
}

func (u *unknownKeys) add(id string, now time.Time) {
	u.place(id).Store(&unknownID{id: id, until: now.Add(unknownFor)})
}

func (u *unknownKeys) place(id string) *atomic.Pointer[unknownID] {
	return &u.places[maphash.String(u.seed, id)%unknownPlaces]
}
