package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// cache remembers tokens whose signatures were valid. It has a fixed number of slots, and each token can be in four
// of them, so that it never grows, and neither reading nor writing takes a lock. Only verified tokens are added, so
// an attacker without a token cannot evict others.
//
// An entry is valid only for the key that verified it, and until the token expires; the caller must check both.
type cache struct{ slots []atomic.Pointer[verified] }

// verified is a token whose signature is valid. It is immutable.
type verified struct {
	sum    [sha256.Size]byte // of the whole token, including the signature
	key    *publicKey        // that verified it
	claims *Claims
}

const ways = 4

// newCache returns a cache of size slots, rounded up to a multiple of four.
func newCache(size int) cache {
	return cache{make([]atomic.Pointer[verified], (size+ways-1)/ways*ways)}
}

// set returns the slots of a token.
func (c cache) set(sum *[sha256.Size]byte) []atomic.Pointer[verified] {
	if len(c.slots) == 0 {
		return nil
	}
	sets := uint64(len(c.slots) / ways)
	first := binary.LittleEndian.Uint64(sum[:]) % sets * ways
	return c.slots[first : first+ways]
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

// keep adds an entry: in the first slot that is empty, or has the same token, or a token that expired before a time,
// or otherwise in any slot. So find returns the newest entry. If two entries are added to a slot at once, the later
// one stays.
func (c cache) keep(entry *verified, expiredBefore time.Time) {
	set := c.set(&entry.sum)
	if set == nil {
		return
	}
	slot := int(entry.sum[sha256.Size-1]) % ways
	for n := range set {
		if old := set[n].Load(); old == nil || old.sum == entry.sum || old.claims.Expires.Before(expiredBefore) {
			slot = n
			break
		}
	}
	set[slot].Store(entry)
}
