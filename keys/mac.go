package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"sync"
)

// macKey makes HMACs with one secret. Keyed hashes are kept and reset, which spares two of four compressions
// and the allocations.
type macKey struct{ pool sync.Pool }

func newMACKey(secret []byte) *macKey {
	return &macKey{sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}
}

// SecretID returns the id of the refresh secret that new tokens are made with; one that there is not, if there is none.
func (s *Set) SecretID() (id [secretIDSize]byte) {
	if len(s.secretIDs) > 0 {
		id = s.secretIDs[0]
	}
	return id
}

// SecretIDs returns the ids of all refresh secrets that count, the current first, then from newer to older.
func (s *Set) SecretIDs() [][secretIDSize]byte { return slices.Clone(s.secretIDs) }

// MAC returns HMAC-SHA256 over purpose and parts with the refresh secret of an id; false if there is none.
// Each is preceded by its length, so no two inputs look alike.
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
