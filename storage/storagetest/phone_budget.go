package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func phoneBudgets() []testCase {
	return []testCase{
		{"an app is added with its budget, and with none it gets no number", budgetIsAdded},
		{"as many numbers are given in a month as the budget says", budgetIsSpent},
		{"a number that was not given is not counted", budgetIsRefunded},
		{"a changed budget holds from now on", budgetIsChanged},
		{"a negative budget counts and bounds nothing", budgetWithoutBound},
		{"each app has a budget of its own", budgetIsTheApps},
		{"a month begins anew in Beijing", budgetOfAMonth},
		{"an unknown app has no budget", budgetOfNobody},
	}
}

// newBudget adds an app that may get so many numbers a month.
func newBudget(t *testing.T, f fixture, budget int) identity.App {
	t.Helper()
	app := newApp()
	app.PhoneBudget = budget
	require.NoError(t, f.Apps.Add(t.Context(), app))
	return app
}

func requireSpent(t *testing.T, f fixture, app identity.App, want bool) {
	t.Helper()
	ok, err := f.Apps.SpendPhone(t.Context(), app.Platform, app.ID)
	require.NoError(t, err)
	require.Equal(t, want, ok)
}

func requireUse(t *testing.T, f fixture, app identity.App, used, budget int) identity.PhoneUse {
	t.Helper()
	use, err := f.Apps.PhoneUse(t.Context(), app.Platform, app.ID)
	require.NoError(t, err)
	require.Equal(t, identity.PhoneUse{Month: use.Month, Used: used, Budget: budget}, use)
	return use
}

func budgetIsAdded(t *testing.T, f fixture) {
	require.Equal(t, 7, f.app(t, identity.PlatformWechat, newBudget(t, f, 7).ID).PhoneBudget)
	none := newBudget(t, f, 0)
	requireSpent(t, f, none, false)
	requireUse(t, f, none, 0, 0)
}

func budgetIsSpent(t *testing.T, f fixture) {
	app := newBudget(t, f, 3)
	for n := range 3 {
		require.True(t, requireUse(t, f, app, n, 3).Left())
		requireSpent(t, f, app, true)
	}
	for range 2 {
		requireSpent(t, f, app, false)
		require.False(t, requireUse(t, f, app, 3, 3).Left())
	}
}

func budgetIsRefunded(t *testing.T, f fixture) {
	app := newBudget(t, f, 1)
	for range 3 {
		requireSpent(t, f, app, true)
		requireSpent(t, f, app, false)
		require.NoError(t, f.Apps.RefundPhone(t.Context(), app.Platform, app.ID))
		requireUse(t, f, app, 0, 1)
	}
	require.NoError(t, f.Apps.RefundPhone(t.Context(), app.Platform, app.ID), "there is nothing to take back")
	requireUse(t, f, app, 0, 1)
	requireSpent(t, f, app, true)
	requireSpent(t, f, app, false)
}

func budgetIsChanged(t *testing.T, f fixture) {
	app := newBudget(t, f, 2)
	requireSpent(t, f, app, true)
	requireSpent(t, f, app, true)
	for _, step := range []struct {
		budget int
		spent  bool
		used   int
	}{{3, true, 3}, {1, false, 3}, {0, false, 3}, {-1, true, 4}, {4, false, 4}, {5, true, 5}} {
		require.NoError(t, f.Apps.SetPhoneBudget(t.Context(), app.Platform, app.ID, step.budget))
		require.Equal(t, step.budget, f.app(t, app.Platform, app.ID).PhoneBudget)
		requireSpent(t, f, app, step.spent)
		requireUse(t, f, app, step.used, step.budget)
	}
	listed, err := f.Apps.List(t.Context())
	require.NoError(t, err)
	app = f.app(t, app.Platform, app.ID)
	app.Secret = ""
	require.Contains(t, listed, app)
}

func budgetWithoutBound(t *testing.T, f fixture) {
	app := newBudget(t, f, -1)
	for n := range 5 {
		requireSpent(t, f, app, true)
		require.True(t, requireUse(t, f, app, n+1, -1).Left())
	}
}

func budgetIsTheApps(t *testing.T, f fixture) {
	app, sibling := newBudget(t, f, 1), newBudget(t, f, 1)
	elsewhere := app
	elsewhere.Platform = "elsewhere"
	require.NoError(t, f.Apps.Add(t.Context(), elsewhere))
	requireSpent(t, f, app, true)
	requireUse(t, f, sibling, 0, 1)
	requireUse(t, f, elsewhere, 0, 1)
	require.NoError(t, f.Apps.RefundPhone(t.Context(), sibling.Platform, sibling.ID))
	require.NoError(t, f.Apps.SetPhoneBudget(t.Context(), elsewhere.Platform, elsewhere.ID, 2))
	requireUse(t, f, app, 1, 1)
	requireSpent(t, f, elsewhere, true)
	requireSpent(t, f, app, false)
}

// budgetOfAMonth goes to the turn of a month in Beijing, eight hours before anybody's who counts in UTC.
func budgetOfAMonth(t *testing.T, f fixture) {
	app := newBudget(t, f, 1)
	year, month, _ := f.now(t).UTC().Date()
	turn := time.Date(year, month+2, 1, 0, 0, 0, 0, time.UTC).Add(-8 * time.Hour)
	f.advance(turn.Sub(f.now(t)) - time.Minute)
	require.Equal(t, turn.Format("2006-01"), requireUse(t, f, app, 0, 1).Month)
	requireSpent(t, f, app, true)
	requireSpent(t, f, app, false)

	f.advance(2 * time.Minute)
	require.Equal(t, turn.AddDate(0, 0, 1).Format("2006-01"), requireUse(t, f, app, 0, 1).Month)
	requireSpent(t, f, app, true)
	requireSpent(t, f, app, false)
	require.NoError(t, f.Apps.RefundPhone(t.Context(), app.Platform, app.ID))
	requireUse(t, f, app, 0, 1)
}

func budgetOfNobody(t *testing.T, f fixture) {
	app := newBudget(t, f, 1)
	for _, text := range append(texts(), "", newName()) {
		for _, key := range [][2]string{{app.Platform, app.ID + "." + text}, {app.Platform, text}, {text, app.ID}} {
			ok, err := f.Apps.SpendPhone(t.Context(), key[0], key[1])
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", key)
			require.False(t, ok)
			_, err = f.Apps.PhoneUse(t.Context(), key[0], key[1])
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", key)
			require.ErrorIs(t, f.Apps.SetPhoneBudget(t.Context(), key[0], key[1], 5), identity.ErrNotFound, "%q", key)
			require.NoError(t, f.Apps.RefundPhone(t.Context(), key[0], key[1]), "%q", key)
		}
	}
	requireUse(t, f, app, 0, 1)
	requireSpent(t, f, app, true)
}
