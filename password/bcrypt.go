package password

import (
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	bcryptSize  = 60 // length of an encoded bcrypt hash
	bcryptReads = 72 // bytes of a password, with the NUL that ends a shorter one

	// maxBcryptCost limits a check to about a second of CPU time; each step doubles it. Programs use 10 to 13.
	minBcryptCost, maxBcryptCost = 4, 14

	// expensiveCost takes about ten times as long as one of our hashes.
	expensiveCost = 13

	bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// bcryptHash is a hash of another program that an operator imported: "$2b$12$", 22 characters of salt, 31 of hash. The
// versions 2a, 2b and 2y differ only in bugs of old programs, for texts that are not valid passwords here. "$2x$" marks
// hashes made with such a bug.
type bcryptHash string

func isBcrypt(encoded string) bool { return strings.HasPrefix(encoded, "$2") }

// parseBcrypt rejects hashes that no password can match, and costs that would make checking a denial of service.
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
	// 184 bits in 31 characters leave two bits unused, which are never set.
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

// expensive reports whether a check takes much longer than one of our own hashes.
func (b bcryptHash) expensive() bool {
	cost, err := bcrypt.Cost([]byte(b))
	return err == nil && cost >= expensiveCost
}

// matches compares a password first as it was typed, which is what the other program hashed, and then in normalized
// form, because the user may type it on another keyboard today.
//
// bcrypt reads only 72 bytes, so longer passwords with the same beginning match too, as in the other program. whole
// reports whether the hash covers all of the password that matched. If not, the user may have chosen another end.
func (b bcryptHash) matches(written, normalized string) (right, whole bool) {
	for _, password := range []string{written, normalized} {
		if bcrypt.CompareHashAndPassword([]byte(b), []byte(password)) == nil {
			return true, len(password) < bcryptReads
		}
		if written == normalized {
			break
		}
	}
	return false, false
}
