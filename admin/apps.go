package admin

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// Apps manages apps of platforms, whose codes can be traded. It is safe for parallel use.
type Apps struct{ apps identity.Apps }

// NewApps returns what manages the apps of a store.
func NewApps(store identity.Apps) *Apps { return &Apps{store} }

// Add keeps an app whose record obeys [clients.CheckApp], with its secret, at the platform that its AppID tells.
// Errors: clients.FieldErrors, clients.FieldError of the secret; RefusedError with identity.ErrExists: it is there.
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
		return refused(err, "app %s is there already; to change its secret use: lingpai apps rotate-secret %s", app.ID,
			app.ID)
	}
	return err
}

// List returns all apps with the phone numbers that each has got in this month.
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

// RotateSecret replaces an app's AppSecret by another that its platform made. UnknownError; clients.FieldError of the
// secret.
func (a *Apps) RotateSecret(ctx context.Context, actor identity.Actor, id string, secret identity.Secret) error {
	secret, err := clients.ParseAppSecret(secret.Reveal())
	if err != nil {
		return err
	}
	err = a.apps.SetSecret(identity.WithActor(ctx, actor), clients.PlatformOf(id), id, secret)
	return unknown(err, "app", id)
}

// SetOpenPlatform names the Open Platform account that an app was bound to; empty: none. UnknownError.
func (a *Apps) SetOpenPlatform(ctx context.Context, actor identity.Actor, id, openPlatform string) error {
	err := a.apps.SetOpenPlatform(identity.WithActor(ctx, actor), clients.PlatformOf(id), id, openPlatform)
	return unknown(err, "app", id)
}

// SetPhoneBudget bounds how many phone numbers a month an app may get: 0 none, -1 no bound. UnknownError;
// clients.FieldErrors.
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

// AppView is an app as operators see it.
type AppView struct {
	ID           string       `json:"appid"`
	Platform     string       `json:"platform"`
	Kind         string       `json:"kind"`
	Name         string       `json:"name,omitempty"`
	OpenPlatform string       `json:"open_platform,omitempty"`
	Phones       PhoneUseView `json:"phone_numbers"`
	CreatedAt    string       `json:"created_at"`
}

// PhoneUseView is how many phone numbers an app has got in a month, as operators see it.
type PhoneUseView struct {
	Month  string `json:"month"` // 2026-11, in Beijing
	Used   int    `json:"used"`
	Budget int    `json:"budget"` // 0: none, negative: no bound
}
