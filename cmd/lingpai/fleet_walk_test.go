package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/tokens/refreshtest"
)

// walkSteps is how many refreshes the walks make in total: go test ./cmd/lingpai -run Walk -walk.steps 100000
var walkSteps = flag.Int("walk.steps", 1000, "refreshes that the random walks make together")

// TestWalkOverTwoReplicas has honest clients and thieves use two processes, one of which is killed and restarted
// throughout. Both move the clock, so each has processes and a database of its own.
func TestWalkOverTwoReplicas(t *testing.T) {
	t.Parallel()
	t.Run("honest clients", func(t *testing.T) {
		t.Parallel()
		target := newWalkedFleet(t)
		clients := refreshtest.HonestClients()
		clients = slices.DeleteFunc(clients, func(c refreshtest.Honest) bool { return c.Disturbs })
		for n, client := range clients {
			t.Run(client.Name, func(t *testing.T) {
				walkHonestly(t, target(client.Strict), client, n, *walkSteps/2/len(clients))
			})
		}
	})
	t.Run("thieves", func(t *testing.T) {
		t.Parallel()
		target := newWalkedFleet(t)
		thieves := refreshtest.Thieves()
		for n, thief := range thieves {
			t.Run(thief.String(), func(t *testing.T) {
				walkOfThieves(t, target(thief.Strict), thief, n, *walkSteps/2/len(thieves))
			})
		}
	})
}

// newWalkedFleet starts two replicas, one of which is killed and restarted until the test ends. It returns a function
// that returns them as seen by a strict or a lenient client.
func newWalkedFleet(t *testing.T) func(strict bool) walkedFleet {
	t.Helper()
	database, clock := dbtest.MovableClock(t, dbtest.PostgreSQL(t))
	redis, keyPrefix := dbtest.Redis(t)
	f := newFleet(t, database, redis, keyPrefix, "LINGPAI_SESSION_IDLE=8760h", "LINGPAI_SESSION_ABSOLUTE=87600h",
		"LINGPAI_SESSION_LIMIT=0")
	db, issuer := f.shared()
	f.ok("clients", "create", lenientShop, "--public", "--grant", "wechat_code", "--grant", "refresh_token", "--app",
		appID, "--audience", audience, "--refresh-keys=false")
	deaths := killOverAndOver(t, f.replicas[1])
	t.Cleanup(func() {
		died := deaths()
		t.Logf("a replica was killed %d times", died)
		require.Positive(t, died)
	})
	return func(strict bool) walkedFleet { return walkedFleet{f, clock, db, issuer, strict} }
}

// walkHonestly runs sessions of an honest client until they made enough refreshes. None may be lost.
func walkHonestly(t *testing.T, target walkedFleet, client refreshtest.Honest, n, enough int) {
	t.Helper()
	steps, sessions := 0, 0
	for seed := uint64(1); steps < enough; seed++ {
		requests, err := client.Run(target, rand.New(rand.NewPCG(seed, 4)), fmt.Sprintf("user-%d-%d", n, seed))
		require.NoError(t, err, "seed %d: an honest client lost its session", seed)
		steps += requests
		sessions++
	}
	t.Logf("%d refreshes, %d sessions, none lost", steps, sessions)
}

// walkOfThieves runs sessions with a thief until they made enough refreshes. All must end.
func walkOfThieves(t *testing.T, target walkedFleet, thief refreshtest.Thief, n, enough int) {
	t.Helper()
	steps, sessions := 0, 0
	for seed := uint64(1); steps < enough; seed++ {
		requests, ended, err := thief.Run(target, rand.New(rand.NewPCG(seed, 5)), fmt.Sprintf("victim-%d-%d", n, seed))
		require.NoError(t, err)
		require.True(t, ended, "seed %d: the session outlived the theft", seed)
		steps += requests
		sessions++
	}
	t.Logf("%d thieves in %d refreshes, all sessions ended", sessions, steps)
}

// killOverAndOver kills and restarts a replica until the function that it returns is called, which returns how often.
func killOverAndOver(t *testing.T, r *replica) func() int {
	t.Helper()
	stop, ended := make(chan struct{}), make(chan error, 1)
	died := 0
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			case <-time.After(time.Duration(rand.IntN(400)) * time.Millisecond):
			}
			r.kill()
			died++
			if err := r.start(); err != nil {
				ended <- err
				return
			}
		}
	}()
	return func() int {
		close(stop)
		require.NoError(t, <-ended)
		return died
	}
}

// walkedFleet is a fleet as refreshtest.Target.
type walkedFleet struct {
	*fleet
	clock    *dbtest.Clock
	database *sql.DB
	issuer   *tokens.Issuer
	strict   bool
}

// lenientShop is a client whose record does not say that all its refreshes have a key.
const lenientShop = "lenient-shop"

func (w walkedFleet) client() string {
	if w.strict {
		return "shop"
	}
	return lenientShop
}

// SignIn uses another code if a replica dies between WeChat, where a code works once, and the database.
func (w walkedFleet) SignIn(user string) (token string, err error) {
	for try := range 10 {
		token, err = w.ask(fmt.Sprintf("the-key-of-sign-in-%d-of-%s", try, user), "client_id", w.client(),
			"grant_type", "wechat_code", "code", w.code(user))
		if err == nil {
			return token, nil
		}
	}
	return "", err
}

func (w walkedFleet) Refresh(token, key string) (string, error) {
	answer, err := w.ask(key, "client_id", w.client(), "grant_type", "refresh_token", "refresh_token", token)
	if err != nil && strings.Contains(err.Error(), "invalid_grant") {
		err = fmt.Errorf("%w: %w", refreshtest.ErrRefused, err)
	}
	return answer, err
}

func (w walkedFleet) Ended(token string) bool {
	read, err := w.issuer.ReadRefreshToken(token)
	require.NoError(w.t, err)
	session, _, err := w.database.Sessions().Find(context.Background(), read.SessionID)
	require.NoError(w.t, err)
	return !session.EndedAt.IsZero()
}

func (w walkedFleet) Move(by time.Duration) { w.clock.Move(by) }

func (w walkedFleet) Disturb(*rand.Rand) {} // replicas die by themselves
