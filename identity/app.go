package identity

import (
	"context"
	"time"
)

// Kinds of apps. Codes of the first two never travel through a browser; those of the others do, so only
// confidential clients may trade them.
const (
	KindMiniProgram     = "mini-program" // codes of wx.login, or of qq.login
	KindMobileApp       = "mobile-app"
	KindOfficialAccount = "official-account"
	KindWebsite         = "website"
)

// Kinds lists them.
func Kinds() []string {
	return []string{KindMiniProgram, KindMobileApp, KindOfficialAccount, KindWebsite}
}

// App is an app registered at a platform, whose codes we can trade there.
type App struct {
	Platform     string
	ID           string // WeChat's AppID
	Kind         string
	Name         string
	Secret       Secret // WeChat's AppSecret, sealed at rest; empty when the store was opened without master key
	OpenPlatform string // the Open Platform account that it is bound to; empty: none
	CreatedAt    time.Time
	// phone numbers that may be asked for in a month, since each costs money; 0: none, negative: no bound
	PhoneBudget int
}

// InBrowser says whether the app's codes travel through a browser.
func (a App) InBrowser() bool { return a.Kind == KindOfficialAccount || a.Kind == KindWebsite }

// PhoneUse is how many phone numbers an app has got in a month.
type PhoneUse struct {
	Month  string // 2026-11, in Beijing, where they are charged
	Used   int
	Budget int // as in App
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
	// SetPhoneBudget bounds how many phone numbers a month an app may get. ErrNotFound.
	SetPhoneBudget(ctx context.Context, platform, id string, budget int) error
	// SpendPhone counts one phone number in this month of the store's clock, unless the budget is used up. Of
	// any number of parallel callers no more than the budget get one. ErrNotFound.
	SpendPhone(ctx context.Context, platform, id string) (ok bool, err error)
	// RefundPhone takes back what SpendPhone counted for a number that WeChat did not give.
	RefundPhone(ctx context.Context, platform, id string) error
	// PhoneUse returns what an app has used in this month. ErrNotFound.
	PhoneUse(ctx context.Context, platform, id string) (PhoneUse, error)
	// List returns all apps, without their secrets.
	List(ctx context.Context) ([]App, error)
}
