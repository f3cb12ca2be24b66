package server

import "time"

// ClockTolerance is the skew of a clock that operators should hear about. Most verifiers tolerate more, but it grows.
const ClockTolerance = 5 * time.Second

// ClockAhead returns how far this machine's clock is ahead of one that showed theirs at some time between began and
// ended; negative: behind. The result is the smallest possible one.
func ClockAhead(began, ended, theirs time.Time) time.Duration {
	switch {
	case theirs.Before(began):
		return began.Sub(theirs)
	case theirs.After(ended):
		return ended.Sub(theirs)
	}
	return 0
}
