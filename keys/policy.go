package keys

import "time"

// Policy configures the lifetimes of keys.
type Policy struct {
	Signing Schedule
	Refresh Schedule
}

// Schedule configures the lifetime of the keys of one purpose. The next key always exists, and is known before it is
// used: to verifiers, and to all servers, which read the store every reloadInterval.
type Schedule struct {
	Interval time.Duration // how long a key is used; 0: until an operator rotates it
	Announce time.Duration // how long it is published before it is used
	Retire   time.Duration // how long it verifies after it was used
}

func (p Policy) of(purpose Purpose) Schedule {
	if purpose == Signing {
		return p.Signing
	}
	return p.Refresh
}

// purposes are the known purposes; stores may contain others, which later versions created.
var purposes = []Purpose{Signing, Refresh}
