package refreshtest

import (
	"fmt"
	"math/rand/v2"
	"time"
)

const thiefLength = 200 // number of refreshes after which an undetected thief has won

// Thief is an owner and a thief who copied the refresh token. The thief does not have the keys, which are made with
// each token. With Shadow, the thief knows when the owner refreshes, and follows within the window.
type Thief struct {
	Target        Target
	Random        *rand.Rand
	Keyed, Shadow bool

	keys int
}

// Run returns after how many refreshes the theft was detected: the session ended, or the owner was rejected and so
// learned of the theft. It returns 0 if it was never detected.
func (h *Thief) Run(user string) (int, error) {
	mine, err := h.Target.SignIn(user)
	if err != nil {
		return 0, err
	}
	for range 1 + h.Random.IntN(10) {
		h.Target.Move(pick(h.Random, 10*time.Minute, time.Hour))
		if mine, err = h.Target.Refresh(mine, h.newKey(user)); err != nil {
			return 0, err
		}
	}
	held := map[string]string{"owner": mine, "thief": mine}
	for n := 1; n <= thiefLength; n++ {
		who := h.next(n)
		token, err := h.Target.Refresh(held[who], h.newKey(user))
		if err == nil {
			held[who] = token
		}
		if err != nil && who == "owner" || h.Target.Theft(mine) {
			return n, nil
		}
	}
	return 0, nil
}

// next advances the clock and returns who refreshes next.
func (h *Thief) next(n int) string {
	switch {
	case h.Shadow && n%2 == 1:
		h.Target.Move(time.Hour)
		return "owner"
	case h.Shadow:
		h.Target.Move(10 * time.Second)
		return "thief"
	}
	h.Target.Move(pick(h.Random, 70*time.Second, 10*time.Minute, time.Hour, 10*time.Hour))
	return pick(h.Random, "owner", "thief")
}

func (h *Thief) newKey(user string) string {
	if !h.Keyed {
		return ""
	}
	h.keys++
	return fmt.Sprintf("%s-key-number-%d-as-if-random", user, h.keys)
}
