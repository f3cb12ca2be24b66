package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// SealPerIdentity is like Seal, but with a subkey of its own for each identity, which is derived at each call. So
// values that exist for every account and are sealed again at every sign-in do not exhaust the number of values that
// one subkey may seal, and a leaked subkey opens the value of only one account.
func (r *Ring) SealPerIdentity(purpose, identity string, plaintext []byte) ([]byte, error) {
	master := r.masters[0]
	sealer, err := master.perIdentitySealer(purpose, identity)
	if err != nil {
		return nil, err
	}
	head := append([]byte{sealVersion, byte(len(master.id))}, master.id...)
	return sealer.Seal(head, nil, plaintext, associatedData(purpose, identity)), nil
}

// OpenPerIdentity decrypts a value that SealPerIdentity sealed for the same purpose and identity. It returns
// ErrUnknownMasterKey, wrapped with the key's id, or ErrSealBroken.
func (r *Ring) OpenPerIdentity(purpose, identity string, sealed []byte) ([]byte, error) {
	return r.open(sealed, associatedData(purpose, identity), func(master *masterKey) (cipher.AEAD, error) {
		return master.perIdentitySealer(purpose, identity)
	})
}

// perIdentitySealer returns AES-256-GCM with the subkey of one purpose and identity. The info of these subkeys
// differs from that of every purpose of Seal.
func (m *masterKey) perIdentitySealer(purpose, identity string) (cipher.AEAD, error) {
	return m.derive("lingpai seal-alone " + string(associatedData(purpose, identity)))
}

func (m *masterKey) derive(info string) (cipher.AEAD, error) {
	subkey, err := hkdf.Expand(sha256.New, m.secret, info, subkeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(subkey)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
