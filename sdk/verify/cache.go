package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// cache remembers tokens whose signatures were right. It has a fixed number of places, and each token has
// four of them where it may stand, so that it never grows, and neither reading nor writing takes a lock. Only
// verified tokens come in: who has none cannot push others out.
//
// An entry is good only together with the very key that checked it, and never beyond the token's own expiry;
// both are the reader's to look at.
type cache struct{ places []atomic.Pointer[verified] }

// verified is a token whose signature is right. It does not change.
type verified struct {
	sum    [sha256.Size]byte // of the whole token, signature and all
	key    *publicKey        // that checked it
	claims *Claims
}

const ways = 4

// newCache returns a cache of size places, rounded up to a multiple of four.
func newCache(size int) cache {
	return cache{make([]atomic.Pointer[verified], (size+ways-1)/ways*ways)}
}

// set is the places where a token may stand.
func (c cache) set(sum *[sha256.Size]byte) []atomic.Pointer[verified] {
	if len(c.places) == 0 {
		return nil
	}
	sets := uint64(len(c.places) / ways)
	first := binary.LittleEndian.Uint64(sum[:]) % sets * ways
	return c.places[first : first+ways]
}

func (c cache) find(sum *[sha256.Size]byte) *verified {
	set := c.set(sum)
	for n := range set {
		if entry := set[n].Load(); entry != nil && entry.sum == *sum {
			return entry
		}
	}
	return nil
}

// keep takes an entry in: at the first place where nothing stands, or the same token, or what expired before
// a time, else at any. So what find meets first is the newest. Of two that are kept at once for one place the
// later stays, which is as good.
func (c cache) keep(entry *verified, expiredBefore time.Time) {
	set := c.set(&entry.sum)
	if set == nil {
		return
	}
	place := int(entry.sum[sha256.Size-1]) % ways
	for n := range set {
		if old := set[n].Load(); old == nil || old.sum == entry.sum || old.claims.Expires.Before(expiredBefore) {
			place = n
			break
		}
	}
	set[place].Store(entry)
}
