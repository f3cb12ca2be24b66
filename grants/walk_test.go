package grants_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens/refreshtest"
)

// walkSteps is the total number of refreshes in the random walks. For a full walk run: go test ./grants -run
// Walk -walk.steps 100000
var walkSteps = flag.Int("walk.steps", 1000, "total number of refreshes in the random walks")

// TestWalkHonestClientsLoseNoSession simulates what happens to honest clients: responses get lost, several callers
// refresh at once, repeats are late, the clock is set back, the server restarts, the database is restored from an
// older copy.
func TestWalkHonestClientsLoseNoSession(t *testing.T) {
	clients := refreshtest.HonestClients()
	for _, disturbed := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarts and restores=%t", disturbed), func(t *testing.T) {
			t.Parallel()
			w := newEnv(t, withoutExpiry)
			for n, client := range clients {
				if client.Disturbs != disturbed {
					continue
				}
				t.Run(client.Name, func(t *testing.T) {
					steps, sessions := 0, 0
					for seed := uint64(1); steps < *walkSteps/2/len(clients); seed++ {
						requests, err := client.Run(walkedEnv{w, client.Strict, disturbed},
							rand.New(rand.NewPCG(seed, 2)), fmt.Sprintf("user-%d-%d", n, seed))
						require.NoError(t, err, "seed %d: an honest client lost its session", seed)
						steps += requests
						sessions++
					}
					t.Logf("%d refreshes, %d sessions, none lost", steps, sessions)
				})
			}
			t.Logf("%d tokens were ahead of a restored row", strings.Count(w.log.String(),
				"newer than its session's row"))
		})
	}
}

// TestWalkTheftsEndSessions copies a refresh token and lets both the thief and the owner refresh. Only the end of the
// session counts: an owner who is rejected signs in again, and may leave the session to the thief.
func TestWalkTheftsEndSessions(t *testing.T) {
	t.Parallel()
	w := newEnv(t, withoutExpiry)
	thieves := refreshtest.Thieves()
	for n, thief := range thieves {
		t.Run(thief.String(), func(t *testing.T) {
			steps, sessions := 0, 0
			for seed := uint64(1); steps < *walkSteps/2/len(thieves); seed++ {
				requests, ended, err := thief.Run(walkedEnv{w, thief.Strict, false}, rand.New(rand.NewPCG(seed, 3)),
					fmt.Sprintf("victim-%d-%d", n, seed))
				require.NoError(t, err)
				require.True(t, ended, "seed %d: the session outlived the theft", seed)
				steps += requests
				sessions++
			}
			t.Logf("%d thieves in %d refreshes, all sessions ended", sessions, steps)
		})
	}
}

// walkedEnv implements refreshtest.Target with an env.
type walkedEnv struct {
	*env
	strict, disturbed bool
}

func (w walkedEnv) client() string {
	if w.strict {
		return keyed
	}
	return "mini"
}

func (w walkedEnv) SignIn(user string) (string, error) {
	info, err := w.token(form{"grant_type": "wechat_code", "client_id": w.client(), "code": w.code(user)})
	if err != nil {
		return "", err
	}
	if w.disturbed {
		w.backup()
	}
	return info.GetRefresh(), nil
}

func (w walkedEnv) Refresh(token, key string) (string, error) {
	answer, err := w.refreshAt(w.client(), token, key)
	if err != nil && errors.Is(err, oauth.InvalidGrant) {
		err = fmt.Errorf("%w: %w", refreshtest.ErrRefused, err)
	}
	return answer, err
}

func (w walkedEnv) Ended(token string) bool { return !w.session(token).EndedAt.IsZero() }

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
