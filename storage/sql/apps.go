package sql

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// sealAppSecret is the purpose for which AppSecrets are sealed; the identity is platform/id.
const sealAppSecret = "app-secret"

// Apps implements identity.Apps.
type Apps struct{ db *DB }

var _ identity.Apps = (*Apps)(nil)

// Apps returns the store of apps.
func (db *DB) Apps() *Apps { return &Apps{db} }

type appRow struct {
	Platform     string
	ID           string
	Kind         string
	Name         string
	SealedSecret []byte
	OpenPlatform string
	CreatedAt    int64 `gorm:"autoCreateTime:false"`
	PhoneBudget  int64
}

func (appRow) TableName() string { return "apps" }

func (r appRow) app() identity.App {
	return identity.App{
		Platform: r.Platform, ID: r.ID, Kind: r.Kind, Name: r.Name, OpenPlatform: r.OpenPlatform,
		CreatedAt:   instant(&r.CreatedAt),
		PhoneBudget: int(r.PhoneBudget),
	}
}

// Add implements identity.Apps.
func (a *Apps) Add(ctx context.Context, app identity.App) error {
	if err := storable(app.Platform, app.ID, app.Kind, app.Name, app.OpenPlatform); err != nil {
		return err
	}
	sealed, err := a.seal(app.Platform, app.ID, app.Secret)
	if err != nil {
		return err
	}
	return withEvent(ctx, a.db, appEvent(identity.EventAppAdded, app.Platform, app.ID),
		func(tx *gorm.DB, now time.Time) error {
			return wrote(tx.Create(&appRow{app.Platform, app.ID, app.Kind, app.Name, sealed, app.OpenPlatform,
				now.UnixMilli(), int64(app.PhoneBudget)}))
		})
}

// appEvent returns an event about an app. Its detail names the app as the details of users' events do.
func appEvent(kind, platform, id string) identity.Event {
	return identity.Event{Kind: kind, Detail: platform + " " + id}
}

// update changes an app and records an event.
func (a *Apps) update(ctx context.Context, event identity.Event, statement string, values ...any) error {
	return withEvent(ctx, a.db, event, func(tx *gorm.DB, _ time.Time) error {
		return changed(tx.Exec("UPDATE apps SET "+statement+" WHERE platform = ? AND id = ?", values...))
	})
}

// Find implements identity.Apps.
func (a *Apps) Find(ctx context.Context, platform, id string) (identity.App, error) {
	var row appRow
	if storable(platform, id) != nil {
		return identity.App{}, identity.ErrNotFound
	}
	if err := one(a.db.read.WithContext(ctx).Raw("SELECT * FROM apps WHERE platform = ? AND id = ?", platform, id),
		&row); err != nil {
		return identity.App{}, err
	}
	return a.open(row)
}

// Closed returns the apps whose AppSecrets cannot be decrypted, without their secrets.
func (a *Apps) Closed(ctx context.Context) (closed []identity.App, err error) {
	rows, err := scanAll[appRow](a.db.read.WithContext(ctx), "SELECT * FROM apps ORDER BY platform, id")
	for _, row := range rows {
		if _, sealed := a.open(row); sealed != nil {
			closed = append(closed, row.app())
		}
	}
	return closed, err
}

// open returns an app with its secret, or without it if there is no ring.
func (a *Apps) open(row appRow) (identity.App, error) {
	app := row.app()
	if a.db.ring == nil {
		return app, nil
	}
	secret, err := a.db.ring.Open(sealAppSecret, row.Platform+"/"+row.ID, row.SealedSecret)
	if err != nil {
		return identity.App{}, fmt.Errorf(
			"%w: cannot decrypt the AppSecret of %s, possibly because it was encrypted with another master_key "+
				"(LINGPAI_MASTER_KEY): %w", identity.ErrUnusable, row.ID, err)
	}
	app.Secret = identity.Secret(secret)
	return app, nil
}

// Update implements identity.Apps.
func (a *Apps) Update(ctx context.Context, app identity.App) error {
	if storable(app.Platform, app.ID) != nil {
		return identity.ErrNotFound
	}
	if err := storable(app.Kind, app.Name, app.OpenPlatform); err != nil {
		return err
	}
	return a.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		var row appRow
		if err := one(tx.Raw("SELECT * FROM apps WHERE platform = ? AND id = ?"+a.db.dialect.forUpdate, app.Platform,
			app.ID), &row); err != nil {
			return err
		}
		stored := row.app()
		app.Secret, app.CreatedAt = stored.Secret, stored.CreatedAt
		changes := differences(stored, app)
		if len(changes) == 0 {
			return nil
		}
		if err := changed(tx.Exec("UPDATE apps SET kind = ?, name = ?, open_platform = ?, phone_budget = ? "+
			"WHERE platform = ? AND id = ?", app.Kind, app.Name, app.OpenPlatform, int64(app.PhoneBudget), app.Platform,
			app.ID)); err != nil {
			return err
		}
		event := appEvent(identity.EventAppUpdated, app.Platform, app.ID)
		event.Detail += " " + strings.Join(changes, ", ")
		return recordEvent(tx, now, event)
	})
}

// Remove implements identity.Apps.
func (a *Apps) Remove(ctx context.Context, platform, id string) error {
	if storable(platform, id) != nil {
		return identity.ErrNotFound
	}
	return withEvent(ctx, a.db, appEvent(identity.EventAppRemoved, platform, id), func(tx *gorm.DB, _ time.Time) error {
		if err := changed(tx.Exec("DELETE FROM apps WHERE platform = ? AND id = ?", platform, id)); err != nil {
			return err
		}
		return wrote(tx.Exec("DELETE FROM pushes WHERE platform = ? AND app = ?", platform, id))
	})
}

// SetSecret implements identity.Apps.
func (a *Apps) SetSecret(ctx context.Context, platform, id string, secret identity.Secret) error {
	if storable(platform, id) != nil {
		return identity.ErrNotFound
	}
	sealed, err := a.seal(platform, id, secret)
	if err != nil {
		return err
	}
	return a.update(ctx, appEvent(identity.EventAppSecret, platform, id), "sealed_secret = ?", sealed, platform, id)
}

// SetOpenPlatform implements identity.Apps.
func (a *Apps) SetOpenPlatform(ctx context.Context, platform, id, openPlatform string) error {
	if storable(platform, id) != nil {
		return identity.ErrNotFound
	}
	if err := storable(openPlatform); err != nil {
		return err
	}
	return a.update(ctx, appEvent(identity.EventAppOpen, platform, id), "open_platform = ?", openPlatform, platform, id)
}

func (a *Apps) seal(platform, id string, secret identity.Secret) ([]byte, error) {
	if a.db.ring == nil {
		return nil, errors.New("an AppSecret cannot be stored without master_key (LINGPAI_MASTER_KEY)")
	}
	return a.db.ring.Seal(sealAppSecret, platform+"/"+id, []byte(secret.Reveal()))
}

// Rewrap reseals the AppSecrets, and the keys of pushes, that an older master key sealed, and returns their number. It
// does not touch a secret that is replaced in the meantime.
func (a *Apps) Rewrap(ctx context.Context) (int, error) {
	secrets, err := a.rewrap(ctx)
	if err != nil {
		return secrets, err
	}
	pushes, err := a.Pushes().rewrap(ctx)
	return secrets + pushes, err
}

func (a *Apps) rewrap(ctx context.Context) (count int, err error) {
	rows, err := scanAll[appRow](a.db.read.WithContext(ctx), "SELECT * FROM apps ORDER BY platform, id")
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if a.db.ring != nil && !a.db.ring.Outdated(row.SealedSecret) {
			continue
		}
		app, err := a.Find(ctx, row.Platform, row.ID)
		if errors.Is(err, identity.ErrNotFound) { // removed in the meantime
			continue
		}
		if err != nil {
			return count, err
		}
		sealed, err := a.seal(row.Platform, row.ID, app.Secret)
		if err != nil {
			return count, err
		}
		result := a.db.write.WithContext(ctx).Exec(
			"UPDATE apps SET sealed_secret = ? WHERE platform = ? AND id = ? AND sealed_secret = ?",
			sealed, row.Platform, row.ID, row.SealedSecret)
		if err := wrote(result); err != nil {
			return count, err
		}
		count += int(result.RowsAffected)
	}
	return count, nil
}

// List implements identity.Apps.
func (a *Apps) List(ctx context.Context) ([]identity.App, error) {
	return listed(a.db.read.WithContext(ctx), appRow.app, "SELECT * FROM apps ORDER BY platform, id")
}

// beijing is the time zone by which WeChat bills phone numbers. Its offset has been constant since 1991, so no time
// zone database is needed.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// SetPhoneBudget implements identity.Apps.
func (a *Apps) SetPhoneBudget(ctx context.Context, platform, id string, budget int) error {
	if storable(platform, id) != nil {
		return identity.ErrNotFound
	}
	event := appEvent(identity.EventAppPhoneBudget, platform, id)
	event.Detail += " " + strconv.Itoa(budget)
	return a.update(ctx, event, "phone_budget = ?", int64(budget), platform, id)
}

// spendPhone counts and checks in one statement, so each of several parallel calls sees the counts of those before
// it.
const spendPhone = `INSERT INTO phone_uses (platform, app, month, used) SELECT platform, id, CAST(? AS TEXT), 1
	FROM apps
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
	_, err = a.phoneUse(ctx, platform, id, month) // ErrNotFound if there is no such app
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

// month returns the current month by the store's clock, such as 2026-11.
func (a *Apps) month(ctx context.Context) (string, error) {
	now, err := a.db.Clock(ctx)
	return now.In(beijing).Format("2006-01"), err
}
