package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func importRaces() []testCase {
	return []testCase{
		{"accounts that sign in during their import each belong to one user", often(importRacesSignIns)},
		{"parallel imports of the same rows create each user once", often(importRacesItself)},
		{"a name that is taken during its import belongs to one user", often(importRacesCreations)},
		{"an id that is imported while its user is deleted is not reused", often(importRacesDeletion)},
	}
}

// newImportedUsers returns rows that have accounts at one app.
func newImportedUsers(size int) (rows []identity.ImportedUser) {
	for n := range size {
		rows = append(rows, identity.ImportedUser{Line: n + 1,
			Identities: []identity.ExternalIdentity{inUnion("op", newName(), newIdentity("wx1"))}})
	}
	return rows
}

func importRacesSignIns(t *testing.T, f fixture) {
	rows := newImportedUsers(callers)
	results, signedIn := make([][]identity.ImportResult, 2), make([]identity.User, callers)
	for _, err := range inParallel(callers+2, func(n int) (err error) {
		if n >= callers {
			results[n-callers], err = f.at(n).Imports.Import(t.Context(), rows)
			return err
		}
		signedIn[n], _, err = f.at(n).Accounts.FindOrCreateUser(t.Context(), rows[n].Identities[0])
		return err
	}) {
		require.NoError(t, err)
	}
	for n, row := range rows {
		user := f.user(t, signedIn[n].ID)
		f.requireUser(t, user, row.Identities[0])
		requireConflicts(t, f, user, 0)
		for _, result := range results {
			require.Equal(t, user.ID, result[n].UserID)
			require.NotEqual(t, identity.Refused, result[n].Outcome)
			require.Empty(t, result[n].Warnings)
		}
	}
}

func importRacesItself(t *testing.T, f fixture) {
	rows := newImportedUsers(callers)
	for n := range rows {
		rows[n].Username = newName()
		rows[n].Profile = fullProfile()
	}
	backwards := slices.Clone(rows)
	slices.Reverse(backwards)
	const imports = 4
	results := make([][]identity.ImportResult, imports)
	for _, err := range inParallel(imports, func(n int) (err error) {
		order := rows
		if n >= imports/2 {
			order = backwards
		}
		results[n], err = f.at(n).Imports.Import(t.Context(), order)
		return err
	}) {
		require.NoError(t, err)
	}
	for n := range rows {
		imported := 0
		for k, result := range results {
			at := n
			if k >= imports/2 {
				at = callers - 1 - n
			}
			require.Equal(t, results[0][n].UserID, result[at].UserID)
			require.NotEqual(t, identity.Refused, result[at].Outcome, result[at].Reason)
			if result[at].Outcome == identity.Imported {
				imported++
			}
		}
		require.Equal(t, 1, imported)
		user := f.user(t, results[0][n].UserID)
		require.Equal(t, rows[n].Username, user.Username)
		require.Equal(t, fullProfile(), f.details(t, user.ID).Profile)
		f.requireUser(t, user, rows[n].Identities[0])
	}
}

func importRacesCreations(t *testing.T, f fixture) {
	rows := newImportedUsers(callers)
	for n := range rows {
		rows[n].Username = newName()
	}
	var results []identity.ImportResult
	created := make([]identity.User, callers)
	for _, err := range inParallel(callers+1, func(n int) (err error) {
		if n == callers {
			results, err = f.at(n).Imports.Import(t.Context(), rows)
			return err
		}
		created[n], err = f.at(n).Users.Create(t.Context(), rows[n].Username, "hash")
		if errors.Is(err, identity.ErrExists) {
			return nil
		}
		return err
	}) {
		require.NoError(t, err)
	}
	for n, result := range results {
		named, err := f.Users.FindByUsername(t.Context(), rows[n].Username)
		require.NoError(t, err)
		if created[n].ID == "" {
			require.Equal(t, identity.ImportResult{Outcome: identity.Imported, UserID: named.ID}, result)
			continue
		}
		require.Equal(t, created[n].ID, named.ID)
		require.Equal(t, fmt.Sprintf("the user name belongs to %s, and the account at wx1 does not", named.ID),
			result.Reason)
	}
}

func importRacesDeletion(t *testing.T, f fixture) {
	var rows []identity.ImportedUser
	for n := range callers {
		rows = append(rows, identity.ImportedUser{Line: n + 1, ID: newName()})
	}
	for _, user := range requireImported(t, f, rows...) {
		f.requestDeletion(t, user, 0)
	}
	results := make([][]identity.ImportResult, 4)
	for _, err := range inParallel(len(results), func(n int) (err error) {
		if n == 0 {
			_, err = f.Deletions.PurgeDeleted(t.Context(), callers)
			return err
		}
		results[n], err = f.at(n).Imports.Import(t.Context(), rows)
		return err
	}) {
		require.NoError(t, err)
	}
	for n, row := range rows {
		for _, result := range results[1:] {
			require.NotEqual(t, identity.Imported, result[n].Outcome)
		}
		_, err := f.Users.Find(t.Context(), row.ID)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
}
