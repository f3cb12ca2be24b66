package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/tokens/refreshtest"
)

// walkSteps is how many refreshes the walks make in total: go test ./cmd/lingpai -run Walk -walk.steps 100000
var walkSteps = flag.Int("walk.steps", 1000, "refreshes that the random walks make together")

// TestWalkOverTwoReplicas has honest clients and thieves use two processes, one of which is killed and restarted
// throughout.
func TestWalkOverTwoReplicas(t *testing.T) {
	t.Parallel()
	database, clock := dbtest.MovableClock(t, dbtest.PostgreSQL(t))
	redis, keyPrefix := dbtest.Redis(t)
	f := newFleet(t, database, redis, keyPrefix, "LINGPAI_SESSION_IDLE=8760h", "LINGPAI_SESSION_ABSOLUTE=87600h",
		"LINGPAI_SESSION_LIMIT=0")
	db, issuer := f.shared()
	target := walkedFleet{f, clock, db, issuer}
	deaths := killOverAndOver(t, f.replicas[1])
	for _, keyed := range []bool{true, false} {
		t.Run(fmt.Sprintf("honest,keyed=%t", keyed), func(t *testing.T) {
			steps, sessions := 0, 0
			for seed := uint64(1); steps < *walkSteps/2; seed++ {
				client := refreshtest.Honest{Target: target, Random: rand.New(rand.NewPCG(seed, 4)), Keyed: keyed}
				requests, err := client.Run(fmt.Sprintf("user-%t-%d", keyed, seed))
				require.NoError(t, err, "seed %d: an honest client lost its session", seed)
				steps += requests
				sessions++
			}
			t.Logf("%d refreshes, %d sessions, none lost", steps, sessions)
		})
		t.Run(fmt.Sprintf("thieves,keyed=%t", keyed), func(t *testing.T) {
			thieves := max(5, *walkSteps/1000)
			for seed := range thieves {
				thief := refreshtest.Thief{Target: target, Random: rand.New(rand.NewPCG(uint64(seed), 5)), Keyed: keyed,
					Shadow: keyed && seed%2 == 1}
				seenAfter, err := thief.Run(fmt.Sprintf("victim-%t-%d", keyed, seed))
				require.NoError(t, err)
				require.NotZero(t, seenAfter, "thief %d was never seen", seed)
			}
			t.Logf("%d thieves, all seen", thieves)
		})
	}
	died := deaths()
	t.Logf("a replica was killed %d times", died)
	require.Positive(t, died)
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
}

// SignIn uses another code if a replica dies between WeChat, where a code works once, and the database.
func (w walkedFleet) SignIn(user string) (token string, err error) {
	for try := range 10 {
		token, err = w.ask(fmt.Sprintf("the-key-of-sign-in-%d-of-%s", try, user), "grant_type", "wechat_code",
			"code", w.code(user))
		if err == nil {
			return token, nil
		}
	}
	return "", err
}

func (w walkedFleet) Refresh(token, key string) (string, error) {
	return w.ask(key, "grant_type", "refresh_token", "refresh_token", token)
}

func (w walkedFleet) Generation(token string) uint32 {
	read, err := w.issuer.ReadRefreshToken(token)
	require.NoError(w.t, err)
	return read.Generation
}

func (w walkedFleet) Theft(token string) bool {
	read, err := w.issuer.ReadRefreshToken(token)
	require.NoError(w.t, err)
	session, _, err := w.database.Sessions().Find(context.Background(), read.SessionID)
	require.NoError(w.t, err)
	return session.EndReason == identity.EndedByTheft
}

func (w walkedFleet) Move(by time.Duration) { w.clock.Move(by) }

func (w walkedFleet) Disturb(*rand.Rand) {} // replicas die by themselves
