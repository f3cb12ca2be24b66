package identity

import (
	"context"
	"time"
)

// Kinds of apps. Codes of the first two never travel through a browser. Codes of the others do, so only confidential
// clients may exchange them.
const (
	KindMiniProgram     = "mini-program" // codes of wx.login, or of qq.login
	KindMobileApp       = "mobile-app"
	KindOfficialAccount = "official-account"
	KindWebsite         = "website"
)

// Kinds returns all kinds of apps.
func Kinds() []string {
	return []string{KindMiniProgram, KindMobileApp, KindOfficialAccount, KindWebsite}
}

// App is an app registered at a platform. The server exchanges its codes there.
type App struct {
	Platform     string
	ID           string // WeChat's AppID
	Kind         string
	Name         string
	Secret       Secret // WeChat's AppSecret, sealed at rest; empty if the store was opened without a master key
	OpenPlatform string // the Open Platform account that the app is bound to; empty: none
	CreatedAt    time.Time
	// PhoneBudget limits the phone numbers requested in a month, since each costs money; 0: none, negative: no limit.
	PhoneBudget int
}

// InBrowser reports whether the app's codes travel through a browser.
func (a App) InBrowser() bool { return a.Kind == KindOfficialAccount || a.Kind == KindWebsite }

// PhoneUse is how many phone numbers an app has received in a month.
type PhoneUse struct {
	Month  string // such as 2026-11, in Beijing time, by which they are billed
	Used   int
	Budget int // as in App
}

// Apps stores apps.
type Apps interface {
	// Add stores a new app and seals its secret. It returns ErrExists if the app is already registered.
	Add(ctx context.Context, app App) error
	// Find returns an app, or ErrNotFound.
	Find(ctx context.Context, platform, id string) (App, error)
	// Update replaces every field of an app's record but its platform, its id, its secret, and the time when it was
	// added. It returns ErrNotFound for an unknown app.
	Update(ctx context.Context, app App) error
	// Remove deletes an app with its secret, and its settings for pushes. The accounts of users at the app stay, and so
	// does the number of phone numbers that it has received this month, should it be added again. It returns
	// ErrNotFound for an unknown app.
	Remove(ctx context.Context, platform, id string) error
	// SetSecret replaces the secret. It returns ErrNotFound for an unknown app.
	SetSecret(ctx context.Context, platform, id string, secret Secret) error
	// SetOpenPlatform sets the Open Platform account that the app is bound to; empty: none. It returns ErrNotFound
	// for an unknown app.
	SetOpenPlatform(ctx context.Context, platform, id, openPlatform string) error
	// SetPhoneBudget sets App.PhoneBudget. It returns ErrNotFound for an unknown app.
	SetPhoneBudget(ctx context.Context, platform, id string, budget int) error
	// SpendPhone counts one phone number in the current month of the store's clock. It returns false if the budget is
	// used up, and ErrNotFound for an unknown app. Parallel callers never spend more than the budget.
	SpendPhone(ctx context.Context, platform, id string) (ok bool, err error)
	// RefundPhone reverses SpendPhone for a number that WeChat did not return.
	RefundPhone(ctx context.Context, platform, id string) error
	// PhoneUse returns what an app has used in the current month, or ErrNotFound.
	PhoneUse(ctx context.Context, platform, id string) (PhoneUse, error)
	// List returns all apps, without their secrets.
	List(ctx context.Context) ([]App, error)
}
