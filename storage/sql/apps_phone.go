package sql

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// beijing is where WeChat charges for phone numbers. It has had no other time since 1991, and needs no table of zones.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// SetPhoneBudget implements identity.Apps.
func (a *Apps) SetPhoneBudget(ctx context.Context, platform, id string, budget int) error {
	if storable(platform, id) != nil {
		return identity.ErrNotFound
	}
	return changed(a.db.write.WithContext(ctx).Exec(
		"UPDATE apps SET phone_budget = ? WHERE platform = ? AND id = ?", int64(budget), platform, id))
}

// spendPhone counts and judges in one statement: of parallel ones each sees what the one before it has counted.
const spendPhone = `INSERT INTO phone_uses (platform, app, month, used) SELECT platform, id, CAST(? AS TEXT), 1 FROM apps
		WHERE platform = ? AND id = ? AND phone_budget <> 0
	ON CONFLICT (platform, app, month) DO UPDATE SET used = phone_uses.used + 1
		WHERE EXISTS (SELECT 1 FROM apps a WHERE a.platform = phone_uses.platform AND a.id = phone_uses.app
			AND (a.phone_budget < 0 OR phone_uses.used < a.phone_budget))`

// SpendPhone implements identity.Apps.
func (a *Apps) SpendPhone(ctx context.Context, platform, id string) (bool, error) {
	if storable(platform, id) != nil {
		return false, identity.ErrNotFound
	}
	month, err := a.month(ctx)
	if err != nil {
		return false, err
	}
	result := a.db.write.WithContext(ctx).Exec(spendPhone, month, platform, id)
	if err := wrote(result); err != nil {
		return false, err
	}
	if result.RowsAffected > 0 {
		return true, nil
	}
	_, err = a.phoneUse(ctx, platform, id, month) // there may be no such app
	return false, err
}

// RefundPhone implements identity.Apps.
func (a *Apps) RefundPhone(ctx context.Context, platform, id string) error {
	if storable(platform, id) != nil {
		return nil // nothing was counted
	}
	month, err := a.month(ctx)
	if err != nil {
		return err
	}
	return wrote(a.db.write.WithContext(ctx).Exec(
		"UPDATE phone_uses SET used = used - 1 WHERE platform = ? AND app = ? AND month = ? AND used > 0",
		platform, id, month))
}

// PhoneUse implements identity.Apps.
func (a *Apps) PhoneUse(ctx context.Context, platform, id string) (identity.PhoneUse, error) {
	if storable(platform, id) != nil {
		return identity.PhoneUse{}, identity.ErrNotFound
	}
	month, err := a.month(ctx)
	if err != nil {
		return identity.PhoneUse{}, err
	}
	return a.phoneUse(ctx, platform, id, month)
}

func (a *Apps) phoneUse(ctx context.Context, platform, id, month string) (identity.PhoneUse, error) {
	var row struct{ Budget, Used int64 }
	err := one(a.db.read.WithContext(ctx).Raw(`SELECT a.phone_budget AS budget, coalesce(u.used, 0) AS used
		FROM apps a LEFT JOIN phone_uses u ON u.platform = a.platform AND u.app = a.id AND u.month = ?
		WHERE a.platform = ? AND a.id = ?`, month, platform, id), &row)
	if err != nil {
		return identity.PhoneUse{}, err
	}
	return identity.PhoneUse{Month: month, Used: int(row.Used), Budget: int(row.Budget)}, nil
}

// month is the one that the store's clock is in, such as 2026-11.
func (a *Apps) month(ctx context.Context) (string, error) {
	now, err := a.db.Clock(ctx)
	return now.In(beijing).Format("2006-01"), err
}
