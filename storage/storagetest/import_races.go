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
func newNewcomers(size int) (people []identity.ImportedUser) {
	for n := range size {
		people = append(people, identity.ImportedUser{Line: n + 1,
			Identities: []identity.ExternalIdentity{in("op", newName(), sight("wx1", newName()))}})
	}
	return people
}

func importRacesSights(t *testing.T, f fixture) {
	people := newNewcomers(crowd)
	arrivals, seen := make([][]identity.ImportResult, 2), make([]identity.User, crowd)
	for _, err := range together(crowd+2, func(n int) (err error) {
		if n >= crowd {
			arrivals[n-crowd], err = f.at(n).Imports.Import(t.Context(), people)
			return err
		}
		seen[n], _, err = f.at(n).Accounts.FindOrCreateUser(t.Context(), people[n].Identities[0])
		return err
	}) {
		require.NoError(t, err)
	}
	for n, person := range people {
		user := f.user(t, seen[n].ID)
		f.requireSeen(t, user, person.Identities[0])
		requireConflicts(t, f, user, 0)
		for _, arrival := range arrivals {
			require.Equal(t, user.ID, arrival[n].UserID)
			require.NotEqual(t, identity.Refused, arrival[n].Outcome)
			require.Empty(t, arrival[n].Warnings)
		}
	}
}

func importRacesItself(t *testing.T, f fixture) {
	people := newNewcomers(crowd)
	for n := range people {
		people[n].Username = newName()
		people[n].Profile = fullProfile()
	}
	backwards := slices.Clone(people)
	slices.Reverse(backwards)
	const imports = 4
	arrivals := make([][]identity.ImportResult, imports)
	for _, err := range together(imports, func(n int) (err error) {
		brought := people
		if n >= imports/2 {
			brought = backwards
		}
		arrivals[n], err = f.at(n).Imports.Import(t.Context(), brought)
		return err
	}) {
		require.NoError(t, err)
	}
	for n := range people {
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
		require.Equal(t, people[n].Username, user.Username)
		require.Equal(t, fullProfile(), f.details(t, user.ID).Profile)
		f.requireSeen(t, user, people[n].Identities[0])
	}
}

func importRacesCreations(t *testing.T, f fixture) {
	people := newNewcomers(crowd)
	for n := range people {
		people[n].Username = newName()
	}
	var arrivals []identity.ImportResult
	created := make([]identity.User, crowd)
	for _, err := range together(crowd+1, func(n int) (err error) {
		if n == crowd {
			arrivals, err = f.at(n).Imports.Import(t.Context(), people)
			return err
		}
		created[n], err = f.at(n).Users.Create(t.Context(), people[n].Username, "hash")
		if errors.Is(err, identity.ErrExists) {
			return nil
		}
		return err
	}) {
		require.NoError(t, err)
	}
	for n, arrival := range arrivals {
		named, err := f.Users.FindByUsername(t.Context(), people[n].Username)
		require.NoError(t, err)
		if created[n].ID == "" {
			require.Equal(t, identity.ImportResult{Outcome: identity.Imported, UserID: named.ID}, arrival)
			continue
		}
		require.Equal(t, created[n].ID, named.ID)
		require.Equal(t, fmt.Sprintf("the user name belongs to %s, and the account at wx1 does not", named.ID),
			arrival.Reason)
	}
}

func importRacesDeletion(t *testing.T, f fixture) {
	var people []identity.ImportedUser
	for n := range crowd {
		people = append(people, identity.ImportedUser{Line: n + 1, ID: newName()})
	}
	for _, user := range requireImported(t, f, people...) {
		f.leave(t, user, 0)
	}
	arrivals := make([][]identity.ImportResult, 4)
	for _, err := range together(len(arrivals), func(n int) (err error) {
		if n == 0 {
			_, err = f.Deletions.PurgeDeleted(t.Context(), crowd)
			return err
		}
		arrivals[n], err = f.at(n).Imports.Import(t.Context(), people)
		return err
	}) {
		require.NoError(t, err)
	}
	for n, person := range people {
		for _, arrival := range arrivals[1:] {
			require.NotEqual(t, identity.Imported, arrival[n].Outcome)
		}
		_, err := f.Users.Find(t.Context(), person.ID)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
}
