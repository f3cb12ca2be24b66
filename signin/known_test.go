package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/memory"
)

// knownEnv is a memory of networks whose clock moves only when the test moves it.
type knownEnv struct {
	networkMemory
	t    *testing.T
	time time.Time
}

func newKnownEnv(t *testing.T) *knownEnv {
	e := &knownEnv{t: t, time: time.Now()}
	now := func() time.Time { return e.time }
	e.networkMemory = networkMemory{&countingStore{Volatile: memory.New(memory.Options{Now: now})}, now,
		slog.New(slog.DiscardHandler)}
	return e
}

// countingStore counts what is written.
type countingStore struct {
	identity.Volatile
	puts int
}

func (s *countingStore) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	s.puts++
	return s.Volatile.Put(ctx, key, value, ttl)
}

func (e *knownEnv) signIn(network string) {
	e.remember(e.t.Context(), attempt{name: "n", neighborhood: network, networks: e.find(e.t.Context(), "n")})
}

func (e *knownEnv) requireKnown(known bool, networks ...string) {
	e.t.Helper()
	for _, network := range networks {
		require.Equal(e.t, known, e.find(e.t.Context(), "n").have(network, e.time), network)
	}
}

func TestTheLastFourNetworksAreKnown(t *testing.T) {
	e := newKnownEnv(t)
	e.requireKnown(false, "a", "")
	for n := range 6 {
		e.signIn(fmt.Sprint("network-", n))
		e.time = e.time.Add(time.Hour)
	}
	e.requireKnown(false, "network-0", "network-1")
	e.requireKnown(true, "network-2", "network-3", "network-4", "network-5")
	require.Empty(t, e.find(t.Context(), "another name"))
}

func TestANetworkIsKnownForThirtyDays(t *testing.T) {
	e := newKnownEnv(t)
	e.signIn("home")
	e.time = e.time.Add(20 * 24 * time.Hour)
	e.signIn("work")
	e.time = e.time.Add(10*24*time.Hour + time.Minute)
	e.requireKnown(false, "home")
	e.requireKnown(true, "work")
	e.signIn("work")
	e.time = e.time.Add(29 * 24 * time.Hour)
	e.requireKnown(true, "work")
	e.time = e.time.Add(2 * 24 * time.Hour)
	e.requireKnown(false, "work")
}

// TestAKnownNetworkIsWrittenOnceADay, since most sign-ins are from one.
func TestAKnownNetworkIsWrittenOnceADay(t *testing.T) {
	e := newKnownEnv(t)
	for range 10 {
		e.signIn("home")
	}
	e.signIn("work")
	e.signIn("home")
	require.Equal(t, 2, e.store.(*countingStore).puts)
	e.time = e.time.Add(25 * time.Hour)
	e.signIn("home")
	require.Equal(t, 3, e.store.(*countingStore).puts)
	e.requireKnown(true, "home", "work")
}

// brokenStore cannot be reached.
type brokenStore struct{ identity.Volatile }

func (brokenStore) Get(context.Context, string) ([]byte, error) { return nil, errors.New("refused") }

func TestNothingIsKnownWithoutTheStore(t *testing.T) {
	m := networkMemory{brokenStore{}, time.Now, slog.New(slog.DiscardHandler)}
	require.Empty(t, m.find(t.Context(), "n"))
	damaged := memory.New(memory.Options{})
	require.NoError(t, damaged.Put(t.Context(), knownKey("n"), []byte("home\n\nwork x\n"), time.Hour))
	m.store = damaged
	require.Empty(t, m.find(t.Context(), "n"))
}
