package admin

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// Apps manages the apps of platforms, whose codes clients exchange. It is safe for concurrent use.
type Apps struct{ apps identity.Apps }

// NewApps returns an Apps for a store.
func NewApps(store identity.Apps) *Apps { return &Apps{store} }

// Add adds an app with its secret. It sets the platform, which it recognizes by the AppID. It returns the errors of
// [clients.CheckApp] and [clients.ParseAppSecret], and RefusedError with identity.ErrExists if the app exists.
func (a *Apps) Add(ctx context.Context, actor identity.Actor, app identity.App) error {
	app.Platform = clients.PlatformOf(app.ID)
	if err := clients.CheckApp(app); err != nil {
		return err
	}
	secret, err := clients.ParseAppSecret(app.Secret.Reveal())
	if err != nil {
		return err
	}
	app.Secret = secret
	err = a.apps.Add(identity.WithActor(ctx, actor), app)
	if errors.Is(err, identity.ErrExists) {
		return refused(err, "app %s already exists; to change its secret use: lingpai apps rotate-secret %s", app.ID,
			app.ID)
	}
	return err
}

// List returns all apps, with the number of phone numbers that each has used this month.
func (a *Apps) List(ctx context.Context, actor identity.Actor) ([]AppView, error) {
	ctx = identity.WithActor(ctx, actor)
	apps, err := a.apps.List(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]AppView, len(apps))
	for n, app := range apps {
		use, err := a.apps.PhoneUse(ctx, app.Platform, app.ID)
		if err != nil {
			return nil, err
		}
		views[n] = AppView{app.ID, app.Platform, app.Kind, app.Name, app.OpenPlatform, PhoneUseView(use),
			instant(app.CreatedAt)}
	}
	return views, nil
}

// RotateSecret sets an app's new AppSecret. It returns UnknownError if there is no such app, and clients.FieldError if
// the secret is malformed.
func (a *Apps) RotateSecret(ctx context.Context, actor identity.Actor, id string, secret identity.Secret) error {
	secret, err := clients.ParseAppSecret(secret.Reveal())
	if err != nil {
		return err
	}
	err = a.apps.SetSecret(identity.WithActor(ctx, actor), clients.PlatformOf(id), id, secret)
	return unknown(err, "app", id)
}

// SetOpenPlatform sets the name of the Open Platform account that an app is bound to; "" means none. It returns
// UnknownError if there is no such app.
func (a *Apps) SetOpenPlatform(ctx context.Context, actor identity.Actor, id, openPlatform string) error {
	err := a.apps.SetOpenPlatform(identity.WithActor(ctx, actor), clients.PlatformOf(id), id, openPlatform)
	return unknown(err, "app", id)
}

// SetPhoneBudget limits how many phone numbers an app may get in a month; 0 means none, -1 no limit. It returns
// UnknownError if there is no such app, and clients.FieldErrors if it cannot have the budget.
func (a *Apps) SetPhoneBudget(ctx context.Context, actor identity.Actor, id string, budget int) error {
	ctx = identity.WithActor(ctx, actor)
	app, err := a.apps.Find(ctx, clients.PlatformOf(id), id)
	if err != nil {
		return unknown(err, "app", id)
	}
	app.PhoneBudget = budget
	if err := clients.CheckPhoneBudget(app); err != nil {
		return err
	}
	return unknown(a.apps.SetPhoneBudget(ctx, app.Platform, app.ID, budget), "app", id)
}

// AppView is an app in the form that operators see.
type AppView struct {
	ID           string       `json:"appid"`
	Platform     string       `json:"platform"`
	Kind         string       `json:"kind"`
	Name         string       `json:"name,omitempty"`
	OpenPlatform string       `json:"open_platform,omitempty"`
	Phones       PhoneUseView `json:"phone_numbers"`
	CreatedAt    string       `json:"created_at"`
}

// PhoneUseView is how many phone numbers an app has used in a month.
type PhoneUseView struct {
	Month  string `json:"month"` // 2006-01, in Beijing time
	Used   int    `json:"used"`
	Budget int    `json:"budget"` // 0 means none, negative no limit
}
