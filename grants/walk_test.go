package grants_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// walkSteps is how many refreshes the random walks make together. The full walk is: go test ./grants -run Walk -walk.steps 100000
var walkSteps = flag.Int("walk.steps", 4000, "refreshes that the random walks make together")

const (
	walkLength = 300 // refreshes of an honest client
	lostShare  = 0.6 // of answers that never arrive
)

// TestWalkHonestClientsLoseNoSession walks honest clients through everything that happens to them: answers are lost, several callers
// refresh at once, repeats come late, the server restarts, the database is restored from an older copy.
func TestWalkHonestClientsLoseNoSession(t *testing.T) {
	for _, keyed := range []bool{true, false} {
		for _, disturbed := range []bool{false, true} {
			t.Run(fmt.Sprintf("keyed=%t,restarts and restores=%t", keyed, disturbed), func(t *testing.T) {
				t.Parallel()
				steps, sessions := 0, 0
				w := newWorld(t, withoutExpiry)
				for seed := uint64(1); steps < *walkSteps/4; seed++ {
					walk := &honestWalk{world: w, random: rand.New(rand.NewPCG(seed, 2)), keyed: keyed, disturbed: disturbed}
					lost := walk.run(fmt.Sprintf("user-%d", seed), &steps)
					require.Empty(t, lost, "seed %d: an honest client lost its session", seed)
					sessions++
				}
				t.Logf("%d refreshes, %d sessions, none lost; %d tokens were ahead of a restored row",
					steps, sessions, strings.Count(w.log.String(), "newer than its session's row"))
			})
		}
	}
}

// honestWalk is one client that never does wrong.
type honestWalk struct {
	world            *world
	random           *rand.Rand
	keyed, disturbed bool
}

// run makes walkLength refreshes and returns why the session was lost, or "".
func (h *honestWalk) run(user string, steps *int) string {
	held := h.world.signIn(user).GetRefresh()
	if h.disturbed {
		h.world.backup()
	}
	for attempt := range walkLength {
		h.world.clock.Move(pick(h.random, 10*time.Minute, time.Hour, 10*time.Hour))
		began := h.world.clock.Now()
		key := ""
		if h.keyed { // one key per refresh token, shared by all callers on that storage
			key = fmt.Sprintf("%s-attempt-%d-of-a-random-key", user, attempt)
		}
		for arrived := ""; arrived == ""; {
			answers, err := h.callers(held, key, steps)
			if err != nil {
				return fmt.Sprintf("attempt %d: %v", attempt, err)
			}
			for _, answer := range answers {
				// A client without keys has only the window, so it cannot be unlucky for ever.
				if h.random.Float64() > lostShare || !h.keyed && h.world.clock.Now().Sub(began) > 18*time.Second {
					arrived = h.later(arrived, answer)
				}
			}
			h.disturb()
			if arrived == "" {
				h.pause()
			} else {
				held = arrived
			}
		}
	}
	return ""
}

// callers refreshes with one token from several goroutines at once.
func (h *honestWalk) callers(held, key string, steps *int) ([]string, error) {
	n := 1 + h.random.IntN(3)
	*steps += n
	answers, faults := make([]string, n), make([]error, n)
	var group sync.WaitGroup
	for c := range n {
		group.Go(func() {
			info, err := h.world.refresh(held, key)
			if err == nil {
				answers[c] = info.GetRefresh()
			}
			faults[c] = err
		})
	}
	group.Wait()
	for _, err := range faults {
		if err != nil {
			return nil, err
		}
	}
	for _, answer := range answers[1:] { // nothing forks
		if answer != answers[0] {
			return nil, fmt.Errorf("callers of one refresh token got different ones")
		}
	}
	h.world.clock.Move(time.Duration(h.random.IntN(1500)) * time.Millisecond)
	return answers, nil
}

// later returns the token of the higher generation: a client keeps the newest that it was given.
func (h *honestWalk) later(a, b string) string {
	if a == "" {
		return b
	}
	readA, _ := h.world.issuer.ReadRefreshToken(a)
	readB, _ := h.world.issuer.ReadRefreshToken(b)
	if readA.Generation > readB.Generation {
		return a
	}
	return b
}

// disturb restarts the server, brings back an older database, or makes the copy that will be brought back.
func (h *honestWalk) disturb() {
	if !h.disturbed {
		return
	}
	switch p := h.random.Float64(); {
	case p < 0.01:
		h.world.restart()
	case p < 0.03:
		h.world.restore()
	case p < 0.08:
		h.world.backup()
	}
}

// pause is how long a client waits before it repeats: with a key at any later time, without one within the window.
func (h *honestWalk) pause() {
	if h.keyed {
		h.world.clock.Move(pick(h.random, time.Second, 5*time.Second, 29*time.Second, 31*time.Second, 10*time.Minute, 10*time.Hour))
		return
	}
	h.world.clock.Move(pick(h.random, time.Second, 2*time.Second, 3*time.Second))
}

// TestWalkThievesAreSeen copies a refresh token and lets thief and owner both refresh. The session must end, or the owner must be
// refused, which is how an owner learns of it. With keys not even a thief who follows within the window stays unseen.
func TestWalkThievesAreSeen(t *testing.T) {
	for _, kind := range []struct{ keyed, shadow bool }{{true, false}, {false, false}, {true, true}} {
		t.Run(fmt.Sprintf("keyed=%t,shadowing=%t", kind.keyed, kind.shadow), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withoutExpiry)
			thieves, refreshes := max(20, *walkSteps/200), 0
			for seed := range thieves {
				walk := &thiefWalk{world: w, random: rand.New(rand.NewPCG(uint64(seed), 3)), keyed: kind.keyed, shadow: kind.shadow}
				seenAfter := walk.run(fmt.Sprintf("victim-%d", seed))
				require.NotZero(t, seenAfter, "thief %d was never seen", seed)
				refreshes += seenAfter
			}
			t.Logf("%d thieves, seen after %.1f refreshes on average", thieves, float64(refreshes)/float64(thieves))
		})
	}
}

// thiefWalk is an owner and a thief who copied the token, but not the keys, which are made with each token.
type thiefWalk struct {
	world         *world
	random        *rand.Rand
	keyed, shadow bool
	keys          int
}

// run returns after how many refreshes the theft showed, or 0.
func (h *thiefWalk) run(user string) int {
	mine := h.world.signIn(user).GetRefresh()
	for range 1 + h.random.IntN(10) {
		h.world.clock.Move(pick(h.random, 10*time.Minute, time.Hour))
		info, err := h.world.refresh(mine, h.newKey(user))
		require.NoError(h.world.t, err)
		mine = info.GetRefresh()
	}
	held := map[string]string{"owner": mine, "thief": mine}
	for n := 1; n <= 200; n++ {
		who := h.next(n)
		info, err := h.world.refresh(held[who], h.newKey(user))
		if err == nil {
			held[who] = info.GetRefresh()
		}
		if ended := h.world.session(mine); ended.EndReason == identity.EndedByTheft || err != nil && who == "owner" {
			return n
		}
	}
	return 0
}

// next moves the clock and says whose turn it is. A shadow knows when the owner refreshes and follows within the window.
func (h *thiefWalk) next(n int) string {
	if h.shadow && n%2 == 1 {
		h.world.clock.Move(time.Hour)
		return "owner"
	}
	if h.shadow {
		h.world.clock.Move(10 * time.Second)
		return "thief"
	}
	h.world.clock.Move(pick(h.random, 70*time.Second, 10*time.Minute, time.Hour, 10*time.Hour))
	return pick(h.random, "owner", "thief")
}

func (h *thiefWalk) newKey(user string) string {
	if !h.keyed {
		return ""
	}
	h.keys++
	return fmt.Sprintf("%s-key-number-%d-as-if-random", user, h.keys)
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }
