package provider

import (
	"sync"
	"time"
)

// samplePeriod is how often lines about the same reason for 503 are logged: in an outage all requests fail alike.
const samplePeriod = 10 * time.Second

// sampler lets one of many equal events through in each period.
type sampler struct {
	mu   sync.Mutex
	seen map[string]sampled
}

type sampled struct {
	until   time.Time
	omitted int
}

// maxReasons limits the memory of a sampler. There are far fewer reasons.
const maxReasons = 100

// next reports whether an event at the given time is let through, and how many like it were not since the last one.
func (s *sampler) next(reason string, now time.Time) (omitted int, through bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.seen[reason]
	if known && now.Before(last.until) {
		last.omitted++
		s.seen[reason] = last
		return 0, false
	}
	if s.seen == nil || !known && len(s.seen) >= maxReasons {
		s.seen = map[string]sampled{}
	}
	s.seen[reason] = sampled{until: now.Add(samplePeriod)}
	return last.omitted, true
}
