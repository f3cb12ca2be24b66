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
)

// NewUserID makes the subject of a new user: "u_" and 128 random bits.
func NewUserID() string { return userPrefix + random(16) }

// NewClientID makes the id of a client whose operator did not choose one.
func NewClientID() string { return clientPrefix + random(16) }

// NewClientSecret makes a secret of 256 random bits. It is shown once; the store keeps [HashSecret] of it.
// The prefix lets secret scanners find one that was committed by mistake.
func NewClientSecret() string { return secretPrefix + random(32) }

// NewSessionID makes a UUIDv7 (RFC 9562): ordered by time, so that the primary key's index grows at one end.
func NewSessionID() string { return uuid.Must(uuid.NewV7()).String() }

// HashSecret is what the store keeps of a client secret. A generated secret has full entropy, so a slow hash
// would only slow us down.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// SecretMatches compares in constant time. An empty hash matches nothing.
func SecretMatches(hash []byte, secret string) bool {
	return subtle.ConstantTimeCompare(hash, HashSecret(secret)) == 1
}

// ValidClientID refuses what could be mistaken for a user's id (RFC 9700 §4.15) or needs quoting somewhere.
func ValidClientID(id string) error {
	switch {
	case id == "" || len(id) > 255:
		return errors.New("a client id has 1 to 255 characters")
	case strings.Trim(id, idAlphabet) != "":
		return errors.New("a client id consists of ASCII letters, digits, '.', '_', '~' and '-'")
	case strings.HasPrefix(id, userPrefix):
		return errors.New(`a client id must not begin with "u_", which marks users`)
	}
	return nil
}

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-"

// random returns n random bytes in base64url.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}
