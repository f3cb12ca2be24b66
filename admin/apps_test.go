package admin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
)

func newApp(id string) identity.App {
	return identity.App{ID: id, Kind: identity.KindMiniProgram, Secret: secret}
}

func TestAppIsStoredUnderThePlatformOfItsAppID(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	app := newApp(appID)
	app.Name, app.PhoneBudget, app.Secret = "Shop", 3, " "+secret+" \r"
	require.NoError(t, e.apps.Add(ctx, operator, app))
	require.NoError(t, e.apps.Add(ctx, operator, newApp(qqID)))
	kept, err := e.database.Apps().Find(ctx, identity.PlatformWechat, appID)
	require.NoError(t, err)
	require.Equal(t, secret, kept.Secret.Reveal())

	require.NoError(t, e.apps.RotateSecret(ctx, operator, qqID, "another-secret"))
	require.NoError(t, e.apps.SetOpenPlatform(ctx, operator, appID, "main"))
	require.NoError(t, e.apps.SetPhoneBudget(ctx, operator, appID, -1))
	qq, err := e.database.Apps().Find(ctx, identity.PlatformQQ, qqID)
	require.NoError(t, err)
	require.Equal(t, "another-secret", qq.Secret.Reveal())

	shown, err := e.apps.List(ctx, operator)
	require.NoError(t, err)
	require.Len(t, shown, 2)
	for _, view := range shown {
		if view.ID == appID {
			require.Equal(t, "main", view.OpenPlatform)
			require.Equal(t, "Shop", view.Name)
			require.Equal(t, -1, view.Phones.Budget)
		} else {
			require.Equal(t, identity.PlatformQQ, view.Platform)
		}
	}
}

func TestRejectedApps(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	requireFieldOf(t, e.apps.Add(ctx, operator, newApp("wx1")), "appid")
	website := newApp(qqID)
	website.Kind = identity.KindWebsite
	requireFieldOf(t, e.apps.Add(ctx, operator, website), "kind")
	costly := newApp(qqID)
	costly.PhoneBudget = 1
	requireFieldOf(t, e.apps.Add(ctx, operator, costly), "phone_budget")
	secretless := newApp(appID)
	secretless.Secret = "two words"
	requireField(t, e.apps.Add(ctx, operator, secretless), "secret", "this is not an AppSecret")
	shown, err := e.apps.List(ctx, operator)
	require.NoError(t, err)
	require.Empty(t, shown)

	require.NoError(t, e.apps.Add(ctx, operator, newApp(appID)))
	err = e.apps.Add(ctx, operator, newApp(appID))
	requireRefused(t, err, "app "+appID+" already exists; to change its secret use: lingpai apps rotate-secret "+
		appID)
	require.ErrorIs(t, err, identity.ErrExists)
	requireField(t, e.apps.RotateSecret(ctx, operator, appID, ""), "secret", "this is not an AppSecret")
	require.NoError(t, e.apps.Add(ctx, operator, newApp(qqID)))
	requireField(t, e.apps.SetPhoneBudget(ctx, operator, qqID, 5), "phone_budget", "only WeChat mini-programs")
	requireField(t, e.apps.SetPhoneBudget(ctx, operator, appID, -2), "phone_budget", "or -1 for no limit")

	requireUnknown(t, e.apps.RotateSecret(ctx, operator, otherApp, secret), "app", otherApp)
	requireUnknown(t, e.apps.SetOpenPlatform(ctx, operator, otherApp, "main"), "app", otherApp)
	requireUnknown(t, e.apps.SetPhoneBudget(ctx, operator, otherApp, 1), "app", otherApp)
}

func TestUpdateAnApp(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	app := newApp(appID)
	app.Name = "Shop"
	require.NoError(t, e.apps.Add(ctx, operator, app))
	_, err := e.clients.Create(ctx, operator, identity.Client{ID: "shop", Grants: []string{"wechat_code"},
		Apps: []string{appID}})
	require.NoError(t, err)
	app, err = e.apps.Find(ctx, operator, appID)
	require.NoError(t, err)
	require.Empty(t, app.Secret.Reveal())
	app.OpenPlatform, app.PhoneBudget, app.Secret = "main", 5, "another-secret"
	changes, err := e.apps.Update(ctx, operator, app)
	require.NoError(t, err)
	require.Equal(t, []admin.Change{{Field: "open_platform", Before: "", After: "main"},
		{Field: "phone_budget", Before: 0, After: 5}}, changes)
	kept, err := e.database.Apps().Find(ctx, identity.PlatformWechat, appID)
	require.NoError(t, err)
	require.Equal(t, secret, kept.Secret.Reveal())
	require.Equal(t, "main", kept.OpenPlatform)
	require.Equal(t, "Shop", kept.Name)
	changes, err = e.apps.Update(ctx, operator, app)
	require.NoError(t, err)
	require.Empty(t, changes)

	bad := app
	bad.Kind = "game"
	_, err = e.apps.Update(ctx, operator, bad)
	requireFieldOf(t, err, "kind")
	bad.Kind, bad.PhoneBudget = identity.KindWebsite, 0
	_, err = e.apps.Update(ctx, operator, bad) // codes of which pass through browsers
	requireRefused(t, err, appID+" is an app of shop: apps: "+appID+" is not for a public client: codes of an app of "+
		"kind website pass through browsers")
	_, err = e.apps.Update(ctx, operator, newApp(otherApp))
	requireUnknown(t, err, "app", otherApp)
	again, err := e.database.Apps().Find(ctx, identity.PlatformWechat, appID)
	require.NoError(t, err)
	require.Equal(t, kept, again)
	require.NoError(t, e.clients.Disable(ctx, operator, "shop"))
	_, err = e.apps.Update(ctx, operator, bad)
	require.NoError(t, err, "the client is disabled")
	require.Len(t, e.recordedOf(t, identity.EventAppUpdated), 2, "what changes nothing is no event")
}

func TestRemoveAnApp(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	require.NoError(t, e.apps.Add(ctx, operator, newApp(appID)))
	for _, id := range []string{"shop", "desk", "gone"} {
		_, err := e.clients.Create(ctx, operator, identity.Client{ID: id, Grants: []string{"wechat_code"},
			Apps: []string{appID}})
		require.NoError(t, err)
	}
	require.NoError(t, e.clients.Disable(ctx, operator, "gone"))
	_, err := e.apps.Remove(ctx, operator, appID, false)
	requireRefused(t, err, appID+" is an app of desk, shop: sign-ins of their users would fail")
	_, err = e.apps.Find(ctx, operator, appID)
	require.NoError(t, err)

	names, err := e.apps.Remove(ctx, operator, appID, true)
	require.NoError(t, err)
	require.Equal(t, []string{"desk", "shop"}, names)
	_, err = e.apps.Remove(ctx, operator, appID, true)
	requireUnknown(t, err, "app", appID)
	_, err = e.apps.Find(ctx, operator, appID)
	requireUnknown(t, err, "app", appID)

	require.NoError(t, e.apps.Add(ctx, operator, newApp(otherApp)))
	names, err = e.apps.Remove(ctx, operator, otherApp, false)
	require.NoError(t, err)
	require.Empty(t, names)
}
