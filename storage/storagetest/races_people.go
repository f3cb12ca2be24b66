package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func peopleRaces() []testCase {
	return []testCase{
		{"of users who link one account at once one gets it", often(parallelLinksOfAccount)},
		{"of users who link accounts of one union at once one gets it", often(parallelLinksOfUnion)},
		{"an account that is linked while it signs in is one user's", often(linkRacesSight)},
		{"of two last ways to sign in that are taken at once one stays", often(lastWaysRace)},
		{"a session opened while its account is unlinked does not live", unlinkRacesOpen},
		{"an account of a union that is unlinked does not come back meanwhile", often(unlinkRacesSight)},
		{"a session opened while its user leaves does not live", leaveRacesOpen},
		{"what is given to a user who is being deleted is refused or goes too", often(deletionRacesGifts)},
		{"who changes his mind stays or is gone", often(stayRacesDeletion)},
		{"no more phone numbers are got at once than the budget says", often(parallelSpending)},
	}
}

func leaveRacesOpen(t *testing.T, f fixture) {
	race(t, f, 250, func(t *testing.T, user identity.User, client identity.Client) error {
		if err := f.Deletions.Stay(t.Context(), user.ID); err != nil {
			return err
		}
		return raceOpen(t, f, user, client, func(ctx context.Context, id string) error {
			_, err := f.Deletions.Leave(ctx, id, grace)
			return err
		})
	})
}

// deletionRacesGifts gives a user all kinds of things while he is deleted.
func deletionRacesGifts(t *testing.T, f fixture) {
	ctx, user, client, union := t.Context(), f.newUser(t), f.newClient(t), newName()
	f.link(t, user, in("op", union, sight("wx1", newName())))
	_, err := f.Deletions.Leave(ctx, user.ID, 0)
	require.NoError(t, err)
	user = f.user(t, user.ID)
	seen := make([]identity.User, crowd)
	for n, err := range together(crowd, func(n int) (err error) {
		switch at := f.at(n / 8); n % 8 {
		case 0:
			_, err = at.Deletions.DeleteLeft(ctx, 10)
		case 1:
			err = at.Accounts.Link(ctx, user.ID, sight(fmt.Sprint("link", n), newName()))
		case 2:
			seen[n], _, err = at.Accounts.FindOrCreateUser(ctx,
				in("op", union, sight(fmt.Sprint("see", n), newName())))
		case 3:
			err = at.Profiles.Choose(ctx, user.ID, fullProfile())
		case 4:
			err = at.Profiles.SetPhone(ctx, user.ID, identity.Phone{Number: "+8613800000000"})
		case 5:
			err = tryOpen(t, at, user, client, 1)
		case 6:
			err = at.Users.Name(ctx, user.ID, strings.ToUpper(user.Username))
		case 7:
			err = at.Entitlements.GrantRole(ctx, user.ID, fmt.Sprint("role", n))
		}
		return err
	}) {
		if errors.Is(err, identity.ErrNotFound) || errors.Is(err, identity.ErrStale) {
			continue
		}
		require.NoError(t, err, "%d", n)
	}
	_, err = f.Deletions.DeleteLeft(ctx, 10)
	require.NoError(t, err)
	requireGone(t, f, user)
	f.requireAccounts(t, user)
	require.Zero(t, f.details(t, user.ID))
	f.requireLive(t, user)
	for _, seen := range seen {
		if seen.ID != "" && seen.ID != user.ID {
			require.Equal(t, seen.ID, f.user(t, seen.ID).ID, "who was seen after the deletion is there")
		}
	}
}

func stayRacesDeletion(t *testing.T, f fixture) {
	user := f.newUser(t)
	_, err := f.Deletions.Leave(t.Context(), user.ID, 0)
	require.NoError(t, err)
	answers := together(2, func(n int) won {
		if n == 0 {
			deleted, err := f.Deletions.DeleteLeft(t.Context(), 10)
			return won{deleted == 1, err}
		}
		return wonUnless(f.at(n).Deletions.Stay(t.Context(), user.ID), identity.ErrNotFound)
	})
	stayed := requireOneWinner(t, answers) == 1
	found, err := f.Users.Find(t.Context(), user.ID)
	require.Equal(t, stayed, err == nil)
	require.False(t, found.Leaving())
}

func parallelSpending(t *testing.T, f fixture) {
	const budget = 5
	app := newBudget(t, f, budget)
	spent := 0
	for _, answer := range together(crowd, func(n int) (answer won) {
		answer.won, answer.err = f.at(n).Apps.SpendPhone(t.Context(), app.Platform, app.ID)
		return answer
	}) {
		require.NoError(t, answer.err)
		if answer.won {
			spent++
		}
	}
	require.Equal(t, budget, spent)
	requireUse(t, f, app, budget, budget)
}
