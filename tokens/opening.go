package tokens

import (
	"crypto/sha256"

	"github.com/lingpai/lingpai/identity"
)

// Opening makes a sign-in repeatable: who sends the same proof with the same idempotency key again finds the
// session that the first request opened, and its first refresh token, which is stored nowhere and so is made
// from the same input.
type Opening struct {
	By     []byte // identity.Session.OpenedBy
	secret [sessionSecretSize]byte
}

// Openings returns what a sign-in with these parts may have been opened by: under the current refresh secret
// first, then under the next, which another server may use already, and the last. Codes do not live as long
// as the secrets before those.
func (i *Issuer) Openings(parts ...string) []Opening {
	input := make([][]byte, len(parts))
	for n, part := range parts {
		input[n] = []byte(part)
	}
	var openings []Opening
	set := i.config.Keys.Current()
	ids := set.SecretIDs()
	for _, id := range ids[:min(len(ids), identity.MaxOpenings)] {
		by, ok := set.MAC(id, "opened by", input...)
		secret, ok2 := set.MAC(id, "session secret", input...)
		if ok && ok2 {
			openings = append(openings, Opening{By: by[:], secret: [sessionSecretSize]byte(secret[:])})
		}
	}
	return openings
}

// sessionSecret returns the secret of a session to open: derived for a repeatable sign-in, else random.
func (a Authorization) sessionSecret() ([sessionSecretSize]byte, []byte) {
	if a.Opening != nil {
		return a.Opening.secret, a.Opening.By
	}
	return [sessionSecretSize]byte(randomBytes(sessionSecretSize)), nil
}

func hashSecret(secret [sessionSecretSize]byte) [sha256.Size]byte { return sha256.Sum256(secret[:]) }
