package limits

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Config holds the dependencies of a Limiter. Store, Events and Logger are required.
type Config struct {
	Store  identity.Volatile
	Events identity.Events
	Rates  map[Name]Rate // instead of those in the table
	Meter  Meter         // nil: nothing is counted
	Now    func() time.Time
	Logger *slog.Logger
}

// Meter counts events for metrics.
type Meter interface {
	// Limited counts a use that a limit refused.
	Limited(limit string)
}

type noMeter struct{}

func (noMeter) Limited(string) {}

// Limiter counts uses of limits in a volatile store, which all replicas share. It is safe for concurrent use.
type Limiter struct {
	store   identity.Volatile
	limits  map[Name]Limit
	meter   Meter
	logger  *slog.Logger
	sampler *sampler
}

// New returns a Limiter.
func New(c Config) *Limiter {
	if c.Meter == nil {
		c.Meter = noMeter{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	limits := map[Name]Limit{}
	for _, limit := range All() {
		if rate, changed := c.Rates[limit.Name]; changed {
			limit.Rate = rate
		}
		limits[limit.Name] = limit
	}
	return &Limiter{store: c.Store, limits: limits, meter: c.Meter, logger: c.Logger,
		sampler: &sampler{store: c.Store, events: c.Events, logger: c.Logger, now: c.Now}}
}

// Count counts uses in one atomic step. It returns oauth.TooManyRequests, with the time to wait, if a limit refuses
// one, and oauth.TemporarilyUnavailable if the store fails. Then it has counted none.
func (l *Limiter) Count(ctx context.Context, uses Uses) error {
	err := l.Try(ctx, uses)
	l.Report(ctx, err)
	return err
}

// CountEach counts uses of several groups, one after the other. If one is not counted, it gives back those before it,
// and returns the error.
func (l *Limiter) CountEach(ctx context.Context, all ...Uses) error {
	for n, uses := range all {
		if err := l.Count(ctx, uses); err != nil {
			l.GiveBack(ctx, all[:n]...)
			return err
		}
	}
	return nil
}

// Try is Count for callers that have another limit to try if this one refuses. They call Report if none is left.
func (l *Limiter) Try(ctx context.Context, uses Uses) error {
	rates, of := l.rates(uses)
	if len(rates) == 0 {
		return nil
	}
	wait, longest, err := l.store.AllowAll(ctx, uses.group, rates...)
	switch {
	case err != nil:
		return oauth.StoreFailed(err)
	case wait > 0:
		limit := l.limits[of[longest].limit]
		return &oauth.Error{Code: oauth.TooManyRequests, Description: limit.refusal, RetryAfter: wait,
			Cause: &refusal{limit, uses.group + "/" + rates[longest].Key, uses.about}}
	}
	return nil
}

// rates returns the rates to count and the use that each belongs to. It omits limits that are turned off.
func (l *Limiter) rates(uses Uses) (rates []identity.Rate, of []use) {
	for _, u := range uses.uses {
		rate := l.limits[u.limit].Rate
		if rate.Uses <= 0 {
			continue
		}
		rates = append(rates, identity.Rate{Key: string(u.limit) + "/" + u.key, Uses: rate.Uses * u.factor,
			Period: rate.Period, Lenient: u.lenient})
		of = append(of, u)
	}
	return rates, of
}

// GiveBack takes back uses that were counted. It does so even if the context has ended, and logs a failure.
func (l *Limiter) GiveBack(ctx context.Context, all ...Uses) {
	for _, uses := range all {
		l.giveBack(ctx, uses)
	}
}

func (l *Limiter) giveBack(ctx context.Context, uses Uses) {
	rates, of := l.rates(uses)
	for n := range rates {
		if of[n].forget {
			rates[n].Uses = 1
		}
	}
	if len(rates) == 0 {
		return
	}
	if err := l.store.GiveBack(context.WithoutCancel(ctx), uses.group, rates...); err != nil {
		l.logger.WarnContext(ctx, "cannot give back what was counted", "error", err)
	}
}

// refusal is what is reported of a use that a limit refused. It is the cause of the error.
type refusal struct {
	limit Limit
	key   string
	about identity.Event
}

// Error returns the name of the limit.
func (r *refusal) Error() string { return "limit " + string(r.limit.Name) }

// Report counts the limit in an error of Try, and logs and records it at most once a minute for each limit and key.
func (l *Limiter) Report(ctx context.Context, err error) {
	refused, ok := errors.AsType[*refusal](cause(err))
	if !ok {
		return
	}
	l.meter.Limited(string(refused.limit.Name))
	event := refused.about
	event.Kind, event.Detail = refused.limit.event, detail(string(refused.limit.Name), event.Detail)
	l.Record(ctx, refused.key, event)
}

func cause(err error) error {
	if refused, ok := errors.AsType[*oauth.Error](err); ok {
		return refused.Cause
	}
	return err
}

func detail(limit, about string) string {
	if about == "" {
		return limit
	}
	return limit + ", " + about
}

// Record logs and records an event that strangers can cause, at most once a minute for its kind and a key, and at most
// perMinute times a minute for its kind in this process.
func (l *Limiter) Record(ctx context.Context, key string, event identity.Event) {
	l.sampler.record(ctx, key, event)
}
