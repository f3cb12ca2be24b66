package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/provider/bounds"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/redis"
	"github.com/lingpai/lingpai/storage/sql"
)

// How long the results of checks are kept. What costs more, or changes less, is kept for longer.
const (
	keepAnswer = time.Second
	keepDisk   = 5 * time.Second // SQLite writes to the disk to find out whether it can
	keepClock  = 5 * time.Second
	keepApps   = 30 * time.Second
)

// readiness has the readiness checks. The server is not ready if the database does not answer, cannot be written or
// lacks the required schema, or if the keys could not be read for so long that other servers may sign with one that is
// unknown here. What is the same for all servers, or concerns only some requests, is noted, and the server stays ready.
type readiness struct {
	settings   settings.Settings
	signer     backend
	now        func() time.Time
	database   *cachedCheck
	noted      []*cachedCheck
	clockAhead atomic.Pointer[time.Duration] // of the database's; nil: unknown
}

// newReadiness returns the checks of a complete configuration.
func newReadiness(c Config) *readiness {
	r := &readiness{settings: c.Settings, signer: c.Keys, now: c.Now}
	lines := bounds.NewSampler(checkLog)
	check := func(name string, every time.Duration, probe func(context.Context) error,
		note func(error) string) *cachedCheck {
		return &cachedCheck{name: name, every: every, probe: probe, note: note, logger: c.Logger, lines: lines}
	}
	keepDatabase := keepAnswer
	if c.Settings.DatabaseFile() != "" {
		keepDatabase = keepDisk
	}
	r.database = check("database", keepDatabase, c.Stores.CheckDatabase, databaseNote)
	r.database.required = true
	if store, ok := c.Volatile.(Volatile); ok && c.Settings.RedisURL != "" {
		r.noted = append(r.noted, check("redis", keepAnswer, store.CheckWritable, func(err error) string {
			return redisNote(err) + ", and everything else works"
		}))
	}
	if c.Stores.Clock != nil && c.Settings.DatabaseFile() == "" {
		r.noted = append(r.noted, check("clock", keepClock, func(ctx context.Context) error {
			return r.compareClocks(ctx, c.Stores.Clock)
		}, error.Error))
	}
	if c.Stores.ClosedApps != nil {
		r.noted = append(r.noted, check("apps", keepApps, func(ctx context.Context) error {
			return openApps(ctx, c.Stores.ClosedApps)
		}, error.Error))
	}
	return r
}

// checks makes all checks at the same time. A check that gives no result before the context ends has failed.
func (r *readiness) checks(ctx context.Context) []provider.ReadyCheck {
	kept := append([]*cachedCheck{r.database}, r.noted...)
	started := make([]<-chan struct{}, len(kept))
	for n, check := range kept {
		started[n] = check.start()
	}
	all := []provider.ReadyCheck{signatures(r.settings, r.signer)}
	for n, check := range kept {
		all = append(all, check.result(ctx, started[n]))
	}
	if r.settings.IsSimulated(identity.PlatformWechat) {
		all = append(all, provider.ReadyCheck{Name: "wechat", OK: true, Note: "a simulator, not WeChat"})
	}
	if r.settings.IsSimulated(identity.PlatformQQ) {
		all = append(all, provider.ReadyCheck{Name: "qq", OK: true, Note: "a simulator, not QQ"})
	}
	return all
}

// databaseNote says what is wrong with the database. Other errors may contain its address, and are only logged.
func databaseNote(err error) string {
	if found, _ := sql.Explain(err); found != "" {
		return found
	}
	if errors.Is(err, sql.ErrSchema) {
		return err.Error()
	}
	return "does not answer"
}

// redisNote says what is wrong with Redis, and which requests are refused meanwhile.
func redisNote(err error) string {
	if found, _ := redis.Explain(err); found != "" {
		return "refuses commands, since " + found + ": until that is over, " + withoutRedis
	}
	return "does not answer: until it does, " + withoutRedis
}

// compareClocks returns an error if this server's clock differs from the database's. The server stays ready: if it is
// the database's clock that is wrong, no server would be ready.
func (r *readiness) compareClocks(ctx context.Context, clock func(context.Context) (time.Time, error)) error {
	began := r.now()
	theirs, err := clock(ctx)
	if err != nil {
		r.clockAhead.Store(nil)
		return nil // the check of the database reports it
	}
	ahead := ClockAhead(began, r.now(), theirs)
	r.clockAhead.Store(&ahead)
	if ahead.Abs() <= ClockTolerance {
		return nil
	}
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	return fmt.Errorf("this server's clock is %s %s the database's: tokens may be accepted too long, or be rejected; "+
		"let NTP set the clocks", ahead.Abs().Round(time.Second), direction)
}

// clockOffset returns how many seconds this server's clock was ahead of the database's; NaN if that is unknown.
func (r *readiness) clockOffset() float64 {
	if ahead := r.clockAhead.Load(); ahead != nil {
		return ahead.Seconds()
	}
	return math.NaN()
}

// openApps returns an error if an AppSecret cannot be decrypted. Other apps work.
func openApps(ctx context.Context, closed func(context.Context) ([]identity.App, error)) error {
	apps, err := closed(ctx)
	if err != nil || len(apps) == 0 {
		return nil // the check of the database reports the error
	}
	return fmt.Errorf("AppSecrets that master_key does not decrypt: %d; nobody can sign in through their apps, which "+
		"lingpai doctor names", len(apps))
}

// backend is the source of the signing keys. One that reads a database also has Age, like a [keys.Keeper].
type backend interface{ Backend() string }

func signatures(s settings.Settings, signer backend) provider.ReadyCheck {
	check := provider.ReadyCheck{Name: "signatures", OK: true, Note: signer.Backend()}
	var age time.Duration
	if aging, ok := signer.(interface{ Age() time.Duration }); ok {
		age = aging.Age()
	}
	switch {
	case check.Note == "":
		check.OK, check.Note = false, "the key in use was revoked, and the next one cannot be opened; the "+
			"log and lingpai doctor say why"
	case age > s.KeysStaleAfter():
		check.OK, check.Note = false, fmt.Sprintf(
			"the keys could not be read for %s; the log and lingpai doctor say why", age.Round(time.Second))
	}
	return check
}
