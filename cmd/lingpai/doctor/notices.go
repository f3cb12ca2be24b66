package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

const (
	lateNotice    = time.Hour // a notice was sent six times by then
	givenUpPeriod = 24 * time.Hour
)

// checkNotices warns about clients that were not told that sessions have ended, whose users are still signed in there.
func checkNotices(ctx context.Context, report *report, database *sql.DB) {
	clients, err := within(ctx, func(ctx context.Context) ([]sql.UndeliveredNotices, error) {
		return database.LogoutNotices().Undelivered(ctx, lateNotice, givenUpPeriod)
	})
	if err != nil {
		report.fault("cannot be counted: "+report.words(err), checkDatabaseURL)
		return
	}
	if len(clients) == 0 {
		report.ok("all clients know which sessions have ended")
	}
	for _, client := range clients {
		report.judgeNotices(client)
	}
}

func (r *report) judgeNotices(client sql.UndeliveredNotices) {
	correct := "; correct the client's endpoint, or its address with: lingpai clients update " + client.ClientID +
		" --backchannel-logout-uri URI"
	if client.Waiting > 0 {
		advice := "the log of the servers says why (logout notice failed)" + correct
		if !client.Tried {
			advice = "servers send notices: start one with this database, with lingpai serve, or see its log"
		}
		r.warning(fmt.Sprintf("%s: %s not delivered, the oldest for %s", client.ClientID,
			terminal.Plural(client.Waiting, "logout notice"), short(client.Oldest.Truncate(time.Minute))), advice)
	}
	if client.GivenUp > 0 {
		r.warning(fmt.Sprintf("%s: %s given up within a day, so users may still be signed in there", client.ClientID,
			terminal.Plural(client.GivenUp, "logout notice")),
			"see why with: lingpai events list --kind "+identity.EventNoticeUndelivered+" --client "+client.ClientID+
				correct)
	}
}
