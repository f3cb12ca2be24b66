package memory

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// cachedApps is an identity.Apps with cached look-ups.
type cachedApps struct {
	identity.Apps
	byID records[identity.App]
}

// CacheApps saves sign-ins a look-up in the database and the decryption of the secret. Changes through the returned
// store are visible immediately, all others after age at the latest.
func CacheApps(apps identity.Apps, age time.Duration) identity.Apps {
	return cachedApps{apps, newRecords[identity.App](age)}
}

func appKey(platform, id string) string { return platform + "/" + id }

// Find implements identity.Apps.
func (c cachedApps) Find(ctx context.Context, platform, id string) (identity.App, error) {
	return c.byID.find(ctx, appKey(platform, id), func(ctx context.Context) (identity.App,
		error) {
		return c.Apps.Find(ctx, platform, id)
	})
}

// Add implements identity.Apps.
func (c cachedApps) Add(ctx context.Context, app identity.App) error {
	return c.byID.forget(c.Apps.Add(ctx, app), appKey(app.Platform, app.ID))
}

// Update implements identity.Apps.
func (c cachedApps) Update(ctx context.Context, app identity.App) error {
	return c.byID.forget(c.Apps.Update(ctx, app), appKey(app.Platform, app.ID))
}

// Remove implements identity.Apps.
func (c cachedApps) Remove(ctx context.Context, platform, id string) error {
	return c.byID.forget(c.Apps.Remove(ctx, platform, id), appKey(platform, id))
}

// SetSecret implements identity.Apps.
func (c cachedApps) SetSecret(ctx context.Context, platform, id string, secret identity.Secret) error {
	return c.byID.forget(c.Apps.SetSecret(ctx, platform, id, secret), appKey(platform, id))
}

// SetOpenPlatform implements identity.Apps.
func (c cachedApps) SetOpenPlatform(ctx context.Context, platform, id, openPlatform string) error {
	return c.byID.forget(c.Apps.SetOpenPlatform(ctx, platform, id, openPlatform), appKey(platform, id))
}

// SetPhoneBudget implements identity.Apps.
func (c cachedApps) SetPhoneBudget(ctx context.Context, platform, id string, budget int) error {
	return c.byID.forget(c.Apps.SetPhoneBudget(ctx, platform, id, budget), appKey(platform, id))
}
