// Package doctor checks everything that a server needs, with the same settings, and advises how to fix what is wrong.
// It changes nothing.
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

// AnswerTime is how long an examination waits for each answer of the database, Redis or WeChat.
const AnswerTime = 5 * time.Second

// Config is the input of an examination.
type Config struct {
	Settings settings.Settings
	Problems []error       // of the configuration, as [settings.Problems] lists them
	Show     func(Finding) // called with each finding as soon as it is known; may be nil
}

// doctor is what an examination knows about an installation so far.
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

// Examine makes all checks, one after the other. It returns an error, with the findings so far, if the context ends.
func Examine(ctx context.Context, c Config) (Findings, error) {
	d := newDoctor(ctx, c)
	defer d.close(ctx)
	for _, check := range d.checks() {
		d.report.check = check.name
		if reason := d.obstacle(check); reason != "" {
			d.report.skipped("not checked, since " + reason)
			continue
		}
		check.look(ctx)
		if ctx.Err() != nil {
			return d.report.findings, fmt.Errorf("stopped: %w", context.Cause(ctx))
		}
	}
	return d.report.findings, nil
}

// check is one check, with the conditions under which it can be made.
type check struct {
	name     string
	settings []string
	needs    stage
	look     func(context.Context)
}

// stage is the state of the database that a check needs.
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
		{"pushes", nil, needsMigrated, func(ctx context.Context) { checkPushes(ctx, d.report, d.database) }},
		{"clients", nil, needsMigrated, d.checkClients},
		{"notices", nil, needsMigrated, func(ctx context.Context) { checkNotices(ctx, d.report, d.database) }},
	}
}

// obstacle returns why a check cannot be made, or "" if it can.
func (d *doctor) obstacle(c check) string {
	if d.unreadable() && c.name != "configuration" {
		return "the configuration file cannot be read"
	}
	for _, key := range c.settings {
		if d.faulty(key) {
			return key + " is invalid"
		}
	}
	switch {
	case c.needs >= needsOpen && d.database == nil:
		return "the database is not open"
	case c.needs >= needsMigrated && !d.migrated:
		return "the database schema is not the one that this version needs"
	}
	return ""
}

// faulty reports whether a setting is invalid.
func (d *doctor) faulty(key string) bool {
	return slices.ContainsFunc(d.problems, func(fault error) bool { return strings.HasPrefix(fault.Error(), key+" (") })
}

func (d *doctor) close(ctx context.Context) {
	if d.database != nil {
		_, _ = within(context.WithoutCancel(ctx), func(context.Context) (any, error) { return nil, d.database.Close() })
	}
}

var errNoAnswer = errors.New("no answer within " + AnswerTime.String())

// within calls ask and waits up to AnswerTime, even if ask ignores its context, as some drivers do while they connect.
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
