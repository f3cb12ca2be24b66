package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// client is one side of a closed loop: it makes a request, and reads the answer before it makes the next. An answer may
// need another request, which then belongs to the same operation; next is nil at its end.
type client interface {
	request() ([]byte, error)
	answered(answer) (next []byte, err error)
}

// meter returns the CPU time of the server and of its database's processes so far.
type meter interface {
	cpu() time.Duration
	databaseCPU() map[int]time.Duration
}

// phase is the measurement of a benchmark in one run.
type phase struct {
	subject
	Answered     int     `json:"answered"`
	Failed       int     `json:"failed"`
	FirstFailure string  `json:"first_failure,omitempty"`
	Wall         float64 `json:"wall_seconds"`
	CPU          float64 `json:"server_cpu_seconds"`
	DatabaseCPU  float64 `json:"database_cpu_seconds,omitempty"` // of the server's connections to PostgreSQL
	P50          float64 `json:"p50_ms"`
	P99          float64 `json:"p99_ms"`
	Slowest      float64 `json:"slowest_ms"` // including requests in flight at the end
	Before       state   `json:"database_before"`
	After        state   `json:"database_after"`
	signing              // right before and after
}

func (p phase) microseconds() float64 { return p.CPU / float64(max(1, p.Answered)) * 1e6 }
func (p phase) rate() float64         { return float64(p.Answered) / p.Wall }
func (p phase) added() int64          { return p.After.Sessions - p.Before.Sessions }

// busy returns the fraction of its core that the server used. If it is well below one, the load, the database or the
// disk was the bottleneck.
func (p phase) busy() float64 { return p.CPU / p.Wall }

// The stages of a phase.
const (
	warming int32 = iota
	measuring
	over
)

// loop is the state that all connections of a phase share.
type loop struct {
	address string
	stage   atomic.Int32
	heard   atomic.Bool // there was an answer since measuring began
}

// tally has the counts of one connection.
type tally struct {
	latencies []time.Duration
	slowest   time.Duration
	failed    int
	failure   error
}

// drive runs one connection for each client, and measures after they have warmed up.
func drive(ctx context.Context, address string, clients []client, warmUp, measured time.Duration, m meter) (phase,
	error) {
	l := &loop{address: address}
	tallies := make([]tally, len(clients))
	var running sync.WaitGroup
	for n, c := range clients {
		running.Go(func() { l.serve(c, &tallies[n]) })
	}
	err := pause(ctx, warmUp)
	databaseUsed := m.databaseCPU()
	used, start := m.cpu(), time.Now()
	l.stage.Store(measuring)
	if err == nil {
		err = pause(ctx, measured)
	}
	// a hash may take longer on a busy machine
	for late := time.Now().Add(exchangeTimeout); err == nil && !l.heard.Load() && time.Now().Before(late); {
		err = pause(ctx, measured)
	}
	l.stage.Store(over)
	p := phase{Wall: time.Since(start).Seconds(), CPU: (m.cpu() - used).Seconds()}
	for pid, cpu := range m.databaseCPU() {
		p.DatabaseCPU += (cpu - databaseUsed[pid]).Seconds()
	}
	running.Wait()
	p.sum(tallies)
	if err == nil && p.Answered == 0 {
		err = errors.New("no request was answered: " + p.FirstFailure)
	}
	return p, err
}

// serve exchanges requests and answers until the phase is over. It dials again after a connection fails.
func (l *loop) serve(c client, t *tally) {
	for l.stage.Load() != over {
		connection, err := dial(l.address)
		if err != nil {
			t.fail(err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		for err == nil && l.stage.Load() != over {
			err = l.exchange(connection, c, t)
		}
		_ = connection.raw.Close()
		if err != nil {
			t.fail(err)
		}
	}
}

// exchange makes one operation. It counts error answers; an error means that the connection cannot be used any more.
func (l *loop) exchange(connection *connection, c client, t *tally) error {
	request, err := c.request()
	if err != nil {
		return err
	}
	start := time.Now()
	var elapsed time.Duration
	for request != nil {
		a, err := connection.exchange(request)
		if err != nil {
			return err
		}
		elapsed = time.Since(start)
		if err = a.failure(); err == nil {
			request, err = c.answered(a)
		}
		if err != nil {
			t.fail(err)
			return nil
		}
	}
	stage := l.stage.Load()
	if stage == measuring {
		l.heard.Store(true)
		t.latencies = append(t.latencies, elapsed)
	}
	if stage != warming {
		t.slowest = max(t.slowest, elapsed)
	}
	return nil
}

// fail counts failures during the warm-up too, since they would continue.
func (t *tally) fail(err error) {
	t.failed++
	if t.failure == nil {
		t.failure = err
	}
}

func (p *phase) sum(tallies []tally) {
	var latencies []time.Duration
	var slowest time.Duration
	for _, t := range tallies {
		slowest = max(slowest, t.slowest)
		latencies = append(latencies, t.latencies...)
		p.Failed += t.failed
		if t.failure != nil && p.FirstFailure == "" {
			p.FirstFailure = t.failure.Error()
		}
	}
	slices.Sort(latencies)
	p.Answered = len(latencies)
	p.P50, p.P99, p.Slowest = milliseconds(percentile(latencies, 50)), milliseconds(percentile(latencies, 99)),
		milliseconds(slowest)
}

func pause(ctx context.Context, duration time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(duration):
		return nil
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
