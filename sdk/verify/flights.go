package verify

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// waitForFetch is how long a caller waits for a fetch. The fetch continues without the caller.
const waitForFetch = 2 * time.Second

// flights fetches one document, one fetch at a time. Fetches begin at least the floor interval apart.
type flights struct {
	floor time.Duration
	load  func(context.Context) error // one at a time

	flight atomic.Pointer[flight] // nil: no fetch is running
	last   atomic.Int64           // when the last one began, in nanoseconds since 1970
	failed atomic.Int64           // when the last one began, if it failed; 0: it did not
	mutex  sync.Mutex             // held while a fetch begins
}

// flight is a running fetch.
type flight struct {
	done chan struct{}
	err  error // valid once done is closed
}

// start fetches for the first time.
func (s *flights) start(ctx context.Context, now time.Time) error {
	first := s.fetch(now)
	select {
	case <-first.done:
		return first.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch returns the running fetch, or begins one, or returns nil if it is too soon for one.
func (s *flights) fetch(now time.Time) *flight {
	if under := s.flight.Load(); under != nil || s.tooSoon(now) {
		return under
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if under := s.flight.Load(); under != nil || s.tooSoon(now) {
		return under
	}
	s.last.Store(now.UnixNano())
	under := &flight{done: make(chan struct{})}
	s.flight.Store(under)
	go s.fly(under)
	return under
}

// tooSoon reports whether the last fetch began less than the floor interval ago, or slightly after now, since callers
// read the clock earlier. A clock that was set back further does not stop fetches.
func (s *flights) tooSoon(now time.Time) bool { return since(&s.last, now) < s.floor }

// failing reports whether the last completed fetch failed recently. Then callers do not wait for the next one.
func (s *flights) failing(now time.Time) bool { return since(&s.failed, now) < 2*s.floor }

func since(instant *atomic.Int64, now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - instant.Load()).Abs()
}

// fly fetches with a context of its own, since the result is for all callers, and the first one may disconnect.
func (s *flights) fly(under *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	under.err = s.load(ctx)
	s.failed.Store(0)
	if under.err != nil {
		s.failed.Store(s.last.Load())
	}
	s.flight.Store(nil)
	close(under.done)
}

// wait waits for the fetch and reports whether it has ended.
func (f *flight) wait(ctx context.Context) bool {
	timer := time.NewTimer(waitForFetch)
	defer timer.Stop()
	select {
	case <-f.done:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}
