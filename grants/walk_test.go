package grants_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/tokens/refreshtest"
)

// walkSteps is the total number of refreshes in the random walks. For a full walk run: go test ./grants -run
// Walk -walk.steps 100000
var walkSteps = flag.Int("walk.steps", 1000, "total number of refreshes in the random walks")

// TestWalkHonestClientsLoseNoSession simulates what happens to honest clients: responses get lost, several callers
// refresh at once, repeats are late, the server restarts, the database is restored from an older copy.
func TestWalkHonestClientsLoseNoSession(t *testing.T) {
	for _, keyed := range []bool{true, false} {
		for _, disturbed := range []bool{false, true} {
			t.Run(fmt.Sprintf("keyed=%t,restarts and restores=%t", keyed, disturbed), func(t *testing.T) {
				t.Parallel()
				steps, sessions := 0, 0
				w := newEnv(t, withoutExpiry)
				for seed := uint64(1); steps < *walkSteps/4; seed++ {
					client := refreshtest.Honest{Target: walkedEnv{w, disturbed},
						Random: rand.New(rand.NewPCG(seed, 2)),
						Keyed:  keyed}
					requests, err := client.Run(fmt.Sprintf("user-%d", seed))
					require.NoError(t, err, "seed %d: an honest client lost its session", seed)
					steps += requests
					sessions++
				}
				t.Logf("%d refreshes, %d sessions, none lost; %d tokens were ahead of a restored row",
					steps, sessions, strings.Count(w.log.String(), "newer than its session's row"))
			})
		}
	}
}

// TestWalkThievesAreDetected copies a refresh token and lets both the thief and the owner refresh. With
// Idempotency-Keys even a thief who refreshes within the grace window is detected.
func TestWalkThievesAreDetected(t *testing.T) {
	for _, kind := range []struct{ keyed, shadow bool }{{true, false}, {false, false}, {true, true}} {
		t.Run(fmt.Sprintf("keyed=%t,shadowing=%t", kind.keyed, kind.shadow), func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, withoutExpiry)
			thieves, refreshes := max(20, *walkSteps/200), 0
			for seed := range thieves {
				thief := refreshtest.Thief{Target: walkedEnv{w, false},
					Random: rand.New(rand.NewPCG(uint64(seed), 3)),
					Keyed:  kind.keyed, Shadow: kind.shadow}
				detectedAfter, err := thief.Run(fmt.Sprintf("victim-%d", seed))
				require.NoError(t, err)
				require.NotZero(t, detectedAfter, "thief %d was never detected", seed)
				refreshes += detectedAfter
			}
			t.Logf("%d thieves, detected after %.1f refreshes on average", thieves,
				float64(refreshes)/float64(thieves))
		})
	}
}

// walkedEnv implements refreshtest.Target with an env.
type walkedEnv struct {
	*env
	disturbed bool
}

func (w walkedEnv) SignIn(user string) (string, error) {
	info, err := w.token(form{"grant_type": "wechat_code", "client_id": "mini", "code": w.code(user)})
	if err != nil {
		return "", err
	}
	if w.disturbed {
		w.backup()
	}
	return info.GetRefresh(), nil
}

func (w walkedEnv) Refresh(token, key string) (string, error) {
	info, err := w.refresh(token, key)
	if err != nil {
		return "", err
	}
	return info.GetRefresh(), nil
}

func (w walkedEnv) Generation(token string) uint32 {
	read, err := w.issuer.ReadRefreshToken(token)
	require.NoError(w.t, err)
	return read.Generation
}

func (w walkedEnv) Theft(token string) bool {
	return w.session(token).EndReason == identity.EndedByTheft
}

func (w walkedEnv) Move(by time.Duration) { w.clock.Move(by) }

// Disturb restarts the server, restores the database from its copy, or makes a new copy.
func (w walkedEnv) Disturb(random *rand.Rand) {
	if !w.disturbed {
		return
	}
	switch p := random.Float64(); {
	case p < 0.01:
		w.restart()
	case p < 0.03:
		w.restore()
	case p < 0.08:
		w.backup()
	}
}
