package wechat

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"
)

// The breaker opens when, within window, at least tripFailures calls got no usable
// answer and these are at least half of the calls that were not abandoned.
const (
	window       = 10 * time.Second
	bucket       = time.Second
	tripFailures = 5
)

// health is what the result of a call says about the state of WeChat.
type health int

const (
	answered  health = iota // WeChat gave a usable answer
	noAnswer                // no usable answer: an outage
	abandoned               // the caller canceled the call, which says nothing about WeChat
)

// newBreaker returns a breaker that counts only outages. If it counted bad codes,
// throttled users or unknown errcodes, one user or one app could lock out all others.
func newBreaker(platform string, openFor time.Duration, logger *slog.Logger) *gobreaker.CircuitBreaker[any] {
	return gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
		Interval:     window,
		BucketPeriod: bucket,
		Timeout:      openFor,
		ReadyToTrip: func(counts gobreaker.Counts) bool {
			return counts.TotalFailures >= tripFailures && counts.TotalFailures >= counts.TotalSuccesses
		},
		IsSuccessful: func(err error) bool { return healthOf(err) != noAnswer },
		IsExcluded:   func(err error) bool { return healthOf(err) == abandoned },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			logger.LogAttrs(context.Background(), slog.LevelWarn, platform+": circuit breaker changed",
				slog.String("from", from.String()), slog.String("to", to.String()))
		},
	})
}

func healthOf(err error) health {
	if failed, ok := errors.AsType[*Error](err); ok {
		return failed.health
	}
	return answered
}

// call runs ask, which calls the platform, within the limits of the client: the pauses of apps, the timeout, the number
// of concurrent calls, and the breaker. api is the name in the log. The error is an *Error.
func call[T any](ctx context.Context, c *Client, api, appID string, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errTimeout)
	defer cancel()
	var none T
	paused := pausedCall{api, appID}
	if err := c.pauser.check(paused); err != nil {
		return none, err
	}
	if err := c.acquire(ctx); err != nil {
		c.report(ctx, api, appID, err)
		return none, err
	}
	defer c.release()
	answer, err := c.breaker.Execute(func() (any, error) { return ask(ctx) })
	c.pauser.learn(paused, err)
	switch {
	case err == nil:
		return answer.(T), nil
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return none, &Error{Class: ErrUnavailable, RetryAfter: c.openFor, Reason: "circuit breaker open"}
	}
	c.report(ctx, api, appID, err)
	return none, err
}
