package identity

import (
	"context"
	"time"
)

// KindMiniProgram is an app whose codes come from wx.login and never travel through a browser.
const KindMiniProgram = "mini-program"

// App is an app registered at a platform, whose codes we can trade there.
type App struct {
	Platform     string
	ID           string // WeChat's AppID
	Kind         string
	Name         string
	Secret       Secret // WeChat's AppSecret, sealed at rest; empty when the store was opened without master key
	OpenPlatform string // the Open Platform account that it is bound to; empty: none
	CreatedAt    time.Time
}

// Apps is what a store does for apps.
type Apps interface {
	// Add keeps a new app and seals its secret. ErrExists.
	Add(ctx context.Context, app App) error
	// Find returns ErrNotFound for an unknown app.
	Find(ctx context.Context, platform, id string) (App, error)
	// SetSecret replaces the secret. ErrNotFound.
	SetSecret(ctx context.Context, platform, id string, secret Secret) error
	// SetOpenPlatform names the Open Platform account that the app is bound to; empty: none. ErrNotFound.
	SetOpenPlatform(ctx context.Context, platform, id, openPlatform string) error
	// List returns all apps, without their secrets.
	List(ctx context.Context) ([]App, error)
}
