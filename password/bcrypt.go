package password

import (
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	bcryptSize = 60 // of every bcrypt hash that is written out

	// maxBcryptCost keeps one check near a second of a processor; each step doubles it. Programs use 10 to 13.
	minBcryptCost, maxBcryptCost = 4, 14

	bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// bcryptHash is one that another program made and an operator imported: "$2b$12$", 22 characters of salt, 31
// of hash. The versions 2a, 2b and 2y differ by faults of old programs with texts that no password of ours
// is; "$2x$" marks hashes made with such a fault.
type bcryptHash string

func isBcrypt(encoded string) bool { return strings.HasPrefix(encoded, "$2") }

// parseBcrypt refuses what no password could match, and a cost that would make checking it a denial of service.
func parseBcrypt(encoded string) (bcryptHash, error) {
	if len(encoded) != bcryptSize || strings.IndexByte("aby", encoded[2]) < 0 ||
		encoded[3] != '$' || encoded[6] != '$' {
		return "", errNotAHash
	}
	for _, c := range encoded[7:] {
		if !strings.ContainsRune(bcryptAlphabet, c) {
			return "", errNotAHash
		}
	}
	// 184 bits in 31 characters: two are spare, and never set
	if strings.IndexByte(bcryptAlphabet, encoded[bcryptSize-1])%4 != 0 {
		return "", errNotAHash
	}
	if strings.ContainsAny(encoded[4:6], "+-") {
		return "", errNotAHash
	}
	cost, err := bcrypt.Cost([]byte(encoded))
	if err != nil || cost < minBcryptCost || cost > maxBcryptCost {
		return "", errNotAHash
	}
	return bcryptHash(encoded), nil
}

// opens compares a password as it was written, which is what the other program hashed, and then in the form
// that we would have hashed: the keyboard may be another one than at that time.
//
// bcrypt reads 72 bytes, so the hash does not tell longer passwords apart that share them. Whoever has such a
// one is let in, as the other program did; the hash that replaces this one is of the whole password.
func (b bcryptHash) opens(written, normalized string) bool {
	if bcrypt.CompareHashAndPassword([]byte(b), []byte(written)) == nil {
		return true
	}
	return normalized != written && bcrypt.CompareHashAndPassword([]byte(b), []byte(normalized)) == nil
}
