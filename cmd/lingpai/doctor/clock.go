package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/storage/sql"
)

// brokenSkew is more than most verifiers tolerate.
const brokenSkew = time.Minute

// checkClock compares this machine's clock with those of the database and of WeChat. SQLite has no clock of its own.
func (d *doctor) checkClock(ctx context.Context) {
	compared := false
	if d.database != nil && d.settings.DatabaseFile() == "" {
		compared = true
		if ahead, err := within(ctx, func(ctx context.Context) (time.Duration, error) {
			return aheadOf(ctx, d.database)
		}); err != nil {
			d.report.fault("the database did not return the time: "+d.report.words(err), checkDatabaseURL)
		} else {
			d.report.judgeClock("the clock of the database", ahead)
		}
	}
	if d.wechat.ahead != nil {
		d.report.judgeClock("the clock of "+d.describePlatform(), *d.wechat.ahead)
		compared = true
	}
	if !compared {
		d.report.skipped("not checked, since there is no other clock to compare with")
	}
}

func aheadOf(ctx context.Context, database *sql.DB) (time.Duration, error) {
	began := time.Now()
	now, err := database.Clock(ctx)
	return server.ClockAhead(began, time.Now(), now), err
}

func (r *report) judgeClock(other string, ahead time.Duration) {
	skew, direction := ahead.Abs(), "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	found := fmt.Sprintf("this machine's clock is %s %s %s", skew.Round(time.Second), direction, other)
	const advice = "let NTP set the clocks (on Linux: timedatectl set-ntp true)"
	switch {
	case skew > brokenSkew:
		r.fault(found+": services would reject tokens as expired or not yet valid", advice)
	case skew > server.ClockTolerance:
		r.warning(found, advice)
	default:
		r.ok("this machine's clock agrees with " + other)
	}
}
