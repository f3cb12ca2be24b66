// Package walk walks clients of all kinds at random through the refreshing of tokens: honest ones, to whom
// everything happens that does happen, and thieves. Tests let them walk over whatever refreshes: a manager,
// or servers behind HTTP.
package walk

import (
	"math/rand/v2"
	"time"
)

// House is what is walked over.
type House interface {
	// SignIn signs a user in and returns the first refresh token.
	SignIn(user string) (string, error)
	// Refresh trades a refresh token; an empty key is none.
	Refresh(token, key string) (string, error)
	// Generation is which of its session a refresh token is.
	Generation(token string) uint32
	// Theft says whether the session of a refresh token was ended because a thief was seen.
	Theft(token string) bool
	// Move moves the clock by which sessions are judged.
	Move(by time.Duration)
	// Disturb may do to the house what happens to houses: restart it, or bring back an older copy.
	Disturb(random *rand.Rand)
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }
