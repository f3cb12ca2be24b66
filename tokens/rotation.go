package tokens

import (
	"bytes"
	"crypto/sha256"
	"math"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Verdict is the meaning of a presented refresh token of an active session.
type Verdict int

const (
	// Rotate moves the session on by one generation.
	Rotate Verdict = iota + 1
	// Repeat returns the current token again and writes nothing: a response was lost, or several callers refreshed at
	// once.
	Repeat
	// Refuse returns invalid_grant and keeps the session active.
	Refuse
	// Theft ends the session: the token is retired and no honest client still has it.
	Theft
)

// RotationPolicy determines which reused refresh tokens are accepted.
type RotationPolicy struct {
	// Window is how long a retired token still gets its successor; 0 means never. RFC 9700 §4.14.2 requires detecting
	// reuse, but does not say how to distinguish it from parallel callers and lost responses.
	Window time.Duration
	// RefuseAhead rejects tokens that are newer than their row. These occur after a failover or a restored backup that
	// lost commits.
	RefuseAhead bool
}

// Decision is a verdict and, for Rotate, the session as it must be written.
type Decision struct {
	Verdict Verdict
	Session identity.Session
	Ahead   bool // reports whether the token is newer than the row, which has lost commits
}

// Decide decides what to do with a presented refresh token. It has no side effects. session must be active, and the
// token must contain its secret; presented is the token's generation, now the store's time, and keyHash the HashKey of
// the request's Idempotency-Key.
func Decide(session identity.Session, presented uint32, keyHash []byte, now time.Time, policy RotationPolicy) Decision {
	switch {
	case presented == math.MaxUint32:
		return Decision{Verdict: Refuse, Session: session}
	case presented == session.Generation:
		return rotate(session, presented, keyHash, now, keyHash == nil)
	case presented > session.Generation && policy.RefuseAhead:
		return Decision{Verdict: Refuse, Session: session, Ahead: true}
	case presented > session.Generation:
		// All holders of tokens of the lost generations are honest, so the window applies to all of them.
		decision := rotate(session, presented, keyHash, now, true)
		decision.Ahead = true
		return decision
	}
	return Decision{Verdict: retired(session.Rotations, presented, keyHash, now, policy), Session: session}
}

// retired returns the verdict on a token that a rotation has retired.
func retired(rotations []identity.Rotation, presented uint32, keyHash []byte, now time.Time,
	policy RotationPolicy) Verdict {
	for n, rotation := range rotations {
		if presented < rotation.Lowest || presented > rotation.Highest {
			continue
		}
		fresh := policy.Window > 0 && now.Sub(rotation.At) <= policy.Window
		sameKey := keyHash != nil && bytes.Equal(keyHash, rotation.KeyHash)
		switch {
		case sameKey && (n == 0 || fresh), fresh && rotation.AnyKey:
			return Repeat
		case fresh: // a thief, or a client that lost its key: reject the token, but do not end the session yet
			return Refuse
		}
		return Theft
	}
	return Theft
}

// rotate retires every generation up to the presented one.
func rotate(session identity.Session, presented uint32, keyHash []byte, now time.Time, anyKey bool) Decision {
	retired := identity.Rotation{Lowest: session.Generation, Highest: presented, At: now, KeyHash: keyHash,
		AnyKey: anyKey}
	kept := min(len(session.Rotations), identity.MaxRotations-1)
	session.Rotations = append([]identity.Rotation{retired}, session.Rotations[:kept]...)
	session.Generation = presented + 1
	session.LastSeenAt = now
	return Decision{Verdict: Rotate, Session: session}
}

// HashKey returns the hash of an Idempotency-Key that a rotation stores, or nil if key is empty.
func HashKey(key string) []byte {
	if key == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(key))
	return sum[:identity.KeyHashSize]
}
