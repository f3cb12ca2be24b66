package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
)

// A sealed value is
//
//	refresh secret's id 6 ‖ salt 24 ‖ ciphertext and tag of AES-256-GCM
//
// under a key of its own, which the refresh secret with that id derives from the salt. So the nonce can be constant,
// and no number of values is too many for one secret.
const (
	saltSize    = 24
	sealedSpace = secretIDSize + saltSize + 16
)

// Seal encrypts a value that clients or browsers keep, for one purpose and one context, both of which are needed to
// open it. It returns false if there is no refresh secret.
func (s *Set) Seal(purpose string, context, plaintext []byte) ([]byte, bool) {
	id := s.SecretID()
	sealed := make([]byte, secretIDSize+saltSize, len(plaintext)+sealedSpace)
	copy(sealed, id[:])
	rand.Read(sealed[secretIDSize:]) // never returns an error (crypto/rand)
	sealer, ok := s.valueSealer(purpose, sealed)
	if !ok {
		return nil, false
	}
	return sealer.Seal(sealed, make([]byte, sealer.NonceSize()), plaintext, context), true
}

// Unseal decrypts a value that Seal encrypted for the same purpose and context. It returns ErrSealBroken if the value
// is any other, or if its secret is no longer known.
func (s *Set) Unseal(purpose string, context, sealed []byte) ([]byte, error) {
	if len(sealed) < sealedSpace {
		return nil, ErrSealBroken
	}
	sealer, ok := s.valueSealer(purpose, sealed)
	if !ok {
		return nil, ErrSealBroken
	}
	plaintext, err := sealer.Open(nil, make([]byte, sealer.NonceSize()), sealed[secretIDSize+saltSize:], context)
	if err != nil {
		return nil, ErrSealBroken
	}
	return plaintext, nil
}

// valueSealer returns the cipher of one value, given its id and salt; false if the secret is unknown.
func (s *Set) valueSealer(purpose string, sealed []byte) (cipher.AEAD, bool) {
	id, salt := [secretIDSize]byte(sealed), sealed[secretIDSize:secretIDSize+saltSize]
	key, ok := s.MAC(id, "seal "+purpose, salt)
	if !ok {
		return nil, false
	}
	block, err := aes.NewCipher(key[:sha256.Size])
	if err != nil {
		return nil, false
	}
	sealer, err := cipher.NewGCM(block)
	return sealer, err == nil
}
