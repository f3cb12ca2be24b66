package keys

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"time"
)

const (
	signingBits   = 2048
	secretSize    = 32
	secretIDSize  = 6
	firstSequence = 1
)

// addMissing makes the first key of each purpose that has none, and reports whether there was one to make. That another replica was
// faster is fine: whose key won is seen by reading again.
func addMissing(ctx context.Context, store Store, records []Record, ring *Ring, options Options) (bool, error) {
	missing := false
	for _, purpose := range []Purpose{Signing, Refresh} {
		if slices.ContainsFunc(records, func(r Record) bool { return r.Purpose == purpose }) {
			continue
		}
		missing = true
		record, err := newRecord(purpose, ring, options)
		if err != nil {
			return false, err
		}
		if _, err := store.AddKey(ctx, record); err != nil {
			return false, err
		}
	}
	return missing, nil
}

// newRecord makes and seals the first key of a purpose. It is used at once: there is no verifier yet that knows an older one.
func newRecord(purpose Purpose, ring *Ring, options Options) (Record, error) {
	id, plaintext, err := generate(purpose, options.generateRSA)
	if err != nil {
		return Record{}, err
	}
	sealed, err := ring.Seal(sealPurpose(purpose), id, plaintext)
	now := options.Now().Truncate(time.Millisecond) // what stores keep, so that none rounds it into the future
	return Record{
		Purpose: purpose, Sequence: firstSequence, ID: id, Sealed: sealed, CreatedAt: now, AnnouncedAt: now, SigningAt: now,
	}, err
}

// sealPurpose keeps the kinds of keys apart under the master key.
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
