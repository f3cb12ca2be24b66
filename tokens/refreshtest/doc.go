// Package refreshtest simulates clients that refresh tokens in random order: honest clients, whose responses may get
// lost, and thieves. A test can run them against anything that refreshes tokens: a manager, or servers over HTTP.
package refreshtest

import (
	"math/rand/v2"
	"time"
)

// Target is the system under test.
type Target interface {
	// SignIn signs a user in and returns the first refresh token.
	SignIn(user string) (string, error)
	// Refresh exchanges a refresh token; an empty key means none.
	Refresh(token, key string) (string, error)
	// Generation returns the generation of a refresh token in its session.
	Generation(token string) uint32
	// Theft reports whether the session of a refresh token was ended because of a detected theft.
	Theft(token string) bool
	// Move advances the clock by which sessions expire.
	Move(by time.Duration)
	// Disturb may do what happens to servers: restart the target, or restore an older copy.
	Disturb(random *rand.Rand)
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }
