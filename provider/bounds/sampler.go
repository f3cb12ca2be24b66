package bounds

import (
	"sync"
	"time"
)

// Sampler lets one of many equal events through in each period, so that they do not fill the log. It is safe for
// concurrent use.
type Sampler struct {
	period time.Duration
	mutex  sync.Mutex
	seen   map[string]sampled
}

type sampled struct {
	until   time.Time
	omitted int
}

// maxSampled limits the memory of a Sampler. There are far fewer kinds of events.
const maxSampled = 100

// NewSampler returns a Sampler.
func NewSampler(period time.Duration) *Sampler {
	return &Sampler{period: period, seen: map[string]sampled{}}
}

// Next reports whether an event of a kind is let through, and how many of its kind were not since the last one.
func (s *Sampler) Next(kind string, now time.Time) (omitted int, through bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	last, known := s.seen[kind]
	if known && now.Before(last.until) {
		last.omitted++
		s.seen[kind] = last
		return 0, false
	}
	if !known && len(s.seen) >= maxSampled {
		clear(s.seen)
	}
	s.seen[kind] = sampled{until: now.Add(s.period)}
	return last.omitted, true
}
