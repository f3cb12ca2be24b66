package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// SealAlone is Seal with a subkey that nothing else has: it follows from the identity too, and is derived
// each time. What there is one of for every account, sealed anew at every sign-in, so comes nowhere near the
// number of values that one subkey may seal, and who learns a subkey opens one account's.
func (r *Ring) SealAlone(purpose, identity string, plaintext []byte) ([]byte, error) {
	master := r.masters[0]
	sealer, err := master.lone(purpose, identity)
	if err != nil {
		return nil, err
	}
	head := append([]byte{sealVersion, byte(len(master.id))}, master.id...)
	return sealer.Seal(head, nil, plaintext, associatedData(purpose, identity)), nil
}

// OpenAlone decrypts what SealAlone made for the same purpose and identity. ErrUnknownMasterKey, which is
// followed by the key's id; ErrSealBroken.
func (r *Ring) OpenAlone(purpose, identity string, sealed []byte) ([]byte, error) {
	return r.open(sealed, associatedData(purpose, identity), func(master *masterKey) (cipher.AEAD, error) {
		return master.lone(purpose, identity)
	})
}

// lone returns AES-256-GCM under the subkey of one purpose and identity. No purpose begins so that its subkey
// were one of these.
func (m *masterKey) lone(purpose, identity string) (cipher.AEAD, error) {
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
