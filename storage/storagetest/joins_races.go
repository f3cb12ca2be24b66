package storagetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func joinRaces() []testCase {
	return []testCase{
		{"of parallel joins of two users, whichever way, one wins", often(parallelJoins)},
		{"an account first seen while its user is joined is the survivor's", joinRacesSight},
		{"a union first seen while its user is joined is the survivor's", joinRacesUnion},
		{"a user who leaves while joined either does, or is joined", often(joinRacesLeave)},
		{"an account that is unlinked while its join is undone is remembered by none", often(undoRacesUnlink)},
		{"a session opened while its user is joined or parted does not live", joinRacesOpen},
	}
}

func parallelJoins(t *testing.T, f fixture) {
	c := newCouple(t, f)
	won := requireOneWinner(t, together(crowd, func(n int) won {
		pair := [2]string{c.retired.ID, c.survivor.ID}
		if n/2%2 == 1 { // of either server's
			pair = [2]string{c.survivor.ID, c.retired.ID}
		}
		_, err := f.at(n).Joins.Join(t.Context(), pair[0], pair[1])
		return wonUnless(err, identity.ErrExists)
	}))
	retired, survivor := c.retired, c.survivor
	if won/2%2 == 1 {
		retired, survivor = survivor, retired
	}
	requireJoined(t, f, retired, survivor)
	require.Empty(t, f.user(t, survivor.ID).JoinedInto)
	require.Len(t, f.eventsOf(t, identity.EventUserJoined, retired.ID), 1)
	require.Empty(t, f.eventsOf(t, identity.EventUserJoined, survivor.ID))
	for _, s := range []identity.Sighting{c.of, c.own, c.alone} {
		f.requireSeen(t, f.user(t, survivor.ID), s)
	}
}

// raceJoin joins a couple while others sign in, and wants all of them to be the survivor from then on.
func raceJoin(t *testing.T, f fixture, sightings func(c couple) []identity.Sighting) {
	t.Helper()
	rounds := 40
	if f.briefly {
		rounds = 4
	}
	for range rounds {
		c := newCouple(t, f)
		seen := sightings(c)
		for _, err := range together(len(seen)+1, func(n int) error {
			if n == len(seen) {
				_, err := f.Joins.Join(t.Context(), c.retired.ID, c.survivor.ID)
				return err
			}
			_, _, err := f.at(n).Accounts.FindOrCreateUser(t.Context(), seen[n])
			return err
		}) {
			require.NoError(t, err)
		}
		survivor := f.user(t, c.survivor.ID)
		for _, s := range seen {
			f.requireSeen(t, survivor, s)
			if s.HasUnion() {
				f.requireSeen(t, survivor, in(s.OpenPlatform, s.UnionID, sight("later than "+s.App, newName())))
			}
		}
	}
}

func joinRacesSight(t *testing.T, f fixture) {
	raceJoin(t, f, func(c couple) (seen []identity.Sighting) {
		for _, app := range []string{"wx4", "wx5", "wx6", "wx7"} {
			seen = append(seen, in(c.alone.OpenPlatform, c.alone.UnionID, sight(app, newName())))
		}
		return seen
	})
}

func joinRacesUnion(t *testing.T, f fixture) {
	raceJoin(t, f, func(c couple) []identity.Sighting {
		return []identity.Sighting{in(newName(), newName(), c.of), in(newName(), newName(), c.alone)}
	})
}

func joinRacesLeave(t *testing.T, f fixture) {
	user, survivor := f.newUser(t), f.newUser(t)
	left := requireOneWinner(t, together(2, func(n int) won {
		if n == 0 {
			_, err := f.Joins.Join(t.Context(), user.ID, survivor.ID)
			return wonUnless(err, identity.ErrExists)
		}
		_, err := f.at(n).Deletions.Leave(t.Context(), user.ID, grace)
		return wonUnless(err, identity.ErrNotFound)
	})) == 1
	found := f.user(t, user.ID)
	require.Equal(t, left, found.Leaving())
	require.Equal(t, left, found.JoinedInto == "")
}

func undoRacesUnlink(t *testing.T, f fixture) {
	c := newCouple(t, f)
	join := f.join(t, c.retired, c.survivor)
	unlinked := false
	for _, err := range together(2, func(n int) error {
		if n == 0 {
			_, err := f.Joins.Undo(t.Context(), join.ID)
			return err
		}
		_, err := f.at(n).Accounts.Unlink(t.Context(), c.survivor.ID, c.alone.AccountKey)
		answer := wonUnless(err, identity.ErrNotFound)
		unlinked = answer.won
		return answer.err
	}) {
		require.NoError(t, err)
	}
	remembered := listJoins(t, f, 1)[0]
	require.False(t, remembered.UndoneAt.IsZero())
	join.UndoneAt = remembered.UndoneAt
	require.Equal(t, blank(join), remembered)
	if unlinked {
		f.requireAccounts(t, c.retired, c.of.AccountKey)
	} else {
		f.requireAccounts(t, c.retired, c.of.AccountKey, c.alone.AccountKey)
	}
}

func joinRacesOpen(t *testing.T, f fixture) {
	race(t, f, 250, func(t *testing.T, retired identity.User, client identity.Client) error {
		survivor, err := f.Users.Create(t.Context(), newName(), "hash")
		if err != nil {
			return err
		}
		var join identity.Join
		err = raceOpen(t, f, retired, client, func(ctx context.Context, id string) (err error) {
			join, err = f.Joins.Join(ctx, id, survivor.ID)
			return err
		})
		if err != nil {
			return err
		}
		return raceOpen(t, f, survivor, client, func(ctx context.Context, _ string) error {
			_, err := f.Joins.Undo(ctx, join.ID)
			return err
		})
	})
}
