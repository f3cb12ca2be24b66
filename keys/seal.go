package keys

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	// ErrUnknownMasterKey means that a value was sealed with a master key that the ring does not have.
	ErrUnknownMasterKey = errors.New("unknown master key")
	// ErrSealBroken means that a sealed value was changed, moved to another place, or sealed with another key that
	// has the same id.
	ErrSealBroken = errors.New("the seal is broken")
)

const (
	sealVersion = 1
	subkeySize  = 32 // AES-256
)

// Seal encrypts a value for one purpose and one identity, which are needed to open it: a value that was moved to
// another row or column does not open. Purposes must be constants, since the subkey of each is cached. The result is
//
//	version ‖ length of id ‖ id of the master key ‖ nonce ‖ ciphertext
//
// with AES-256-GCM. Nonces are random, so a master key should seal fewer than 2³² values of one purpose (NIST
// SP 800-38D §8.3).
func (r *Ring) Seal(purpose, identity string, plaintext []byte) ([]byte, error) {
	master := r.masters[0]
	sealer, err := master.sealer(purpose)
	if err != nil {
		return nil, err
	}
	head := append([]byte{sealVersion, byte(len(master.id))}, master.id...)
	return sealer.Seal(head, nil, plaintext, associatedData(purpose, identity)), nil
}

// Open decrypts a value that Seal sealed for the same purpose and identity. It returns ErrUnknownMasterKey, wrapped
// with the key's id, or ErrSealBroken.
func (r *Ring) Open(purpose, identity string, sealed []byte) ([]byte, error) {
	return r.open(sealed, associatedData(purpose, identity), func(master *masterKey) (cipher.AEAD, error) {
		return master.sealer(purpose)
	})
}

func (r *Ring) open(sealed, associated []byte, sealerOf func(*masterKey) (cipher.AEAD, error)) ([]byte, error) {
	id, rest, err := cutEnvelope(sealed)
	if err != nil {
		return nil, err
	}
	master := r.find(id)
	if master == nil && r.opensAny(sealed, associated, sealerOf) {
		return nil, ErrSealBroken
	}
	if master == nil {
		return nil, fmt.Errorf("%w %q", ErrUnknownMasterKey, id)
	}
	sealer, err := sealerOf(master)
	if err != nil {
		return nil, err
	}
	plaintext, err := sealer.Open(nil, nil, rest, associated)
	if err != nil {
		return nil, ErrSealBroken
	}
	return plaintext, nil
}

// opensAny reports whether a master key of the ring opens a value that names another one: its head was changed.
func (r *Ring) opensAny(sealed, associated []byte, sealerOf func(*masterKey) (cipher.AEAD, error)) bool {
	for _, master := range r.masters {
		sealer, err := sealerOf(master)
		if end := headSize + len(master.id); err == nil && end <= len(sealed) {
			if _, err = sealer.Open(nil, nil, sealed[end:], associated); err == nil {
				return true
			}
		}
	}
	return false
}

// headSize is the size of what comes before the id of the master key.
const headSize = 2

// cutEnvelope returns the id of the master key that sealed a value, and the rest of the value. It returns
// ErrSealBroken if the value is malformed.
func cutEnvelope(sealed []byte) (id string, rest []byte, err error) {
	if len(sealed) < headSize || sealed[0] != sealVersion || len(sealed) < headSize+int(sealed[1]) {
		return "", nil, ErrSealBroken
	}
	end := headSize + int(sealed[1])
	id = string(sealed[headSize:end])
	if !validKeyID(id) {
		return "", nil, ErrSealBroken
	}
	return id, sealed[end:], nil
}

// sealer returns AES-256-GCM with the subkey of a purpose (HKDF, RFC 5869). Deriving it costs more than using it, so
// it is cached.
func (m *masterKey) sealer(purpose string) (cipher.AEAD, error) {
	if sealer, ok := m.sealers.Load(purpose); ok {
		return sealer.(cipher.AEAD), nil
	}
	sealer, err := m.derive("lingpai seal " + purpose)
	if err != nil {
		return nil, err
	}
	m.sealers.Store(purpose, sealer)
	return sealer, nil
}

// associatedData encodes purpose and identity. The length distinguishes ("ab", "c") from ("a", "bc").
func associatedData(purpose, identity string) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(purpose)))
	return append(append(b, purpose...), identity...)
}
