package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// Apps manages the apps of platforms, whose codes clients exchange. It is safe for concurrent use.
type Apps struct {
	apps    identity.Apps
	clients identity.Clients
}

// NewApps returns an Apps for a store.
func NewApps(store identity.Apps, clients identity.Clients) *Apps { return &Apps{store, clients} }

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
	views := make([]AppView, 0, len(apps))
	for _, app := range apps {
		use, err := a.apps.PhoneUse(ctx, app.Platform, app.ID)
		if errors.Is(err, identity.ErrNotFound) { // removed in the meantime
			continue
		}
		if err != nil {
			return nil, err
		}
		views = append(views, AppView{app.ID, app.Platform, app.Kind, app.Name, app.OpenPlatform, PhoneUseView(use),
			instant(app.CreatedAt)})
	}
	return views, nil
}

// Find returns an app, without its secret. It returns UnknownError if there is none.
func (a *Apps) Find(ctx context.Context, actor identity.Actor, id string) (identity.App, error) {
	apps, err := a.apps.List(identity.WithActor(ctx, actor))
	if err != nil {
		return identity.App{}, err
	}
	if n := slices.IndexFunc(apps, func(app identity.App) bool { return app.ID == id }); n >= 0 {
		return apps[n], nil
	}
	return identity.App{}, UnknownError{"app", id}
}

// Update replaces an app's record. The app's platform, secret and time stay. Update returns what it changed, which may
// be nothing. It returns UnknownError if there is no such app, the errors of [clients.CheckApp], and RefusedError if a
// client may not have an app of the new kind.
func (a *Apps) Update(ctx context.Context, actor identity.Actor, app identity.App) ([]Change, error) {
	before, err := a.Find(ctx, actor, app.ID)
	if err != nil {
		return nil, err
	}
	app.Platform, app.Secret, app.CreatedAt = before.Platform, before.Secret, before.CreatedAt
	if err := clients.CheckApp(app); err != nil {
		return nil, err
	}
	changes := changesOf(recordOf(before), recordOf(app))
	if len(changes) == 0 {
		return nil, nil
	}
	ctx = identity.WithActor(ctx, actor)
	if err := a.checkClients(ctx, app); err != nil {
		return nil, err
	}
	return changes, unknown(a.apps.Update(ctx, app), "app", app.ID)
}

// checkClients returns RefusedError if a client that may have an app as it is may not have it as it would be.
func (a *Apps) checkClients(ctx context.Context, app identity.App) error {
	having, err := a.clientsOf(ctx, app.ID)
	if err != nil {
		return err
	}
	before, err := a.apps.List(ctx)
	if err != nil {
		return err
	}
	after := slices.Clone(before)
	for n := range after {
		if after[n].ID == app.ID {
			after[n] = app
		}
	}
	for _, client := range having {
		err := clients.Check(client, after)
		if err != nil && fmt.Sprint(err) != fmt.Sprint(clients.Check(client, before)) {
			return refused(err, "%s is an app of %s: %v", app.ID, client.ID, err)
		}
	}
	return nil
}

// clientsOf returns the enabled clients that have an app.
func (a *Apps) clientsOf(ctx context.Context, id string) ([]identity.Client, error) {
	all, err := a.clients.List(ctx)
	return slices.DeleteFunc(slices.Clone(all), func(client identity.Client) bool {
		return client.Disabled() || !slices.Contains(client.Apps, id)
	}), err
}

// Remove deletes an app with its secret, and returns the ids of the enabled clients that have it, whose sign-ins with
// it fail from then on. The accounts of users at the app stay. Remove returns UnknownError if there is no such app,
// and RefusedError if an enabled client has it, unless force is true.
func (a *Apps) Remove(ctx context.Context, actor identity.Actor, id string, force bool) ([]string, error) {
	app, err := a.Find(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	ctx = identity.WithActor(ctx, actor)
	having, err := a.clientsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(having))
	for n, client := range having {
		names[n] = client.ID
	}
	if len(names) > 0 && !force {
		return nil, refused(nil, "%s is an app of %s: sign-ins of their users would fail", id,
			strings.Join(names, ", "))
	}
	return names, unknown(a.apps.Remove(ctx, app.Platform, id), "app", id)
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

// appRecord is the part of an app that an update replaces.
type appRecord struct {
	Kind         string `json:"kind"`
	Name         string `json:"name"`
	OpenPlatform string `json:"open_platform"`
	PhoneBudget  int    `json:"phone_budget"`
}

func recordOf(app identity.App) appRecord {
	return appRecord{app.Kind, app.Name, app.OpenPlatform, app.PhoneBudget}
}

// PhoneUseView is how many phone numbers an app has used in a month.
type PhoneUseView struct {
	Month  string `json:"month"` // 2006-01, in Beijing time
	Used   int    `json:"used"`
	Budget int    `json:"budget"` // 0 means none, negative no limit
}
