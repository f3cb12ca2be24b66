// Package refreshtest tests the refreshing of tokens at random, with clients of all kinds: honest ones, to
// whom everything happens that does happen, and thieves. A test runs them against whatever refreshes: a
// manager, or servers behind HTTP.
package refreshtest

import (
	"math/rand/v2"
	"time"
)

// Target is what clients refresh at.
type Target interface {
	// SignIn signs a user in and returns the first refresh token.
	SignIn(user string) (string, error)
	// Refresh trades a refresh token; an empty key is none.
	Refresh(token, key string) (string, error)
	// Generation is which of its session a refresh token is.
	Generation(token string) uint32
	// Theft reports whether the session of a refresh token was ended because a thief was seen.
	Theft(token string) bool
	// Move moves the clock by which sessions are judged.
	Move(by time.Duration)
	// Disturb may do to the target what happens to servers: restart it, or bring back an older copy.
	Disturb(random *rand.Rand)
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }
