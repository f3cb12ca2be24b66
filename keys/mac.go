package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"sync"
)

// macKey computes HMACs with one secret. It reuses keyed hashes, which saves two of four compressions and the
// allocations.
type macKey struct{ pool sync.Pool }

func newMACKey(secret []byte) *macKey {
	return &macKey{sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}
}

// SecretID returns the id of the refresh secret for new tokens; the zero id, which is unknown to MAC, if there is none.
func (s *Set) SecretID() (id [secretIDSize]byte) {
	if len(s.secretIDs) > 0 {
		id = s.secretIDs[0]
	}
	return id
}

// SecretIDs returns the ids of all valid refresh secrets, the current one first, then from newer to older.
func (s *Set) SecretIDs() [][secretIDSize]byte { return slices.Clone(s.secretIDs) }

// MAC returns HMAC-SHA256 over purpose and parts with the refresh secret of an id; false if the id is unknown. Each
// part is preceded by its length, so that the input is unambiguous.
func (s *Set) MAC(id [secretIDSize]byte, purpose string, parts ...[]byte) ([sha256.Size]byte, bool) {
	key, known := s.secrets[id]
	if !known {
		return [sha256.Size]byte{}, false
	}
	mac := key.pool.Get().(hash.Hash)
	defer key.pool.Put(mac)
	mac.Reset()
	writeWithLength(mac, []byte(purpose))
	for _, part := range parts {
		writeWithLength(mac, part)
	}
	return [sha256.Size]byte(mac.Sum(nil)), true
}

func writeWithLength(w hash.Hash, b []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(b)))
	w.Write(length[:])
	w.Write(b)
}
