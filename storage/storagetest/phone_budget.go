package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func phoneBudgets() []trial {
	return []trial{
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
func (h house) newBudget(t *testing.T, budget int) identity.App {
	t.Helper()
	app := newApp()
	app.PhoneBudget = budget
	require.NoError(t, h.Apps.Add(t.Context(), app))
	return app
}

func (h house) requireSpent(t *testing.T, app identity.App, want bool) {
	t.Helper()
	ok, err := h.Apps.SpendPhone(t.Context(), app.Platform, app.ID)
	require.NoError(t, err)
	require.Equal(t, want, ok)
}

func (h house) requireUse(t *testing.T, app identity.App, used, budget int) identity.PhoneUse {
	t.Helper()
	use, err := h.Apps.PhoneUse(t.Context(), app.Platform, app.ID)
	require.NoError(t, err)
	require.Equal(t, identity.PhoneUse{Month: use.Month, Used: used, Budget: budget}, use)
	return use
}

func budgetIsAdded(t *testing.T, h house) {
	require.Equal(t, 7, h.app(t, identity.PlatformWechat, h.newBudget(t, 7).ID).PhoneBudget)
	none := h.newBudget(t, 0)
	h.requireSpent(t, none, false)
	h.requireUse(t, none, 0, 0)
}

func budgetIsSpent(t *testing.T, h house) {
	app := h.newBudget(t, 3)
	for n := range 3 {
		require.True(t, h.requireUse(t, app, n, 3).Left())
		h.requireSpent(t, app, true)
	}
	for range 2 {
		h.requireSpent(t, app, false)
		require.False(t, h.requireUse(t, app, 3, 3).Left())
	}
}

func budgetIsRefunded(t *testing.T, h house) {
	app := h.newBudget(t, 1)
	for range 3 {
		h.requireSpent(t, app, true)
		h.requireSpent(t, app, false)
		require.NoError(t, h.Apps.RefundPhone(t.Context(), app.Platform, app.ID))
		h.requireUse(t, app, 0, 1)
	}
	require.NoError(t, h.Apps.RefundPhone(t.Context(), app.Platform, app.ID), "there is nothing to take back")
	h.requireUse(t, app, 0, 1)
	h.requireSpent(t, app, true)
	h.requireSpent(t, app, false)
}

func budgetIsChanged(t *testing.T, h house) {
	app := h.newBudget(t, 2)
	h.requireSpent(t, app, true)
	h.requireSpent(t, app, true)
	for _, step := range []struct {
		budget int
		spent  bool
		used   int
	}{{3, true, 3}, {1, false, 3}, {0, false, 3}, {-1, true, 4}, {4, false, 4}, {5, true, 5}} {
		require.NoError(t, h.Apps.SetPhoneBudget(t.Context(), app.Platform, app.ID, step.budget))
		require.Equal(t, step.budget, h.app(t, app.Platform, app.ID).PhoneBudget)
		h.requireSpent(t, app, step.spent)
		h.requireUse(t, app, step.used, step.budget)
	}
	listed, err := h.Apps.List(t.Context())
	require.NoError(t, err)
	app = h.app(t, app.Platform, app.ID)
	app.Secret = ""
	require.Contains(t, listed, app)
}

func budgetWithoutBound(t *testing.T, h house) {
	app := h.newBudget(t, -1)
	for n := range 5 {
		h.requireSpent(t, app, true)
		require.True(t, h.requireUse(t, app, n+1, -1).Left())
	}
}

func budgetIsTheApps(t *testing.T, h house) {
	app, sibling := h.newBudget(t, 1), h.newBudget(t, 1)
	elsewhere := app
	elsewhere.Platform = "elsewhere"
	require.NoError(t, h.Apps.Add(t.Context(), elsewhere))
	h.requireSpent(t, app, true)
	h.requireUse(t, sibling, 0, 1)
	h.requireUse(t, elsewhere, 0, 1)
	require.NoError(t, h.Apps.RefundPhone(t.Context(), sibling.Platform, sibling.ID))
	require.NoError(t, h.Apps.SetPhoneBudget(t.Context(), elsewhere.Platform, elsewhere.ID, 2))
	h.requireUse(t, app, 1, 1)
	h.requireSpent(t, elsewhere, true)
	h.requireSpent(t, app, false)
}

// budgetOfAMonth goes to the turn of a month in Beijing, eight hours before anybody's who counts in UTC.
func budgetOfAMonth(t *testing.T, h house) {
	app := h.newBudget(t, 1)
	year, month, _ := h.now(t).UTC().Date()
	turn := time.Date(year, month+2, 1, 0, 0, 0, 0, time.UTC).Add(-8 * time.Hour)
	h.advance(turn.Sub(h.now(t)) - time.Minute)
	require.Equal(t, turn.Format("2006-01"), h.requireUse(t, app, 0, 1).Month)
	h.requireSpent(t, app, true)
	h.requireSpent(t, app, false)

	h.advance(2 * time.Minute)
	require.Equal(t, turn.AddDate(0, 0, 1).Format("2006-01"), h.requireUse(t, app, 0, 1).Month)
	h.requireSpent(t, app, true)
	h.requireSpent(t, app, false)
	require.NoError(t, h.Apps.RefundPhone(t.Context(), app.Platform, app.ID))
	h.requireUse(t, app, 0, 1)
}

func budgetOfNobody(t *testing.T, h house) {
	app := h.newBudget(t, 1)
	for _, text := range append(texts(), "", newName()) {
		for _, key := range [][2]string{{app.Platform, app.ID + "." + text}, {app.Platform, text}, {text, app.ID}} {
			ok, err := h.Apps.SpendPhone(t.Context(), key[0], key[1])
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", key)
			require.False(t, ok)
			_, err = h.Apps.PhoneUse(t.Context(), key[0], key[1])
			require.ErrorIs(t, err, identity.ErrNotFound, "%q", key)
			require.ErrorIs(t, h.Apps.SetPhoneBudget(t.Context(), key[0], key[1], 5), identity.ErrNotFound, "%q", key)
			require.NoError(t, h.Apps.RefundPhone(t.Context(), key[0], key[1]), "%q", key)
		}
	}
	h.requireUse(t, app, 0, 1)
	h.requireSpent(t, app, true)
}
