package storagetest

import (
	"slices"
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

func newPushKeys() identity.PushKeys {
	return identity.PushKeys{Token: identity.Secret(newName()), EncodingAESKey: identity.Secret(newName())}
}

// newPush adds an app with settings for pushes.
func newPush(t *testing.T, f fixture) identity.Push {
	t.Helper()
	app := newApp()
	require.NoError(t, f.Apps.Add(t.Context(), app))
	return replacePush(t, f, identity.Push{Platform: app.Platform, App: app.ID, Mode: identity.PushSecure})
}

func pushOf(t *testing.T, f fixture, of identity.Push) identity.Push {
	t.Helper()
	found, err := f.Pushes.Find(t.Context(), of.Platform, of.App)
	require.NoError(t, err)
	return found
}

func pushIsFound(t *testing.T, f fixture) {
	before := f.now(t)
	push := newPush(t, f)
	found := pushOf(t, f, push)
	between(t, before, f.now(t), found.SetAt)
	push.SetAt = found.SetAt
	require.Equal(t, push, found)
	require.Equal(t, push.Keys.Token.Reveal(), found.Keys.Token.Reveal())

	listed, err := f.Pushes.List(t.Context())
	require.NoError(t, err)
	push.Keys = identity.PushKeys{}
	require.Contains(t, listed, push)
}

// replacePush replaces the keys of pushes.
func replacePush(t *testing.T, f fixture, push identity.Push) identity.Push {
	t.Helper()
	push.Keys = newPushKeys()
	require.NoError(t, f.Pushes.Set(t.Context(), push, time.Hour))
	return push
}

func pushKeysAreReplaced(t *testing.T, f fixture) {
	push := newPush(t, f)
	require.NoError(t, f.Pushes.Verified(t.Context(), push.Platform, push.App))
	second := replacePush(t, f, push)
	found := pushOf(t, f, push)
	require.Equal(t, []identity.PushKeys{second.Keys, push.Keys}, []identity.PushKeys{found.Keys, found.FormerKeys})
	require.Zero(t, found.VerifiedAt, "the platform does not have the new keys yet")
	between(t, f.now(t).Add(time.Hour-time.Minute), f.now(t).Add(time.Hour), found.FormerUntil)

	third := replacePush(t, f, push)
	require.Equal(t, push.Keys, pushOf(t, f, push).FormerKeys, "the second ones were never entered at the platform")
	require.NoError(t, f.Pushes.Verified(t.Context(), push.Platform, push.App))
	last := replacePush(t, f, push)
	require.Equal(t, third.Keys, pushOf(t, f, push).FormerKeys, "those from before count no longer")
	f.advance(time.Hour + time.Second)
	found = pushOf(t, f, push)
	require.Equal(t, []identity.PushKeys{last.Keys, {}}, []identity.PushKeys{found.Keys, found.FormerKeys})
}

func pushModeIsChanged(t *testing.T, f fixture) {
	push := newPush(t, f)
	require.NoError(t, f.Pushes.SetMode(t.Context(), push.Platform, push.App, identity.PushPlain))
	found := pushOf(t, f, push)
	push.Mode, push.SetAt = identity.PushPlain, found.SetAt
	require.Equal(t, push, found)
}

func pushTimes(t *testing.T, f fixture) {
	push := newPush(t, f)
	before := f.now(t)
	for range 2 {
		require.NoError(t, f.Pushes.Verified(t.Context(), push.Platform, push.App))
		require.NoError(t, f.Pushes.Received(t.Context(), push.Platform, push.App))
	}
	found := pushOf(t, f, push)
	between(t, before, f.now(t), found.VerifiedAt)
	between(t, before, f.now(t), found.ReceivedAt)
	f.advance(2 * time.Minute)
	require.NoError(t, f.Pushes.Received(t.Context(), push.Platform, push.App))
	require.True(t, pushOf(t, f, push).ReceivedAt.After(found.ReceivedAt))
	for _, text := range texts() {
		require.NoError(t, f.Pushes.Received(t.Context(), push.Platform, text))
		require.NoError(t, f.Pushes.Verified(t.Context(), text, push.App))
	}
}

func pushIsRemoved(t *testing.T, f fixture) {
	push, other := newPush(t, f), newPush(t, f)
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

func withdrawalNotices() []testCase {
	return []testCase{
		{"a notice is claimed, and again a minute later, until it is deleted", noticeIsClaimed},
		{"a notice that is stored is not stored again", noticeIsStoredOnce},
		{"a notice of a withdrawal that was applied is not stored", appliedNoticeIsNotStored},
		{"at most batch notices are claimed", noticesAreClaimedInBatches},
		{"parallel callers claim different notices", often(noticesAreClaimedInParallel)},
	}
}

// addNotice stores a new notice.
func addNotice(t *testing.T, f fixture, content string) identity.WithdrawalNotice {
	t.Helper()
	notice := identity.WithdrawalNotice{ID: newID(), Content: []byte(content)}
	require.NoError(t, f.WithdrawalNotices.Add(t.Context(), notice))
	return notice
}

func (f fixture) claimed(t *testing.T, batch int) []identity.WithdrawalNotice {
	t.Helper()
	notices, err := f.WithdrawalNotices.Claim(t.Context(), batch)
	require.NoError(t, err)
	return notices
}

func noticeIsClaimed(t *testing.T, f fixture) {
	require.Empty(t, f.claimed(t, 10))
	one, two := addNotice(t, f, "{}\x00\xff"), addNotice(t, f, "{}")
	require.ElementsMatch(t, []identity.WithdrawalNotice{one, two}, f.claimed(t, 10))
	require.Empty(t, f.claimed(t, 10))
	require.NoError(t, f.WithdrawalNotices.Delete(t.Context(), two.ID, newID()))
	require.NoError(t, f.WithdrawalNotices.Delete(t.Context()))
	for attempt := range 8 {
		f.advance(min(time.Minute<<attempt, time.Hour) - time.Second)
		require.Empty(t, f.claimed(t, 10), attempt)
		f.advance(2 * time.Second)
		require.Equal(t, []identity.WithdrawalNotice{one}, f.claimed(t, 10), attempt)
	}
	require.NoError(t, f.WithdrawalNotices.Delete(t.Context(), one.ID))
	f.advance(2 * time.Hour)
	require.Empty(t, f.claimed(t, 10))
}

func noticeIsStoredOnce(t *testing.T, f fixture) {
	notice := addNotice(t, f, "first")
	again := identity.WithdrawalNotice{ID: notice.ID, Content: []byte("second")}
	require.NoError(t, f.WithdrawalNotices.Add(t.Context(), again))
	require.Equal(t, []identity.WithdrawalNotice{notice}, f.claimed(t, 10))
	require.NoError(t, f.WithdrawalNotices.Add(t.Context(), again))
	require.Empty(t, f.claimed(t, 10), "it is not due earlier")
	require.NoError(t, f.WithdrawalNotices.Delete(t.Context(), notice.ID))
}

func appliedNoticeIsNotStored(t *testing.T, f fixture) {
	id := newID()
	_, err := f.Withdrawals.Apply(t.Context(), id, identity.Withdrawal{Kind: identity.EventInfoModified,
		Account: newIdentity("wx1").AccountKey, At: f.now(t)})
	require.NoError(t, err)
	require.NoError(t, f.WithdrawalNotices.Add(t.Context(), identity.WithdrawalNotice{ID: id, Content: []byte("{}")}))
	require.Empty(t, f.claimed(t, 10))
}

func noticesAreClaimedInBatches(t *testing.T, f fixture) {
	for range 5 {
		addNotice(t, f, "{}")
	}
	all := slices.Concat(f.claimed(t, 2), f.claimed(t, 2), f.claimed(t, 2))
	require.Len(t, all, 5)
	require.Empty(t, f.claimed(t, 2))
	deleteNotices(t, f, all)
}

func deleteNotices(t *testing.T, f fixture, notices []identity.WithdrawalNotice) {
	t.Helper()
	for _, notice := range notices {
		require.NoError(t, f.WithdrawalNotices.Delete(t.Context(), notice.ID))
	}
}

func noticesAreClaimedInParallel(t *testing.T, f fixture) {
	want := map[[32]byte]bool{}
	for range 20 {
		want[addNotice(t, f, "{}").ID] = true
	}
	type answer struct {
		notices []identity.WithdrawalNotice
		err     error
	}
	var all []identity.WithdrawalNotice
	for _, a := range inParallel(callers, func(n int) answer {
		notices, err := f.at(n).WithdrawalNotices.Claim(t.Context(), 7)
		return answer{notices, err}
	}) {
		require.NoError(t, a.err)
		all = append(all, a.notices...)
	}
	for _, notice := range append(all, f.claimed(t, 100)...) {
		require.True(t, want[notice.ID], "claimed twice")
		delete(want, notice.ID)
	}
	require.Empty(t, want)
	deleteNotices(t, f, all)
}
