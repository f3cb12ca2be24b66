package keys

import "time"

// Policy says how long keys live.
type Policy struct {
	Signing Life
	Refresh Life
}

// Life is how long keys of one purpose live. A key that is to be used next always exists, and is known before
// it is used: to verifiers, and to all servers, which read the store every [reloadInterval].
type Life struct {
	Interval time.Duration // a key is used for so long; 0: until somebody rotates it
	Announce time.Duration // it is known for so long before it is used
	Retire   time.Duration // what was made with it counts for so long afterwards
}

func (p Policy) of(purpose Purpose) Life {
	if purpose == Signing {
		return p.Signing
	}
	return p.Refresh
}

// purposes are those that are planned here; stores may hold others, of later versions.
var purposes = []Purpose{Signing, Refresh}
