package storagetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func apps() []testCase {
	return []testCase{
		{"an app is found as added", appIsFound},
		{"an app's id is unique at each platform", appIsTaken},
		{"one of several parallel additions of one app succeeds", often(parallelApps)},
		{"an unknown app is not found", unknownApp},
		{"a new secret replaces the old one", appSecretIsReplaced},
		{"an update replaces an app's record, but not its secret", appIsUpdated},
		{"a removed app is gone, and its accounts and phone numbers stay", appIsRemoved},
		{"an app can be bound to an Open Platform account later", appIsBound},
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

func appIsUpdated(t *testing.T, f fixture) {
	app, bystander := newApp(), newApp()
	require.NoError(t, f.Apps.Add(t.Context(), app))
	require.NoError(t, f.Apps.Add(t.Context(), bystander))
	bystander = f.app(t, bystander.Platform, bystander.ID)
	want := f.app(t, app.Platform, app.ID)
	want.Kind, want.Name, want.OpenPlatform, want.PhoneBudget = identity.KindWebsite, "网站", "", -1
	changed := want
	changed.Secret, changed.CreatedAt = "simulator-other", time.UnixMilli(1)
	for range 2 {
		require.NoError(t, f.Apps.Update(t.Context(), changed))
		require.Equal(t, want, f.app(t, app.Platform, app.ID))
	}
	require.Equal(t, bystander, f.app(t, bystander.Platform, bystander.ID))
	requireAppEvents(t, f, identity.EventAppUpdated, app, "kind, name, open_platform, phone_budget")
	changed.ID = newName()
	require.ErrorIs(t, f.Apps.Update(t.Context(), changed), identity.ErrNotFound)
}

func appIsRemoved(t *testing.T, f fixture) {
	app, bystander := newApp(), newApp()
	app.PhoneBudget = 2
	require.NoError(t, f.Apps.Add(t.Context(), app))
	require.NoError(t, f.Apps.Add(t.Context(), bystander))
	f.app(t, app.Platform, app.ID)
	requireSpent(t, f, app, true)
	account := newIdentity(app.ID)
	user := f.requireNewUser(t, account)

	require.NoError(t, f.Apps.Remove(t.Context(), app.Platform, app.ID))
	_, err := f.Apps.Find(t.Context(), app.Platform, app.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.ErrorIs(t, f.Apps.Remove(t.Context(), app.Platform, app.ID), identity.ErrNotFound)
	require.ErrorIs(t, f.Apps.Update(t.Context(), app), identity.ErrNotFound)
	require.Equal(t, bystander.Name, f.app(t, bystander.Platform, bystander.ID).Name)
	f.requireAccounts(t, user, account.AccountKey)
	requireAppEvents(t, f, identity.EventAppRemoved, app, "")

	require.NoError(t, f.Apps.Add(t.Context(), app))
	requireUse(t, f, app, 1, 2)
}

// requireAppEvents requires that there is one event of a kind about an app.
func requireAppEvents(t *testing.T, f fixture, kind string, app identity.App, more string) {
	t.Helper()
	events, err := f.Events.List(t.Context(), identity.EventsOf{Kind: kind}, 1000)
	require.NoError(t, err)
	var details []string
	for _, event := range events {
		if strings.HasPrefix(event.Detail, app.Platform+" "+app.ID) {
			details = append(details, event.Detail)
		}
	}
	require.Equal(t, []string{strings.TrimSpace(app.Platform + " " + app.ID + " " + more)}, details)
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
	requireOneWinner(t, inParallel(callers, func(n int) won {
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

func phoneBudgets() []testCase {
	return []testCase{
		{"an app is added with its budget, and without one it gets no number", budgetIsAdded},
		{"a month has as many numbers as the budget allows", budgetIsSpent},
		{"a number that was not returned is not counted", budgetIsRefunded},
		{"a changed budget takes effect immediately", budgetIsChanged},
		{"a negative budget counts numbers without a limit", budgetWithoutBound},
		{"budgets of apps are independent", budgetIsTheApps},
		{"a month starts at midnight in Beijing", budgetOfAMonth},
		{"an unknown app has no budget", budgetOfNobody},
	}
}

// newBudget adds an app with a monthly budget.
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
		requireUse(t, f, app, n, 3)
		requireSpent(t, f, app, true)
	}
	for range 2 {
		requireSpent(t, f, app, false)
		requireUse(t, f, app, 3, 3)
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
	require.NoError(t, f.Apps.RefundPhone(t.Context(), app.Platform, app.ID), "there is nothing to refund")
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
		requireUse(t, f, app, n+1, -1)
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

// budgetOfAMonth goes to the start of a month in Beijing, eight hours before it starts in UTC.
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
