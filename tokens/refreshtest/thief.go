package refreshtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const thiefLength = 200 // number of refreshes after which a thief has won whose session is still active

// The times at which a thief refreshes.
const (
	atRandom = "at random"
	follow   = "10 seconds behind each refresh of the owner"
	precede  = "10 seconds before each refresh of the owner"
)

// Thief is an owner and a thief who copied the refresh token, but not its key, which is made with each token.
type Thief struct {
	Strict  bool    // the client's record says that every refresh has a key
	Forgets float64 // share of the owner's refreshes without a key; without Strict, none has one
	keyed   bool    // the thief sends keys
	when    string
}

// Thieves returns the kinds of thieves whose sessions must end.
func Thieves() []Thief {
	thieves := []Thief{{keyed: true, when: atRandom}, {when: atRandom}}
	for _, when := range []string{atRandom, follow, precede} {
		for _, keyed := range []bool{true, false} {
			for _, forgets := range []float64{0, 0.1} {
				thieves = append(thieves, Thief{Strict: true, Forgets: forgets, keyed: keyed, when: when})
			}
		}
	}
	return thieves
}

// UnseenThieves returns the kinds of thieves whose sessions do not end: the client is not strict, and they stay within
// the window.
func UnseenThieves() []Thief {
	return []Thief{{keyed: true, when: follow}, {when: follow}, {keyed: true, when: precede}, {when: precede}}
}

// String describes the thief.
func (h Thief) String() string {
	return fmt.Sprintf("strict=%t,forgets=%g,keyed=%t,%s", h.Strict, h.Forgets, h.keyed, h.when)
}

// Run returns the number of refreshes, and whether the session ended. An owner who is rejected has not noticed the
// thief: they sign in again, and the session is the thief's.
func (h Thief) Run(target Target, random *rand.Rand, user string) (requests int, ended bool, err error) {
	owner, err := signIn(target, random, user)
	if err != nil {
		return 0, false, err
	}
	for range 1 + random.IntN(30) {
		target.Move(pick(random, 10*time.Minute, time.Hour))
		if err := owner.refresh(h.ownersKey(owner)); err != nil {
			return owner.requests, false, err
		}
	}
	thief := &installation{Target: target, Rand: random, held: owner.held}
	gone := false
	for n := 1; n <= thiefLength; n++ {
		var err error
		switch {
		case h.thiefIsNext(target, random, n):
			err = thief.refresh(h.thiefsKey(thief)) // a thief who is rejected tries again later
		case !gone:
			err = owner.refresh(h.ownersKey(owner))
			gone = err != nil
		}
		if err != nil && !errors.Is(err, ErrRefused) {
			return owner.requests + thief.requests, false, err
		}
		if target.Ended(owner.held) {
			return owner.requests + thief.requests, true, nil
		}
	}
	return owner.requests + thief.requests, false, nil
}

func (h Thief) ownersKey(owner *installation) string {
	if !h.Strict || owner.happens(h.Forgets) {
		return ""
	}
	return owner.newKey()
}

func (h Thief) thiefsKey(thief *installation) string {
	if !h.keyed {
		return ""
	}
	return thief.newKey()
}

// thiefIsNext advances the clock and reports whether the thief refreshes next, and not the owner.
func (h Thief) thiefIsNext(target Target, random *rand.Rand, n int) bool {
	first := n%2 == 1
	switch {
	case h.when == atRandom:
		target.Move(pick(random, 70*time.Second, 10*time.Minute, time.Hour, 10*time.Hour))
		return random.IntN(2) == 0
	case first:
		target.Move(time.Hour)
	default:
		target.Move(10 * time.Second)
	}
	return first == (h.when == precede)
}
