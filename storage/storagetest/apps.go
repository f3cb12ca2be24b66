package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func apps() []testCase {
	return []testCase{
		{"an app is found as added", appIsFound},
		{"an app's id is taken once at each platform", appIsTaken},
		{"of parallel additions of one app one wins", often(parallelApps)},
		{"an unknown app is not found", unknownApp},
		{"a new secret replaces the old one", appSecretIsReplaced},
		{"an app is bound to an Open Platform account later", appIsBound},
		{"the list has every app and no secret", listOfApps},
	}
}

func newApp() identity.App {
	return identity.App{
		Platform: identity.PlatformWechat, ID: newName(), Kind: identity.KindMiniProgram, Name: "小程序",
		Secret:       "simulator-secret",
		OpenPlatform: "op",
	}
}

func (f fixture) app(t *testing.T, platform, id string) identity.App {
	t.Helper()
	found, err := f.Apps.Find(t.Context(), platform, id)
	require.NoError(t, err)
	return found
}

func appIsFound(t *testing.T, f fixture) {
	app := newApp()
	_, err := f.Apps.Find(t.Context(), app.Platform, app.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.NoError(t, f.Apps.Add(t.Context(), app))
	found := f.app(t, app.Platform, app.ID)
	require.Equal(t, "simulator-secret", found.Secret.Reveal())
	require.False(t, found.CreatedAt.IsZero())
	app.CreatedAt = found.CreatedAt
	require.Equal(t, app, found)
}

func appIsBound(t *testing.T, f fixture) {
	app := newApp()
	app.OpenPlatform = ""
	require.NoError(t, f.Apps.Add(t.Context(), app))
	require.Empty(t, f.app(t, app.Platform, app.ID).OpenPlatform)
	require.NoError(t, f.Apps.SetOpenPlatform(t.Context(), app.Platform, app.ID, "op"))
	found := f.app(t, app.Platform, app.ID)
	require.Equal(t, "op", found.OpenPlatform)
	require.Equal(t, app.Secret, found.Secret)
	require.ErrorIs(t, f.Apps.SetOpenPlatform(t.Context(), app.Platform, newName(), "op"), identity.ErrNotFound)
}

func appIsTaken(t *testing.T, f fixture) {
	app := newApp()
	require.NoError(t, f.Apps.Add(t.Context(), app))
	again := app
	again.Name, again.Secret = "again", "simulator-again"
	require.ErrorIs(t, f.Apps.Add(t.Context(), again), identity.ErrExists)
	again.Platform = "elsewhere"
	require.NoError(t, f.Apps.Add(t.Context(), again))
	require.Equal(t, "小程序", f.app(t, app.Platform, app.ID).Name)
	require.Equal(t, "simulator-again", f.app(t, "elsewhere", app.ID).Secret.Reveal())
}

func parallelApps(t *testing.T, f fixture) {
	app := newApp()
	requireOneWinner(t, together(crowd, func(n int) won {
		return wonUnless(f.at(n).Apps.Add(t.Context(), app), identity.ErrExists)
	}))
}

func unknownApp(t *testing.T, f fixture) {
	app := newApp()
	require.NoError(t, f.Apps.Add(t.Context(), app))
	_, err := f.Apps.Find(t.Context(), app.Platform, newName())
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, err = f.Apps.Find(t.Context(), "elsewhere", app.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.ErrorIs(t, f.Apps.SetSecret(t.Context(), "elsewhere", app.ID, "simulator-new"), identity.ErrNotFound)
	require.Equal(t, "simulator-secret", f.app(t, app.Platform, app.ID).Secret.Reveal())
}

func appSecretIsReplaced(t *testing.T, f fixture) {
	app, bystander := newApp(), newApp()
	require.NoError(t, f.Apps.Add(t.Context(), app))
	require.NoError(t, f.Apps.Add(t.Context(), bystander))
	require.Equal(t, "simulator-secret", f.app(t, app.Platform, app.ID).Secret.Reveal())
	require.NoError(t, f.Apps.SetSecret(t.Context(), app.Platform, app.ID, "simulator-new"))
	found := f.app(t, app.Platform, app.ID)
	require.Equal(t, "simulator-new", found.Secret.Reveal())
	require.Equal(t, app.Name, found.Name)
	require.Equal(t, "simulator-secret", f.app(t, bystander.Platform, bystander.ID).Secret.Reveal())
}

func listOfApps(t *testing.T, f fixture) {
	app := newApp()
	require.NoError(t, f.Apps.Add(t.Context(), app))
	app = f.app(t, app.Platform, app.ID)
	app.Secret = ""
	listed, err := f.Apps.List(t.Context())
	require.NoError(t, err)
	require.Contains(t, listed, app)
	for _, app := range listed {
		require.Empty(t, app.Secret.Reveal())
	}
}
