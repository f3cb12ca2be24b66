package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// parameters are the parameters of argon2id. Memory is in KiB.
type parameters struct {
	memory, time uint32
	threads      uint8
}

// current returns the minimum parameters that OWASP recommends for argon2id. They use one thread, so that a hash costs
// the same on every host.
func current() parameters { return parameters{memory: 19 << 10, time: 2, threads: 1} }

// expensive reports whether a hash takes much longer than one of our own, by the memory that is written.
func (p parameters) expensive() bool {
	ours := current()
	return uint64(p.memory)*uint64(p.time) > 8*uint64(ours.memory)*uint64(ours.time)
}

const (
	saltSize = 16
	hashSize = 32

	maxMemory  = 64 << 10
	maxTime    = 8
	maxThreads = 4
)

// hashed is a decoded hash.
type hashed struct {
	parameters
	salt, hash []byte
}

var errNotAHash = errors.New("not a supported hash: use argon2id in PHC form with at most 64 MiB, 8 passes and 4 " +
	"threads, or bcrypt that begins with $2a$, $2b$ or $2y$ and has a cost of 04 to 14")

// CheckHash returns an error if a hash of another program is not supported. The error does not contain the hash.
func CheckHash(encoded string) error {
	var err error
	if isBcrypt(encoded) {
		_, err = parseBcrypt(encoded)
	} else {
		_, err = parse(encoded)
	}
	return err
}

// IsExpensive reports whether checking a hash takes several times as long as is usual: a bcrypt hash with a cost
// above 12, or argon2id with more than eight times the work of a new hash. It is false for what CheckHash rejects.
func IsExpensive(encoded string) bool {
	if isBcrypt(encoded) {
		b, err := parseBcrypt(encoded)
		return err == nil && b.expensive()
	}
	h, err := parse(encoded)
	return err == nil && h.expensive()
}

// parse reads a hash such as "$argon2id$v=19$m=19456,t=2,p=1$salt$hash". It rejects parameters that would make checking
// a denial of service.
func parse(encoded string) (hashed, error) {
	var h hashed
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errNotAHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return h, errNotAHash
	}
	if !h.parameters.acceptable() {
		return h, errNotAHash
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.hash, err2 = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.hash) < 16 || len(h.hash) > 64 {
		return h, errNotAHash
	}
	if h.String() != encoded { // leading zeros, newlines within base64, anything after a number
		return h, errNotAHash
	}
	return h, nil
}

// acceptable reports whether hashes with these parameters are checked. RFC 9106 §3.1 defines the lower limits.
func (p parameters) acceptable() bool {
	return p.threads >= 1 && p.threads <= maxThreads && p.time >= 1 && p.time <= maxTime &&
		p.memory >= 8*uint32(p.threads) && p.memory <= maxMemory
}

func (p parameters) String() string {
	return fmt.Sprintf("m=%d,t=%d,p=%d", p.memory, p.time, p.threads)
}

// String returns the PHC form.
func (h hashed) String() string {
	return fmt.Sprintf("$argon2id$v=%d$%s$%s$%s", argon2.Version, h.parameters,
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.hash))
}

// argon2id hashes a password with the parameters and salt of h.
func argon2id(h hashed, password string, size int) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(size))
}
