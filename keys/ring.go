package keys

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	masterKeySize = 32
	maxKeyIDSize  = 32
	idAlphabet    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
)

// Ring is the list of master keys, which encrypt secrets for the database: the first one seals, all of them open. It
// is safe for concurrent use.
type Ring struct {
	masters []*masterKey
}

// masterKey is one key of a ring with the sealers that were derived from it, by purpose.
type masterKey struct {
	id      string
	secret  []byte   // from which subkeys are derived
	sealers sync.Map // string to cipher.AEAD
}

// ParseRing reads entries "id:base64" separated by commas. Each key has 32 bytes, in standard or URL base64, padded
// or not; ids are unique and have 1 to 32 letters, digits, '_' and '-'. Errors name an entry only by its position,
// since the text in the place of the id may be the key.
func ParseRing(text string) (*Ring, error) {
	ring := &Ring{}
	for n, entry := range strings.Split(text, ",") {
		master, err := parseMasterKey(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("entry %d of the master keys: %w", n+1, err)
		}
		if ring.find(master.id) != nil {
			return nil, fmt.Errorf("entry %d of the master keys has the id of an earlier entry; change the id "+
				"of the newer one, before its colon", n+1)
		}
		ring.masters = append(ring.masters, master)
	}
	return ring, nil
}

func parseMasterKey(entry string) (*masterKey, error) {
	id, encoded, _ := strings.Cut(entry, ":")
	if !validKeyID(id) {
		return nil, errors.New("want id:base64, where the id has 1 to 32 letters, digits, '_' and '-'")
	}
	key, err := decodeBase64(encoded)
	if err != nil || len(key) != masterKeySize {
		return nil, errors.New("want the base64 of exactly 32 bytes after the id, and a comma between entries")
	}
	secret, err := hkdf.Extract(sha256.New, key, nil) // RFC 5869 §2.2; once for all subkeys
	return &masterKey{id: id, secret: secret}, err
}

// NewMasterKey returns a new entry for a ring. Its id has the date in UTC, for people who read a ring, and a random
// suffix.
func NewMasterKey(now time.Time) (string, error) {
	random := make([]byte, masterKeySize+2)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	key, suffix := random[:masterKeySize], random[masterKeySize:]
	return fmt.Sprintf("k%s-%x:%s", now.UTC().Format("20060102"), suffix, base64.StdEncoding.EncodeToString(key)), nil
}

// Format implements fmt.Formatter: a ring is always printed as "***".
func (Ring) Format(state fmt.State, _ rune) { io.WriteString(state, masked) }

const masked = "***"

// Subkey returns a secret for one purpose, which every server with the same first master key has: HKDF-Expand (RFC
// 5869) of that key. Different uses need different purposes.
func (r *Ring) Subkey(purpose string) ([]byte, error) {
	return hkdf.Expand(sha256.New, r.masters[0].secret, "lingpai subkey "+purpose, subkeySize)
}

func (r *Ring) find(id string) *masterKey {
	n := slices.IndexFunc(r.masters, func(m *masterKey) bool { return m.id == id })
	if n < 0 {
		return nil
	}
	return r.masters[n]
}

func validKeyID(id string) bool {
	return id != "" && len(id) <= maxKeyIDSize && strings.Trim(id, idAlphabet) == ""
}

// decodeBase64 accepts the standard and the URL alphabet, padded or not, since people paste either.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	if strings.HasSuffix(text, "=") {
		return base64.StdEncoding.Strict().DecodeString(text)
	}
	return base64.RawStdEncoding.Strict().DecodeString(text)
}
