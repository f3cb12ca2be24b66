package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/provider/bounds"
)

const (
	checkTime  = 2500 * time.Millisecond // limits a check; less than load balancers and scrapes wait
	checkAgain = time.Second             // how long a failure is kept, so that a recovery is seen soon
	checkLog   = time.Minute             // between log lines about the same failure of a check
)

var errNoAnswer = errors.New("no answer in time")

// cachedCheck is a readiness check whose result is kept for a while, so that it costs the same however many ask. At
// most one probe runs at a time.
type cachedCheck struct {
	name     string
	required bool          // whether the server is not ready if it fails
	every    time.Duration // how long a success is kept
	probe    func(context.Context) error
	note     func(error) string // for callers, so without secrets
	logger   *slog.Logger
	lines    *bounds.Sampler

	mutex   sync.Mutex
	failure error
	until   time.Time     // the end of the result
	running chan struct{} // closed at the end of the probe; nil: none runs
}

// start starts a probe unless the last result is recent enough. It returns a channel that is closed when there is a
// result.
func (c *cachedCheck) start() <-chan struct{} {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.running != nil {
		return c.running
	}
	done := make(chan struct{})
	if time.Now().Before(c.until) {
		close(done)
		return done
	}
	c.running = done
	go c.run(done)
	return done
}

// run does not use a caller's context, since others wait for the same result.
func (c *cachedCheck) run(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	err := c.probe(ctx)
	c.mutex.Lock()
	before := c.failure
	c.failure, c.until, c.running = err, time.Now().Add(c.every), nil
	if err != nil {
		c.until = time.Now().Add(min(c.every, checkAgain))
	}
	c.mutex.Unlock()
	c.log(before, err)
	close(done)
}

func (c *cachedCheck) log(before, err error) {
	if err == nil && before != nil {
		c.logger.Info("a readiness check passes again", "check", c.name)
	}
	if err == nil {
		return
	}
	note := c.note(err)
	if omitted, through := c.lines.Next(c.name+" "+note, time.Now()); through {
		c.logger.Warn("a readiness check fails", "check", c.name, "note", note, "error", err, "omitted", omitted)
	}
}

// result waits for the end of a probe that start returned, or of the caller's context.
func (c *cachedCheck) result(ctx context.Context, done <-chan struct{}) provider.ReadyCheck {
	failure := errNoAnswer
	select {
	case <-done:
		c.mutex.Lock()
		failure = c.failure
		c.mutex.Unlock()
	case <-ctx.Done():
	}
	if failure == nil {
		return provider.ReadyCheck{Name: c.name, OK: true}
	}
	return provider.ReadyCheck{Name: c.name, OK: !c.required, Degraded: !c.required, Note: c.note(failure)}
}
