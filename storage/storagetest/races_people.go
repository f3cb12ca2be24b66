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

func peopleRaces() []trial {
	return []trial{
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

func leaveRacesOpen(t *testing.T, h house) {
	h.race(t, 250, func(t *testing.T, user identity.User, client identity.Client) error {
		if err := h.Deletions.Stay(t.Context(), user.ID); err != nil {
			return err
		}
		return h.raceOpen(t, user, client, func(ctx context.Context, id string) error {
			_, err := h.Deletions.Leave(ctx, id, grace)
			return err
		})
	})
}

// deletionRacesGifts gives a user all kinds of things while he is deleted.
func deletionRacesGifts(t *testing.T, h house) {
	ctx, user, client, union := t.Context(), h.newUser(t), h.newClient(t), newName()
	h.link(t, user, in("op", union, sight("wx1", newName())))
	_, err := h.Deletions.Leave(ctx, user.ID, 0)
	require.NoError(t, err)
	user = h.user(t, user.ID)
	seen := make([]identity.User, crowd)
	for n, err := range together(crowd, func(n int) (err error) {
		switch at := h.at(n / 8); n % 8 {
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
			err = at.tryOpen(t, user, client, 1)
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
	_, err = h.Deletions.DeleteLeft(ctx, 10)
	require.NoError(t, err)
	h.requireGone(t, user)
	h.requireAccounts(t, user)
	require.Zero(t, h.details(t, user.ID))
	h.requireLive(t, user)
	for _, seen := range seen {
		if seen.ID != "" && seen.ID != user.ID {
			require.Equal(t, seen.ID, h.user(t, seen.ID).ID, "who was seen after the deletion is there")
		}
	}
}

func stayRacesDeletion(t *testing.T, h house) {
	user := h.newUser(t)
	_, err := h.Deletions.Leave(t.Context(), user.ID, 0)
	require.NoError(t, err)
	answers := together(2, func(n int) won {
		if n == 0 {
			deleted, err := h.Deletions.DeleteLeft(t.Context(), 10)
			return won{deleted == 1, err}
		}
		return wonUnless(h.at(n).Deletions.Stay(t.Context(), user.ID), identity.ErrNotFound)
	})
	stayed := requireOneWinner(t, answers) == 1
	found, err := h.Users.Find(t.Context(), user.ID)
	require.Equal(t, stayed, err == nil)
	require.False(t, found.Leaving())
}

func parallelSpending(t *testing.T, h house) {
	const budget = 5
	app := h.newBudget(t, budget)
	spent := 0
	for _, answer := range together(crowd, func(n int) (answer won) {
		answer.won, answer.err = h.at(n).Apps.SpendPhone(t.Context(), app.Platform, app.ID)
		return answer
	}) {
		require.NoError(t, answer.err)
		if answer.won {
			spent++
		}
	}
	require.Equal(t, budget, spent)
	h.requireUse(t, app, budget, budget)
}
