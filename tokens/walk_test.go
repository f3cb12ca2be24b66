package tokens_test

import (
	"flag"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/tokens/refreshtest"
)

// walkSessions is the number of sessions of each kind of client and thief in the random walks. For more: go test
// ./tokens -run Walk -walk.sessions 2000
var walkSessions = flag.Int("walk.sessions", 20, "sessions of each kind of client and thief in the random walks")

// TestWalkOfTheDecision tests the decision alone, without a store, with many more sessions than a store could do.
func TestWalkOfTheDecision(t *testing.T) {
	for _, client := range refreshtest.HonestClients() {
		t.Run(client.Name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(*walkSessions) {
				_, err := client.Run(newDecided(client.Strict, client.Disturbs), rand.New(rand.NewPCG(seed, 6)), "user")
				require.NoError(t, err, "seed %d: an honest client lost its session", seed)
			}
		})
	}
	for _, thief := range refreshtest.Thieves() {
		t.Run(thief.String(), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(*walkSessions) {
				_, ended, err := thief.Run(newDecided(thief.Strict, false), rand.New(rand.NewPCG(seed, 7)), "victim")
				require.NoError(t, err)
				require.True(t, ended, "seed %d: the session outlived the theft", seed)
			}
		})
	}
}

// TestWalkOfThievesWithinTheWindow documents what a client that is not strict gives up.
func TestWalkOfThievesWithinTheWindow(t *testing.T) {
	for _, thief := range refreshtest.UnseenThieves() {
		_, ended, err := thief.Run(newDecided(thief.Strict, false), rand.New(rand.NewPCG(1, 7)), "victim")
		require.NoError(t, err)
		require.False(t, ended, "%s: the session ended", thief)
	}
}

// decided is a session that is only in memory, as refreshtest.Target. Its tokens are generations.
type decided struct {
	mutex    sync.Mutex
	session  identity.Session
	copied   identity.Session
	now      time.Time
	strict   bool
	disturbs bool
}

func newDecided(strict, disturbs bool) *decided {
	return &decided{now: time.Unix(1_800_000_000, 0), strict: strict, disturbs: disturbs}
}

func (d *decided) SignIn(string) (string, error) { return "0", nil }

func (d *decided) Refresh(token, key string) (string, error) {
	generation, err := strconv.ParseUint(token, 10, 32)
	if err != nil {
		return "", err
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if !d.session.EndedAt.IsZero() {
		return "", refreshtest.ErrRefused
	}
	presented := tokens.Refresh{Generation: uint32(generation), KeyHash: tokens.HashKey(key), Strict: d.strict}
	decision := tokens.Decide(d.session, presented, d.now, tokens.RotationPolicy{Window: 30 * time.Second})
	switch decision.Verdict {
	case tokens.Rotate, tokens.Repeat:
		d.session = decision.Session
		return strconv.FormatUint(uint64(d.session.Generation), 10), nil
	case tokens.Theft:
		d.session.EndedAt = d.now
	}
	return "", refreshtest.ErrRefused
}

func (d *decided) Ended(string) bool { return !d.session.EndedAt.IsZero() }

func (d *decided) Move(by time.Duration) { d.now = d.now.Add(by) }

func (d *decided) Disturb(random *rand.Rand) {
	if !d.disturbs {
		return
	}
	switch p := random.Float64(); {
	case p < 0.03:
		d.session = d.copied
	case p < 0.13:
		d.copied = d.session
	}
}
