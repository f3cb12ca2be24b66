package tokens

import (
	"bytes"
	"crypto/sha256"
	"math"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Verdict is what a presented refresh token of a live session means.
type Verdict int

const (
	// Rotate moves the session on by one generation.
	Rotate Verdict = iota + 1
	// Repeat answers the current token again and writes nothing: an answer was lost, or several callers
	// refreshed at once.
	Repeat
	// Refuse answers invalid_grant and leaves the session alive.
	Refuse
	// Theft ends the session: a retired token came back that no honest client still holds.
	Theft
)

// RotationPolicy says how forgiving a refresh is.
type RotationPolicy struct {
	// Window is how long a retired token is answered with its successor; 0: never. RFC 9700 §4.14.2 asks to
	// detect reuse and leaves open how parallel callers and lost answers are told from it.
	Window time.Duration
	// RefuseAhead refuses tokens that are newer than their row, which appear when a failover or a restored
	// backup lost commits.
	RefuseAhead bool
}

// Decision is a verdict and, for Rotate, the session as it must be written.
type Decision struct {
	Verdict Verdict
	Session identity.Session
	Ahead   bool // the row had lost its last commits
}

// Decide says what presenting a generation's token means. It is pure: session is a live session whose secret
// the token carries, now is its store's clock, keyHash is HashKey of the request's idempotency key or nil.
func Decide(session identity.Session, presented uint32, keyHash []byte, now time.Time, policy RotationPolicy) Decision {
	switch {
	case presented == math.MaxUint32:
		return Decision{Verdict: Refuse, Session: session}
	case presented == session.Generation:
		return rotate(session, presented, keyHash, now, keyHash == nil)
	case presented > session.Generation && policy.RefuseAhead:
		return Decision{Verdict: Refuse, Session: session, Ahead: true}
	case presented > session.Generation:
		// Everybody who held a token of the lost stretch is honest: the window answers them all.
		decision := rotate(session, presented, keyHash, now, true)
		decision.Ahead = true
		return decision
	}
	return Decision{Verdict: retired(session.Rotations, presented, keyHash, now, policy), Session: session}
}

// retired judges a token that some rotation has retired.
func retired(rotations []identity.Rotation, presented uint32, keyHash []byte, now time.Time,
	policy RotationPolicy) Verdict {
	for n, rotation := range rotations {
		if presented < rotation.Lowest || presented > rotation.Highest {
			continue
		}
		fresh := policy.Window > 0 && now.Sub(rotation.At) <= policy.Window
		sameKey := keyHash != nil && bytes.Equal(keyHash, rotation.KeyHash)
		switch {
		case sameKey && (n == 0 || fresh), fresh && rotation.Sheltered:
			return Repeat
		case fresh: // perhaps a thief, perhaps a client that forgot its key: not worth a session yet
			return Refuse
		}
		return Theft
	}
	return Theft
}

// rotate retires every generation up to the presented one.
func rotate(session identity.Session, presented uint32, keyHash []byte, now time.Time, sheltered bool) Decision {
	retired := identity.Rotation{Lowest: session.Generation, Highest: presented, At: now, KeyHash: keyHash,
		Sheltered: sheltered}
	kept := min(len(session.Rotations), identity.MaxRotations-1)
	session.Rotations = append([]identity.Rotation{retired}, session.Rotations[:kept]...)
	session.Generation = presented + 1
	session.LastSeenAt = now
	return Decision{Verdict: Rotate, Session: session}
}

// HashKey is what a rotation remembers of an idempotency key; nil for none.
func HashKey(key string) []byte {
	if key == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(key))
	return sum[:identity.KeyHashSize]
}
