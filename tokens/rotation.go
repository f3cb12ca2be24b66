package tokens

import (
	"bytes"
	"crypto/sha256"
	"math"
	"slices"
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
	// Refuse returns invalid_grant and keeps the session active: it cannot move on from this token.
	Refuse
	// RefuseClock returns invalid_grant and keeps the session active: the token was retired at a time that has not
	// come yet, so the store's clock was set back, and shows neither a repeat nor a theft.
	RefuseClock
	// RefuseKey returns invalid_request and keeps the session active: the key belongs to another refresh token. Anyone
	// who knows a key that all tokens share could use them for ever.
	RefuseKey
	// Theft ends the session: two parties hold the token.
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

// sameKeySpan is how long after a rotation its key gets the current token if other rotations followed. Without any,
// there is no limit.
const sameKeySpan = 10 * time.Minute

// Refresh is what a client presents.
type Refresh struct {
	Generation uint32 // of the refresh token
	KeyHash    []byte // HashKey of the request's Idempotency-Key
	Strict     bool   // identity.Client.RefreshKeys of the client
}

// Decision is a verdict and, for Rotate, the session as it must be written.
type Decision struct {
	Verdict Verdict
	Session identity.Session
	Ahead   bool // reports whether the token is newer than the row, which has lost commits
}

// Decide decides what to do with a presented refresh token. It has no side effects. session must be active, and the
// token must contain its secret; now is the store's time.
func Decide(session identity.Session, presented Refresh, now time.Time, policy RotationPolicy) Decision {
	decision := Decision{Session: session, Ahead: presented.Generation > session.Generation}
	switch {
	case presented.Generation == math.MaxUint32, decision.Ahead && policy.RefuseAhead:
		decision.Verdict = Refuse
	case keyOfAnother(session.Rotations, presented):
		decision.Verdict = RefuseKey
	case presented.Generation < session.Generation:
		decision.Verdict = retired(session.Rotations, presented, now, policy.Window)
	default:
		decision.Verdict = Rotate
		decision.Session = rotate(session, presented, now, policy.Window)
	}
	return decision
}

// keyOfAnother reports whether the key is remembered for another generation than the presented one.
func keyOfAnother(rotations []identity.Rotation, presented Refresh) bool {
	found := false
	for _, rotation := range rotations {
		if !hasKey(rotation, presented) {
			continue
		}
		if retires(rotation, presented) {
			return false
		}
		found = true
	}
	return found
}

// retired returns the verdict on a token that a rotation has retired.
func retired(rotations []identity.Rotation, presented Refresh, now time.Time, window time.Duration) Verdict {
	n := slices.IndexFunc(rotations, func(r identity.Rotation) bool { return retires(r, presented) })
	if n < 0 {
		return Theft
	}
	rotation := rotations[n]
	age, sameKey := now.Sub(rotation.At), hasKey(rotation, presented)
	switch {
	case sameKey && n == 0: // at any time, so the clock does not matter
		return Repeat
	case age < -window:
		return RefuseClock
	case sameKey && age <= sameKeySpan, window > 0 && age <= window && answered(rotation, presented):
		return Repeat
	}
	return Theft
}

// answered reports whether a repeat within the window is honest. Every holder of a token of a lost generation is
// honest. Libraries that send keys make a new one for each attempt, so the keys of lenient clients are no evidence.
func answered(rotation identity.Rotation, presented Refresh) bool {
	return rotation.Lost || !presented.Strict || rotation.KeyHash == nil && presented.KeyHash == nil
}

func retires(rotation identity.Rotation, presented Refresh) bool {
	return rotation.Lowest <= presented.Generation && presented.Generation <= rotation.Highest
}

func hasKey(rotation identity.Rotation, presented Refresh) bool {
	return presented.KeyHash != nil && bytes.Equal(presented.KeyHash, rotation.KeyHash)
}

// rotate retires every generation up to the presented one.
func rotate(session identity.Session, presented Refresh, now time.Time, window time.Duration) identity.Session {
	rotations := make([]identity.Rotation, 0, identity.MaxRotations+1)
	rotations = append(rotations, identity.Rotation{
		Lowest: session.Generation, Highest: presented.Generation, At: now, KeyHash: presented.KeyHash,
		Lost: presented.Generation > session.Generation,
	})
	rotations = append(rotations, session.Rotations...)
	if last := identity.MaxRotations; len(rotations) > last {
		if oldest := rotations[last]; window > 0 && now.Sub(oldest.At) <= window { // it must not be forgotten yet
			rotations[last-1] = merge(rotations[last-1], oldest)
		}
		rotations = rotations[:last]
	}
	session.Rotations = rotations
	session.Generation = presented.Generation + 1
	session.LastSeenAt = now
	return session
}

// merge makes one rotation of two successive ones. It keeps neither key.
func merge(younger, older identity.Rotation) identity.Rotation {
	return identity.Rotation{
		Lowest: older.Lowest, Highest: younger.Highest, At: younger.At, Lost: younger.Lost && older.Lost,
	}
}

// HashKey returns the hash of an Idempotency-Key that a rotation stores, or nil if key is empty.
func HashKey(key string) []byte {
	if key == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(key))
	return sum[:identity.KeyHashSize]
}
