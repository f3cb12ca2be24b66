package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// client is one side of a closed loop: it makes a request, and takes the answer before it makes the next.
type client interface {
	request() ([]byte, error)
	answered(body []byte) error
}

// phase is what was measured while a workload had its turn.
type phase struct {
	Answered     int     `json:"answered"`
	Failed       int     `json:"failed"`
	FirstFailure string  `json:"first_failure,omitempty"`
	Wall         float64 `json:"wall_seconds"`
	CPU          float64 `json:"server_cpu_seconds"`
	P50          float64 `json:"p50_ms"`
	P99          float64 `json:"p99_ms"`
	Before       storage `json:"database_before"`
	After        storage `json:"database_after"`
	Signature    unit    `json:"signature"` // right before and after
}

func (p phase) microseconds() float64 { return p.CPU / float64(max(1, p.Answered)) * 1e6 }
func (p phase) rate() float64         { return float64(p.Answered) / p.Wall }

// busy is the part of its core that the server used. Well below one, the load or the disk was what held it up.
func (p phase) busy() float64 { return p.CPU / p.Wall }

// loop is the state that all connections of a phase share.
type loop struct {
	address         string
	measuring, done atomic.Bool
}

// tally is what one connection counted.
type tally struct {
	latencies []time.Duration
	failed    int
	failure   error
}

// drive runs one connection for each client, and measures after they have warmed up. cpu tells the server's CPU so far.
func drive(ctx context.Context, address string, clients []client, warmUp, measured time.Duration, cpu func() time.Duration) (phase, error) {
	l := &loop{address: address}
	tallies := make([]tally, len(clients))
	var running sync.WaitGroup
	for n, c := range clients {
		running.Go(func() { l.serve(c, &tallies[n]) })
	}
	err := pause(ctx, warmUp)
	used, start := cpu(), time.Now()
	l.measuring.Store(true)
	if err == nil {
		err = pause(ctx, measured)
	}
	l.measuring.Store(false)
	p := phase{Wall: time.Since(start).Seconds(), CPU: (cpu() - used).Seconds()}
	l.done.Store(true)
	running.Wait()
	p.sum(tallies)
	if err == nil && p.Answered == 0 {
		err = errors.New("no request was answered: " + p.FirstFailure)
	}
	return p, err
}

// serve exchanges requests and answers until the phase is over. A connection that fails is dialled anew.
func (l *loop) serve(c client, t *tally) {
	for !l.done.Load() {
		connection, err := dial(l.address)
		if err != nil {
			t.fail(err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		for err == nil && !l.done.Load() {
			err = l.exchange(connection, c, t)
		}
		_ = connection.raw.Close()
		if err != nil {
			t.fail(err)
		}
	}
}

// exchange carries out one request. Refusals are counted, and an error means that the connection is of no more use.
func (l *loop) exchange(connection *connection, c client, t *tally) error {
	request, err := c.request()
	if err != nil {
		return err
	}
	start := time.Now()
	status, body, err := connection.exchange(request)
	if err != nil {
		return err
	}
	elapsed := time.Since(start)
	if status != http.StatusOK {
		t.fail(fmt.Errorf("%d: %.200s", status, body))
		return nil
	}
	if err := c.answered(body); err != nil {
		t.fail(err)
		return nil
	}
	if l.measuring.Load() {
		t.latencies = append(t.latencies, elapsed)
	}
	return nil
}

// fail counts what goes wrong while warming up too: it would go on doing so.
func (t *tally) fail(err error) {
	t.failed++
	if t.failure == nil {
		t.failure = err
	}
}

func (p *phase) sum(tallies []tally) {
	var latencies []time.Duration
	for _, t := range tallies {
		latencies = append(latencies, t.latencies...)
		p.Failed += t.failed
		if t.failure != nil && p.FirstFailure == "" {
			p.FirstFailure = t.failure.Error()
		}
	}
	slices.Sort(latencies)
	p.Answered = len(latencies)
	p.P50 = float64(percentile(latencies, 50).Microseconds()) / 1e3
	p.P99 = float64(percentile(latencies, 99).Microseconds()) / 1e3
}

func pause(ctx context.Context, duration time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(duration):
		return nil
	}
}
