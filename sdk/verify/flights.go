package verify

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// waitForFetch is how long a caller waits for a fetch; what takes longer goes on without it.
const waitForFetch = 2 * time.Second

// flights are fetches of one document. Whatever calls for them, they are one at a time, and begin no sooner
// than the floor after each other.
type flights struct {
	floor time.Duration
	load  func(context.Context) error // one at a time

	flight atomic.Pointer[flight] // nil if none is under way
	last   atomic.Int64           // when the last one began, in nanoseconds since 1970
	failed atomic.Int64           // when the last one began, if it failed; 0: it did not
	mutex  sync.Mutex             // held while one begins
}

// flight is a fetch that is under way.
type flight struct {
	done chan struct{}
	err  error // when done is closed
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

// fetch returns the fetch that is under way, or begins one, or returns nil if it is too soon for one.
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

// tooSoon says whether the last fetch began less than the floor ago, or after now: callers read the clock
// before they come here. A clock that was set back by more does not stop fetches.
func (s *flights) tooSoon(now time.Time) bool { return since(&s.last, now) < s.floor }

// failing says whether the last fetch but the one that is under way failed, and not long ago: then nobody
// waits for the next one.
func (s *flights) failing(now time.Time) bool { return since(&s.failed, now) < 2*s.floor }

func since(instant *atomic.Int64, now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - instant.Load()).Abs()
}

// fly fetches in its own time: what it brings is for all callers, and the one who called for it may hang up.
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

// wait says whether the fetch has ended.
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
