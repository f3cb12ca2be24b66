package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

// checkPushes reports for each app of WeChat whether it tells the server that users have withdrawn permissions.
func checkPushes(ctx context.Context, report *report, database *sql.DB) {
	apps, err := within(ctx, database.Apps().List)
	if err != nil {
		report.fault("cannot be listed: "+report.words(err), checkDatabaseURL)
		return
	}
	pushes, err := within(ctx, database.Apps().Pushes().List)
	if err != nil {
		report.fault("cannot be listed: "+report.words(err), checkDatabaseURL)
		return
	}
	refused, err := within(ctx, func(ctx context.Context) ([]identity.Event, error) {
		return database.Events().List(ctx, identity.EventsOf{Kind: identity.EventPushRefused}, 100)
	})
	if err != nil {
		report.fault("cannot be listed: "+report.words(err), checkDatabaseURL)
		return
	}
	apps = slices.DeleteFunc(apps, func(app identity.App) bool { return app.Platform != identity.PlatformWechat })
	if len(apps) == 0 {
		report.ok("there is no app of WeChat that could push messages")
	}
	for _, app := range apps {
		n := slices.IndexFunc(pushes, func(p identity.Push) bool {
			return p.Platform == app.Platform && p.App == app.ID
		})
		if n < 0 {
			report.ok("note: " + app.ID + ": WeChat pushes no messages, so the server does not learn that users " +
				"have withdrawn permissions there; to change that: lingpai apps push " + app.ID)
			continue
		}
		report.judgePush(pushes[n])
		report.judgeRefused(pushes[n], refused)
	}
	checkWithdrawals(ctx, report, database)
}

// lateWithdrawal is how long a notice may wait to be applied. Servers apply it at once.
const lateWithdrawal = 10 * time.Minute

// checkWithdrawals warns if what users have withdrawn is not applied in time.
func checkWithdrawals(ctx context.Context, report *report, database *sql.DB) {
	waiting, err := within(ctx, database.Apps().Pushes().WithdrawalNotices().Waiting)
	found := terminal.Plural(waiting.Notices, "message") + " about withdrawals at WeChat not applied yet"
	switch {
	case err != nil:
		report.fault("cannot be counted: "+report.words(err), checkDatabaseURL)
	case waiting.Oldest > lateWithdrawal:
		report.warning(found+", the oldest for "+short(waiting.Oldest.Truncate(time.Minute)),
			"servers apply them: start one with this database, with lingpai serve, or see its log (cannot apply)")
	case waiting.Notices > 0:
		report.ok("note: " + found)
	}
}

func (r *report) judgePush(push identity.Push) {
	show := "lingpai apps push " + push.App
	switch {
	case push.VerifiedAt.IsZero():
		r.warning(push.App+": WeChat has not verified the URL with the present Token, so it pushes nothing with it",
			"enter at WeChat what this prints: "+show)
	case push.ReceivedAt.IsZero():
		r.ok(fmt.Sprintf("%s: WeChat verified the URL at %s, and has pushed nothing yet", push.App,
			instant(push.VerifiedAt)))
	default:
		r.ok(fmt.Sprintf("%s: WeChat verified the URL at %s, and pushed a message last at %s", push.App,
			instant(push.VerifiedAt), instant(push.ReceivedAt)))
	}
	if push.Mode == identity.PushPlain {
		r.warning(push.App+": WeChat pushes messages in clear, and their signature does not cover them",
			"unless another program needs that: "+show+" --mode "+identity.PushSecure)
	}
}

// judgeRefused warns if what came last about an app was refused. The newest refusals are first.
func (r *report) judgeRefused(push identity.Push, refused []identity.Event) {
	n := slices.IndexFunc(refused, func(e identity.Event) bool {
		return strings.HasPrefix(e.Detail+" ", push.Platform+" "+push.App+" ")
	})
	if n >= 0 && refused[n].At.After(push.ReceivedAt) && refused[n].At.After(push.SetAt) {
		r.warning(fmt.Sprintf("%s: what was pushed at %s was refused: it is not from WeChat, or WeChat has another "+
			"Token, EncodingAESKey or mode than the server", push.App, instant(refused[n].At)),
			"compare what WeChat's console has with what this prints: lingpai apps push "+push.App)
	}
}

func instant(at time.Time) string { return at.UTC().Format(time.RFC3339) }
