package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/provider/bounds"
)

func cachedFor(every time.Duration, probe func(context.Context) error, log *strings.Builder) *cachedCheck {
	return &cachedCheck{name: "disk", every: every, probe: probe, note: error.Error,
		logger: slog.New(slog.NewTextHandler(log, nil)), lines: bounds.NewSampler(time.Hour)}
}

// TestManyAskersCostOneProbe, also while it takes long.
func TestManyAskersCostOneProbe(t *testing.T) {
	var probes atomic.Int64
	finish := make(chan struct{})
	check := cachedFor(time.Hour, func(context.Context) error {
		probes.Add(1)
		<-finish
		return nil
	}, &strings.Builder{})
	var askers sync.WaitGroup
	for range 20 {
		askers.Go(func() {
			if result := check.result(t.Context(), check.start()); !result.OK || result.Degraded {
				t.Error(result)
			}
		})
	}
	require.Eventually(t, func() bool { return probes.Load() == 1 }, 30*time.Second, time.Millisecond)
	close(finish)
	askers.Wait()
	require.True(t, check.result(t.Context(), check.start()).OK)
	require.EqualValues(t, 1, probes.Load())
}

// TestACheckThatHangsIsAnswered when its caller's time is over, and hangs only once.
func TestACheckThatHangsIsAnswered(t *testing.T) {
	var probes atomic.Int64
	finish := make(chan struct{})
	check := cachedFor(time.Hour, func(context.Context) error { // ignores its context, as a read of a dead disk does
		probes.Add(1)
		<-finish
		return nil
	}, &strings.Builder{})
	over, stop := context.WithCancel(t.Context())
	stop()
	for range 3 {
		require.Equal(t, provider.ReadyCheck{Name: "disk", OK: true, Degraded: true, Note: "no answer in time"},
			check.result(over, check.start()))
	}
	check.required = true
	require.False(t, check.result(over, check.start()).OK)
	close(finish)
	require.True(t, check.result(t.Context(), check.start()).OK)
	require.EqualValues(t, 1, probes.Load())
}

// TestTheCallerDoesNotEndAProbe that others wait for.
func TestTheCallerDoesNotEndAProbe(t *testing.T) {
	check := cachedFor(time.Hour, func(ctx context.Context) error { return ctx.Err() }, &strings.Builder{})
	over, stop := context.WithCancel(t.Context())
	stop()
	started := check.start()
	check.result(over, started)
	require.True(t, check.result(t.Context(), started).OK)
}

// TestAFailureIsLoggedOnceAndItsEndToo.
func TestAFailureIsLoggedOnceAndItsEndToo(t *testing.T) {
	var log strings.Builder
	failure := errors.New("full; free space")
	check := cachedFor(0, func(context.Context) error { return failure }, &log)
	run := func() { check.run(make(chan struct{})) }
	run()
	run()
	require.Equal(t, 1, strings.Count(log.String(), "a readiness check fails"))
	require.Contains(t, log.String(), "full; free space")
	failure = nil
	run()
	run()
	require.Equal(t, 1, strings.Count(log.String(), "a readiness check passes again"))
}

func TestTheClockIsAheadByWhatTheRoundTripLeavesNoDoubtOf(t *testing.T) {
	began := time.Now()
	ended := began.Add(2 * time.Second)
	for theirs, want := range map[time.Duration]time.Duration{0: 0, time.Second: 0, 2 * time.Second: 0,
		-3 * time.Second: 3 * time.Second, 9 * time.Second: -7 * time.Second} {
		require.Equal(t, want, ClockAhead(began, ended, began.Add(theirs)), theirs)
	}
}
