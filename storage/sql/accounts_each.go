package sql

import (
	"context"

	"github.com/lingpai/lingpai/identity"
)

// accountPage is how many accounts are read at once.
const accountPage = 1000

// Each calls do for every account at a platform, in the order of their keys. What is added meanwhile
// may be missed.
func (a *Accounts) Each(ctx context.Context, platform string, do func(identity.AccountKey) error) error {
	after := accountRow{}
	for {
		var rows []accountRow
		err := a.db.read.WithContext(ctx).Raw(`SELECT app, subject FROM accounts WHERE platform = ? AND (app, subject) > (?, ?)
			ORDER BY app, subject LIMIT ?`, platform, after.App, after.Subject, accountPage).Scan(&rows).Error
		if err != nil {
			return ended(ctx, err)
		}
		for _, row := range rows {
			if err := do(identity.AccountKey{Platform: platform, App: row.App, Subject: row.Subject}); err != nil {
				return err
			}
		}
		if len(rows) < accountPage {
			return nil
		}
		after = rows[len(rows)-1]
	}
}
