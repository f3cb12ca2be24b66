package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func pushes() []testCase {
	return []testCase{
		{"settings of pushes are found as set", pushIsFound},
		{"new keys replace the old ones, which count for a while", pushKeysAreReplaced},
		{"the mode of pushes can be changed", pushModeIsChanged},
		{"times of verifications and pushes are stored", pushTimes},
		{"removed settings, and those of a removed app, are gone", pushIsRemoved},
		{"an app without settings, or an unknown one, is not found", unknownPush},
	}
}

func newPush(app identity.App) identity.Push {
	return identity.Push{Platform: app.Platform, App: app.ID, Mode: identity.PushSecure, Keys: newPushKeys()}
}

func newPushKeys() identity.PushKeys {
	return identity.PushKeys{Token: identity.Secret(newName()), EncodingAESKey: identity.Secret(newName())}
}

// setPush adds an app with settings for pushes.
func (f fixture) setPush(t *testing.T) identity.Push {
	t.Helper()
	app := newApp()
	require.NoError(t, f.Apps.Add(t.Context(), app))
	push := newPush(app)
	require.NoError(t, f.Pushes.Set(t.Context(), push, time.Hour))
	return push
}

func (f fixture) push(t *testing.T, of identity.Push) identity.Push {
	t.Helper()
	found, err := f.Pushes.Find(t.Context(), of.Platform, of.App)
	require.NoError(t, err)
	return found
}

func pushIsFound(t *testing.T, f fixture) {
	before := f.now(t)
	push := f.setPush(t)
	found := f.push(t, push)
	between(t, before, f.now(t), found.SetAt)
	push.SetAt = found.SetAt
	require.Equal(t, push, found)
	require.Equal(t, push.Keys.Token.Reveal(), found.Keys.Token.Reveal())

	listed, err := f.Pushes.List(t.Context())
	require.NoError(t, err)
	push.Keys = identity.PushKeys{}
	require.Contains(t, listed, push)
}

func pushKeysAreReplaced(t *testing.T, f fixture) {
	push := f.setPush(t)
	require.NoError(t, f.Pushes.Verified(t.Context(), push.Platform, push.App))
	second := push
	second.Keys = newPushKeys()
	require.NoError(t, f.Pushes.Set(t.Context(), second, time.Hour))
	found := f.push(t, push)
	require.Equal(t, second.Keys, found.Keys)
	require.Equal(t, push.Keys, found.FormerKeys)
	require.Zero(t, found.VerifiedAt, "the platform does not have the new keys yet")
	between(t, f.now(t).Add(time.Hour-time.Minute), f.now(t).Add(time.Hour), found.FormerUntil)

	third := push
	third.Keys = newPushKeys()
	require.NoError(t, f.Pushes.Set(t.Context(), third, time.Hour))
	require.Equal(t, second.Keys, f.push(t, push).FormerKeys, "those from before count no longer")
	f.advance(time.Hour + time.Second)
	found = f.push(t, push)
	require.Equal(t, third.Keys, found.Keys)
	require.Zero(t, found.FormerKeys)
	require.Zero(t, found.FormerUntil)
}

func pushModeIsChanged(t *testing.T, f fixture) {
	push := f.setPush(t)
	require.NoError(t, f.Pushes.SetMode(t.Context(), push.Platform, push.App, identity.PushPlain))
	found := f.push(t, push)
	require.Equal(t, identity.PushPlain, found.Mode)
	require.Equal(t, push.Keys, found.Keys)
	require.Zero(t, found.FormerKeys)
}

func pushTimes(t *testing.T, f fixture) {
	push := f.setPush(t)
	before := f.now(t)
	for range 2 {
		require.NoError(t, f.Pushes.Verified(t.Context(), push.Platform, push.App))
		require.NoError(t, f.Pushes.Received(t.Context(), push.Platform, push.App))
	}
	found := f.push(t, push)
	between(t, before, f.now(t), found.VerifiedAt)
	between(t, before, f.now(t), found.ReceivedAt)
	f.advance(2 * time.Minute)
	require.NoError(t, f.Pushes.Received(t.Context(), push.Platform, push.App))
	require.True(t, f.push(t, push).ReceivedAt.After(found.ReceivedAt))
	for _, text := range texts() {
		require.NoError(t, f.Pushes.Received(t.Context(), push.Platform, text))
		require.NoError(t, f.Pushes.Verified(t.Context(), text, push.App))
	}
}

func pushIsRemoved(t *testing.T, f fixture) {
	push, other := f.setPush(t), f.setPush(t)
	require.NoError(t, f.Pushes.Remove(t.Context(), push.Platform, push.App))
	require.ErrorIs(t, f.Pushes.Remove(t.Context(), push.Platform, push.App), identity.ErrNotFound)
	_, err := f.Pushes.Find(t.Context(), push.Platform, push.App)
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.NoError(t, f.Apps.Remove(t.Context(), other.Platform, other.App))
	_, err = f.Pushes.Find(t.Context(), other.Platform, other.App)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func unknownPush(t *testing.T, f fixture) {
	for _, text := range append(texts(), newName()) {
		push := identity.Push{Platform: identity.PlatformWechat, App: text, Mode: identity.PushSecure,
			Keys: newPushKeys()}
		_, err := f.Pushes.Find(t.Context(), push.Platform, text)
		require.ErrorIs(t, err, identity.ErrNotFound)
		require.ErrorIs(t, f.Pushes.Set(t.Context(), push, time.Hour), identity.ErrNotFound)
		require.ErrorIs(t, f.Pushes.SetMode(t.Context(), push.Platform, text, push.Mode), identity.ErrNotFound)
		require.ErrorIs(t, f.Pushes.Remove(t.Context(), push.Platform, text), identity.ErrNotFound)
	}
}
