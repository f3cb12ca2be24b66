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

// unknownKeys remembers kids that a fetched key set did not have, so that tokens of a removed key do not cause
// repeated fetches. It has a fixed number of slots: made-up kids only overwrite each other, and fetches are limited
// by the floor anyway. A kid in the key set is never looked up here, so a wrong entry does no harm.
type unknownKeys struct {
	places [unknownPlaces]atomic.Pointer[unknownID]
	seed   maphash.Seed // so that nobody can choose which slot a kid overwrites
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
