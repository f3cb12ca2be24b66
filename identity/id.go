package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/google/uuid"
)

const (
	userPrefix   = "u_"
	clientPrefix = "c_"
	secretPrefix = "lp_cs_"

	userIDSize = 16 // random bytes
)

// NewUserID returns a new user id: "u_" and 128 random bits.
func NewUserID() string { return userPrefix + random(userIDSize) }

// NewClientID returns a new client id, for clients whose operator did not choose one.
func NewClientID() string { return clientPrefix + random(16) }

// NewClientSecret returns a secret of 256 random bits. It is shown once; the store keeps [HashSecret] of it. The
// prefix lets secret scanners find a secret that was committed by mistake.
func NewClientSecret() string { return secretPrefix + random(32) }

// NewSessionID returns a UUIDv7 (RFC 9562). These are ordered by time, so the primary key's index grows at one end.
func NewSessionID() string { return uuid.Must(uuid.NewV7()).String() }

// HashSecret returns the hash of a client secret that the store keeps. A generated secret has full entropy, so a slow
// hash would cost time and add nothing.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// SecretMatches reports whether hash is the hash of secret, in constant time. An empty hash matches nothing.
func SecretMatches(hash []byte, secret string) bool {
	return subtle.ConstantTimeCompare(hash, HashSecret(secret)) == 1
}

// ValidClientID rejects ids that could be mistaken for a user's id (RFC 9700 §4.15) or that would need quoting
// somewhere.
func ValidClientID(id string) error {
	switch {
	case id == "" || len(id) > 255:
		return errors.New("a client id must be 1 to 255 characters long")
	case strings.Trim(id, idAlphabet) != "":
		return errors.New("a client id must consist of ASCII letters, digits, '.', '_', '~' and '-'")
	case strings.HasPrefix(id, userPrefix):
		return errors.New(`a client id must not begin with "u_", which marks user ids`)
	}
	return nil
}

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-"

// random returns n random bytes in base64url.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}
