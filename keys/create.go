package keys

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
)

const (
	signingBits  = 2048
	secretSize   = 32
	secretIDSize = 6
)

// maker generates keys for plans and keeps them: a plan that is repeated, because the store retries it or has
// changed, gets the same keys.
type maker struct {
	ring        *Ring
	generateRSA func() (*rsa.PrivateKey, error)
	made        map[Purpose][]SealedKey
	used        map[Purpose]int // by the current plan
}

func newMaker(ring *Ring, options Options) *maker {
	return &maker{ring: ring, generateRSA: options.generateRSA, made: map[Purpose][]SealedKey{}}
}

// again starts a plan. It returns a function that makes its keys; the first are those of the plan before.
func (m *maker) again() func(Purpose) (SealedKey, error) {
	m.used = map[Purpose]int{}
	return m.make
}

func (m *maker) make(purpose Purpose) (SealedKey, error) {
	if m.used[purpose] == len(m.made[purpose]) {
		id, plaintext, err := generate(purpose, m.generateRSA)
		if err != nil {
			return SealedKey{}, err
		}
		sealed, err := m.ring.Seal(sealPurpose(purpose), id, plaintext)
		if err != nil {
			return SealedKey{}, err
		}
		m.made[purpose] = append(m.made[purpose], SealedKey{id, sealed})
	}
	m.used[purpose]++
	return m.made[purpose][m.used[purpose]-1], nil
}

// sealPurpose returns the purpose for which keys are sealed.
func sealPurpose(purpose Purpose) string {
	if purpose == Signing {
		return "signing-key"
	}
	return "refresh-secret"
}

func generate(purpose Purpose, generateRSA func() (*rsa.PrivateKey, error)) (id string, plaintext []byte, err error) {
	if purpose == Signing {
		return newSigningKey(generateRSA)
	}
	return newRefreshSecret()
}

func newSigningKey(generate func() (*rsa.PrivateKey, error)) (string, []byte, error) {
	if generate == nil {
		generate = func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, signingBits) }
	}
	key, err := generate()
	if err != nil {
		return "", nil, err
	}
	id, err := thumbprint(&key.PublicKey)
	if err != nil {
		return "", nil, err
	}
	plaintext, err := x509.MarshalPKCS8PrivateKey(key)
	return id, plaintext, err
}

func newRefreshSecret() (string, []byte, error) {
	b := make([]byte, secretIDSize+secretSize)
	_, err := rand.Read(b)
	return hex.EncodeToString(b[:secretIDSize]), b[secretIDSize:], err
}
