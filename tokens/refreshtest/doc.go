// Package refreshtest simulates clients that refresh tokens in random order: honest clients, whose responses may get
// lost, and thieves. A test can run them against anything that refreshes tokens: a decision, a manager, or servers over
// HTTP.
package refreshtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Target is the system under test. Its window is 30 seconds.
type Target interface {
	// SignIn signs a user in and returns the first refresh token.
	SignIn(user string) (string, error)
	// Refresh exchanges a refresh token; an empty key means none. It returns ErrRefused for invalid_grant.
	Refresh(token, key string) (string, error)
	// Ended reports whether the session of a refresh token has ended.
	Ended(token string) bool
	// Move moves the clock by which sessions are judged, forward or back.
	Move(by time.Duration)
	// Disturb may do what happens to servers: restart the target, copy its database, or restore an older copy.
	Disturb(random *rand.Rand)
}

// ErrRefused means that a refresh token was rejected.
var ErrRefused = errors.New("the refresh token was rejected")

// errForked means that a session has two current tokens.
var errForked = errors.New("the session forked: callers with one refresh token got different ones")

// installation is a user's refresh token at a target.
type installation struct {
	Target
	*rand.Rand
	held     string // the current refresh token
	requests int
}

func signIn(target Target, random *rand.Rand, user string) (*installation, error) {
	held, err := target.SignIn(user)
	return &installation{Target: target, Rand: random, held: held}, err
}

// newKey returns a random key of 128 bits.
func (i *installation) newKey() string { return fmt.Sprintf("%016x%016x", i.Uint64(), i.Uint64()) }

// ask refreshes with the held token, and does not keep the answer.
func (i *installation) ask(key string) (string, error) {
	i.requests++
	return i.Refresh(i.held, key)
}

// refresh refreshes with the held token, and holds the answer.
func (i *installation) refresh(key string) error {
	answer, err := i.ask(key)
	if err == nil {
		i.held = answer
	}
	return err
}

// pass moves the clock by up to 1.5 seconds, as one request takes, and returns by how much.
func (i *installation) pass() time.Duration {
	by := time.Duration(i.IntN(1500)) * time.Millisecond
	i.Move(by)
	return by
}

// happens returns true with a probability.
func (i *installation) happens(probability float64) bool { return i.Float64() < probability }

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }
