// Package doctor looks at all that a server needs, with the same settings, and says what to do where something is
// wrong. It changes nothing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

// AnswerTime is how long an examination waits for each answer of a database, of Redis or of WeChat.
const AnswerTime = 5 * time.Second

// Config is what an examination looks at.
type Config struct {
	Settings settings.Settings
	Problems []error       // of the configuration, as [settings.Problems] lists them
	Show     func(Finding) // is given each finding at once; nil: nobody is
}

// doctor is what is known of an installation so far.
type doctor struct {
	report   *report
	settings settings.Settings
	problems []error // of the configuration
	database *sql.DB // nil: not open
	migrated bool
	wechat   upstream
}

func newDoctor(ctx context.Context, c Config) *doctor {
	return &doctor{report: newReport(ctx, c), settings: c.Settings, problems: c.Problems}
}

// Examine makes all checks, one after the other. Its error says that it was stopped; what was found is in the findings.
func Examine(ctx context.Context, c Config) (Findings, error) {
	d := newDoctor(ctx, c)
	defer d.close(ctx)
	for _, check := range d.checks() {
		d.report.check = check.name
		if why := d.obstacle(check); why != "" {
			d.report.skipped("not checked, since " + why)
			continue
		}
		check.look(ctx)
		if ctx.Err() != nil {
			return d.report.findings, fmt.Errorf("stopped: %w", context.Cause(ctx))
		}
	}
	return d.report.findings, nil
}

// check is one thing to look at, and what must be right before that can be done.
type check struct {
	name     string
	settings []string
	needs    stage
	look     func(context.Context)
}

// stage is how far a check needs the database to be.
type stage int

const (
	needsNothing stage = iota
	needsOpen
	needsMigrated
)

func (d *doctor) checks() []check {
	return []check{
		{"configuration", nil, needsNothing, d.checkConfiguration},
		{"database", []string{"database.url", "database.connections"}, needsNothing, d.checkDatabase},
		{"migrations", nil, needsOpen, d.checkMigrations},
		{"redis", []string{"redis.url", "redis.key_prefix"}, needsNothing, d.checkRedis},
		{"keys", []string{"master_key"}, needsMigrated, d.checkKeys},
		{"wechat", []string{"wechat.base_url"}, needsNothing, d.checkWechat},
		{"clock", nil, needsNothing, d.checkClock},
		{"apps", []string{"master_key", "wechat.base_url", "wechat.timeout", "qq.base_url"}, needsMigrated,
			d.checkApps},
		{"clients", nil, needsMigrated, d.checkClients},
	}
}

// obstacle says why a check cannot be made; "" if it can.
func (d *doctor) obstacle(c check) string {
	if d.unreadable() && c.name != "configuration" {
		return "the configuration file cannot be read"
	}
	for _, key := range c.settings {
		if d.faulty(key) {
			return key + " is not right"
		}
	}
	switch {
	case c.needs >= needsOpen && d.database == nil:
		return "the database is not open"
	case c.needs >= needsMigrated && !d.migrated:
		return "the database does not have the shape that is needed"
	}
	return ""
}

// faulty reports whether a setting could not be taken.
func (d *doctor) faulty(key string) bool {
	return slices.ContainsFunc(d.problems, func(fault error) bool { return strings.HasPrefix(fault.Error(), key+" (") })
}

func (d *doctor) close(ctx context.Context) {
	if d.database != nil {
		_, _ = within(context.WithoutCancel(ctx), func(context.Context) (any, error) { return nil, d.database.Close() })
	}
}

var errNoAnswer = errors.New("no answer within " + AnswerTime.String())

// within gives a question its time. It waits no longer even for what does not look at its context, such as a
// driver that connects.
func within[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, AnswerTime, errNoAnswer)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		value, err := ask(ctx)
		answered <- answer{value, err}
	}()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
