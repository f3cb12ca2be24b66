package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

// answerTime is how long doctor waits for each answer of a database, of Redis or of WeChat.
const answerTime = 5 * time.Second

func newDoctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at all that serve needs, and say what to do where something is wrong",
		Long: `Look at all that "lingpai serve" needs, with the same configuration: settings, database, Redis, keys, WeChat, clocks, apps
and clients. Each finding is one line: ok, warning, fault, or skipped. Below a warning or a fault stands what to do.

Nothing is changed. WeChat is called once for each app, with a code that cannot be one; Redis keeps one random key for a
moment. The exit status is 1 if there is a fault.`,
		Example: "  lingpai doctor --config lingpai.yaml\n  lingpai doctor --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(cmd); err != nil {
				return err
			}
			return examine(cmd.Context(), newDoctor(cmd))
		},
	}
	settings.AddFlags(cmd)
	return addOutputFlag(cmd)
}

// doctor is what is known of the house so far.
type doctor struct {
	report   *report
	config   config
	faults   []error // of the configuration
	database *sql.DB // nil: not open
	migrated bool
	wechat   upstream
}

func newDoctor(cmd *cobra.Command) *doctor {
	c, err := loadConfig(cmd, terms{Demands: []settings.Demand{{Key: "server.issuer", Check: settings.CheckIssuer},
		{Key: "master_key", Check: settings.RequireMasterKey}}})
	return &doctor{config: c, faults: settings.Problems(err), report: newReport(cmd, c)}
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

// examine makes all checks, one after the other.
func examine(ctx context.Context, d *doctor) error {
	defer d.close(ctx)
	for _, check := range d.checks() {
		d.report.check = check.name
		if why := d.obstacle(check); why != "" {
			d.report.skipped("not checked, since " + why)
			continue
		}
		check.look(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("stopped: %w", context.Cause(ctx))
		}
	}
	return d.report.end()
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

// faulty says whether a setting could not be taken.
func (d *doctor) faulty(key string) bool {
	return slices.ContainsFunc(d.faults, func(fault error) bool { return strings.HasPrefix(fault.Error(), key+" (") })
}

func (d *doctor) close(ctx context.Context) {
	if d.database != nil {
		_, _ = within(context.WithoutCancel(ctx), func(context.Context) (any, error) { return nil, d.database.Close() })
	}
}

var errNoAnswer = errors.New("no answer within " + answerTime.String())

// within gives a question its time. It waits no longer even for what does not look at its context, such as a
// driver that connects.
func within[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, errNoAnswer)
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
