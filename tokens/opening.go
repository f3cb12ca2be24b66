package tokens

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/lingpai/lingpai/identity"
)

// Opening makes a sign-in repeatable: a duplicate request with the same code and Idempotency-Key finds the session that
// the first request opened. It gets the same refresh token, which is not stored but derived from the same input.
type Opening struct {
	By     []byte // identity.Session.OpenedBy
	secret [sessionSecretSize]byte
}

// OpeningBy returns the opening of a sign-in that is found by a given value, and is not repeatable.
func OpeningBy(by []byte) Opening {
	return Opening{By: by, secret: [sessionSecretSize]byte(randomBytes(sessionSecretSize))}
}

// FoundBy returns openings that are all found by a given value. So the sign-in opens one session at most, whatever
// secrets rotate meanwhile; [Opening.Opened] reports whether that was one with the same parts.
func FoundBy(by []byte, openings []Opening) []Opening {
	for n := range openings {
		openings[n].By = by
	}
	return openings
}

// Opened reports, in constant time, whether the session was opened by this opening.
func (o Opening) Opened(session identity.Session) bool {
	return isSecretOf(session, o.secret)
}

// Openings returns the possible openings of a sign-in with these parts: first the one with the current refresh
// secret, then those with the next secret, which another server may already use, and with the previous one. Older
// secrets are not needed, because codes expire sooner.
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

// sessionSecret returns the secret of a new session, which is derived for a repeatable sign-in and random otherwise,
// and identity.Session.OpenedBy.
func (a Authorization) sessionSecret() ([sessionSecretSize]byte, []byte) {
	if a.Opening != nil {
		return a.Opening.secret, a.Opening.By
	}
	return [sessionSecretSize]byte(randomBytes(sessionSecretSize)), nil
}

func hashSecret(secret [sessionSecretSize]byte) [sha256.Size]byte { return sha256.Sum256(secret[:]) }

func isSecretOf(session identity.Session, secret [sessionSecretSize]byte) bool {
	sum := hashSecret(secret)
	return subtle.ConstantTimeCompare(sum[:], session.SecretHash[:]) == 1
}
