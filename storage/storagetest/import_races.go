package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func newcomerRaces() []testCase {
	return []testCase{
		{"accounts that sign in while they are imported are one user's each", often(importRacesSights)},
		{"of imports of the same newcomers at once each newcomer comes once", often(importRacesItself)},
		{"a name that is taken while it is imported is one user's", often(importRacesCreations)},
		{"an id that is imported while its user is deleted is not given again", often(importRacesDeletion)},
	}
}

// newNewcomers makes newcomers who are known by accounts of one app.
func newNewcomers(size int) (newcomers []identity.Newcomer) {
	for n := range size {
		newcomers = append(newcomers, identity.Newcomer{Line: n + 1,
			Sightings: []identity.Sighting{in("op", newName(), sight("wx1", newName()))}})
	}
	return newcomers
}

func importRacesSights(t *testing.T, f fixture) {
	newcomers := newNewcomers(crowd)
	arrivals, seen := make([][]identity.Arrival, 2), make([]identity.User, crowd)
	for _, err := range together(crowd+2, func(n int) (err error) {
		if n >= crowd {
			arrivals[n-crowd], err = f.at(n).Newcomers.Import(t.Context(), newcomers)
			return err
		}
		seen[n], _, err = f.at(n).Accounts.FindOrCreateUser(t.Context(), newcomers[n].Sightings[0])
		return err
	}) {
		require.NoError(t, err)
	}
	for n, newcomer := range newcomers {
		user := f.user(t, seen[n].ID)
		f.requireSeen(t, user, newcomer.Sightings[0])
		requireConflicts(t, f, user, 0)
		for _, arrival := range arrivals {
			require.Equal(t, user.ID, arrival[n].UserID)
			require.NotEqual(t, identity.Refused, arrival[n].Outcome)
			require.Empty(t, arrival[n].Warnings)
		}
	}
}

func importRacesItself(t *testing.T, f fixture) {
	newcomers := newNewcomers(crowd)
	for n := range newcomers {
		newcomers[n].Username = newName()
		newcomers[n].Profile = fullProfile()
	}
	backwards := slices.Clone(newcomers)
	slices.Reverse(backwards)
	const imports = 4
	arrivals := make([][]identity.Arrival, imports)
	for _, err := range together(imports, func(n int) (err error) {
		brought := newcomers
		if n >= imports/2 {
			brought = backwards
		}
		arrivals[n], err = f.at(n).Newcomers.Import(t.Context(), brought)
		return err
	}) {
		require.NoError(t, err)
	}
	for n := range newcomers {
		imported := 0
		for k, arrival := range arrivals {
			at := n
			if k >= imports/2 {
				at = crowd - 1 - n
			}
			require.Equal(t, arrivals[0][n].UserID, arrival[at].UserID)
			require.NotEqual(t, identity.Refused, arrival[at].Outcome, arrival[at].Reason)
			if arrival[at].Outcome == identity.Imported {
				imported++
			}
		}
		require.Equal(t, 1, imported)
		user := f.user(t, arrivals[0][n].UserID)
		require.Equal(t, newcomers[n].Username, user.Username)
		require.Equal(t, fullProfile(), f.details(t, user.ID).Profile)
		f.requireSeen(t, user, newcomers[n].Sightings[0])
	}
}

func importRacesCreations(t *testing.T, f fixture) {
	newcomers := newNewcomers(crowd)
	for n := range newcomers {
		newcomers[n].Username = newName()
	}
	var arrivals []identity.Arrival
	created := make([]identity.User, crowd)
	for _, err := range together(crowd+1, func(n int) (err error) {
		if n == crowd {
			arrivals, err = f.at(n).Newcomers.Import(t.Context(), newcomers)
			return err
		}
		created[n], err = f.at(n).Users.Create(t.Context(), newcomers[n].Username, "hash")
		if errors.Is(err, identity.ErrExists) {
			return nil
		}
		return err
	}) {
		require.NoError(t, err)
	}
	for n, arrival := range arrivals {
		named, err := f.Users.FindByUsername(t.Context(), newcomers[n].Username)
		require.NoError(t, err)
		if created[n].ID == "" {
			require.Equal(t, identity.Arrival{Outcome: identity.Imported, UserID: named.ID}, arrival)
			continue
		}
		require.Equal(t, created[n].ID, named.ID)
		require.Equal(t, fmt.Sprintf("the user name belongs to %s, and the account at wx1 does not", named.ID),
			arrival.Reason)
	}
}

func importRacesDeletion(t *testing.T, f fixture) {
	var newcomers []identity.Newcomer
	for n := range crowd {
		newcomers = append(newcomers, identity.Newcomer{Line: n + 1, ID: newName()})
	}
	for _, user := range requireImported(t, f, newcomers...) {
		f.leave(t, user, 0)
	}
	arrivals := make([][]identity.Arrival, 4)
	for _, err := range together(len(arrivals), func(n int) (err error) {
		if n == 0 {
			_, err = f.Deletions.DeleteLeft(t.Context(), crowd)
			return err
		}
		arrivals[n], err = f.at(n).Newcomers.Import(t.Context(), newcomers)
		return err
	}) {
		require.NoError(t, err)
	}
	for n, newcomer := range newcomers {
		for _, arrival := range arrivals[1:] {
			require.NotEqual(t, identity.Imported, arrival[n].Outcome)
		}
		_, err := f.Users.Find(t.Context(), newcomer.ID)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
}
