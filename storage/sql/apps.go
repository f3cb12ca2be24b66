package sql

import (
	"context"
	"errors"
	"fmt"

	"github.com/lingpai/lingpai/identity"
)

// sealAppSecret is the purpose under which AppSecrets are sealed; the place is platform/id.
const sealAppSecret = "app-secret"

// Apps implements identity.Apps.
type Apps struct{ db *DB }

var _ identity.Apps = (*Apps)(nil)

// Apps returns the database's apps.
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
	now, err := a.db.Clock(ctx)
	if err != nil {
		return err
	}
	row := appRow{app.Platform, app.ID, app.Kind, app.Name, sealed, app.OpenPlatform, now.UnixMilli(),
		int64(app.PhoneBudget)}
	return wrote(a.db.write.WithContext(ctx).Create(&row))
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
	app := row.app()
	if a.db.ring == nil {
		return app, nil
	}
	secret, err := a.db.ring.Open(sealAppSecret, platform+"/"+id, row.SealedSecret)
	if err != nil {
		return identity.App{}, fmt.Errorf(
			"%w: cannot open the AppSecret of %s, perhaps since master_key (LINGPAI_MASTER_KEY) is not the "+
				"one it was kept with: %w", identity.ErrUnusable, id, err)
	}
	app.Secret = identity.Secret(secret)
	return app, nil
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
	return changed(a.db.write.WithContext(ctx).Exec(
		"UPDATE apps SET sealed_secret = ? WHERE platform = ? AND id = ?", sealed, platform, id))
}

// SetOpenPlatform implements identity.Apps.
func (a *Apps) SetOpenPlatform(ctx context.Context, platform, id, openPlatform string) error {
	if storable(platform, id) != nil {
		return identity.ErrNotFound
	}
	if err := storable(openPlatform); err != nil {
		return err
	}
	return changed(a.db.write.WithContext(ctx).Exec(
		"UPDATE apps SET open_platform = ? WHERE platform = ? AND id = ?", openPlatform, platform, id))
}

func (a *Apps) seal(platform, id string, secret identity.Secret) ([]byte, error) {
	if a.db.ring == nil {
		return nil, errors.New("an AppSecret cannot be kept without master_key (LINGPAI_MASTER_KEY)")
	}
	return a.db.ring.Seal(sealAppSecret, platform+"/"+id, []byte(secret.Reveal()))
}

// Rewrap seals anew the AppSecrets that an older master key sealed, and returns how many. One that is
// replaced meanwhile is left as its new owner sealed it.
func (a *Apps) Rewrap(ctx context.Context) (count int, err error) {
	rows, err := scanAll[appRow](a.db.read.WithContext(ctx), "SELECT * FROM apps ORDER BY platform, id")
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if a.db.ring != nil && !a.db.ring.Outdated(row.SealedSecret) {
			continue
		}
		app, err := a.Find(ctx, row.Platform, row.ID)
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
