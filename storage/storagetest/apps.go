package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func apps() []trial {
	return []trial{
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

func (h house) app(t *testing.T, platform, id string) identity.App {
	t.Helper()
	found, err := h.Apps.Find(t.Context(), platform, id)
	require.NoError(t, err)
	return found
}

func appIsFound(t *testing.T, h house) {
	app := newApp()
	_, err := h.Apps.Find(t.Context(), app.Platform, app.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.NoError(t, h.Apps.Add(t.Context(), app))
	found := h.app(t, app.Platform, app.ID)
	require.Equal(t, "simulator-secret", found.Secret.Reveal())
	require.False(t, found.CreatedAt.IsZero())
	app.CreatedAt = found.CreatedAt
	require.Equal(t, app, found)
}

func appIsBound(t *testing.T, h house) {
	app := newApp()
	app.OpenPlatform = ""
	require.NoError(t, h.Apps.Add(t.Context(), app))
	require.Empty(t, h.app(t, app.Platform, app.ID).OpenPlatform)
	require.NoError(t, h.Apps.SetOpenPlatform(t.Context(), app.Platform, app.ID, "op"))
	found := h.app(t, app.Platform, app.ID)
	require.Equal(t, "op", found.OpenPlatform)
	require.Equal(t, app.Secret, found.Secret)
	require.ErrorIs(t, h.Apps.SetOpenPlatform(t.Context(), app.Platform, newName(), "op"), identity.ErrNotFound)
}

func appIsTaken(t *testing.T, h house) {
	app := newApp()
	require.NoError(t, h.Apps.Add(t.Context(), app))
	again := app
	again.Name, again.Secret = "again", "simulator-again"
	require.ErrorIs(t, h.Apps.Add(t.Context(), again), identity.ErrExists)
	again.Platform = "elsewhere"
	require.NoError(t, h.Apps.Add(t.Context(), again))
	require.Equal(t, "小程序", h.app(t, app.Platform, app.ID).Name)
	require.Equal(t, "simulator-again", h.app(t, "elsewhere", app.ID).Secret.Reveal())
}

func parallelApps(t *testing.T, h house) {
	app := newApp()
	requireOneWinner(t, together(crowd, func(n int) won {
		return wonUnless(h.at(n).Apps.Add(t.Context(), app), identity.ErrExists)
	}))
}

func unknownApp(t *testing.T, h house) {
	app := newApp()
	require.NoError(t, h.Apps.Add(t.Context(), app))
	_, err := h.Apps.Find(t.Context(), app.Platform, newName())
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, err = h.Apps.Find(t.Context(), "elsewhere", app.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.ErrorIs(t, h.Apps.SetSecret(t.Context(), "elsewhere", app.ID, "simulator-new"), identity.ErrNotFound)
	require.Equal(t, "simulator-secret", h.app(t, app.Platform, app.ID).Secret.Reveal())
}

func appSecretIsReplaced(t *testing.T, h house) {
	app, bystander := newApp(), newApp()
	require.NoError(t, h.Apps.Add(t.Context(), app))
	require.NoError(t, h.Apps.Add(t.Context(), bystander))
	require.Equal(t, "simulator-secret", h.app(t, app.Platform, app.ID).Secret.Reveal())
	require.NoError(t, h.Apps.SetSecret(t.Context(), app.Platform, app.ID, "simulator-new"))
	found := h.app(t, app.Platform, app.ID)
	require.Equal(t, "simulator-new", found.Secret.Reveal())
	require.Equal(t, app.Name, found.Name)
	require.Equal(t, "simulator-secret", h.app(t, bystander.Platform, bystander.ID).Secret.Reveal())
}

func listOfApps(t *testing.T, h house) {
	app := newApp()
	require.NoError(t, h.Apps.Add(t.Context(), app))
	app = h.app(t, app.Platform, app.ID)
	app.Secret = ""
	listed, err := h.Apps.List(t.Context())
	require.NoError(t, err)
	require.Contains(t, listed, app)
	for _, app := range listed {
		require.Empty(t, app.Secret.Reveal())
	}
}
