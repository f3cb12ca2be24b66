package storagetest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func parallelLinksOfAccount(t *testing.T, f fixture) {
	s, users := in("op", newName(), sight("wx1", newName())), make([]identity.User, 8)
	for n := range users {
		users[n] = f.newUser(t)
	}
	winner := requireOneWinner(t, together(len(users), func(n int) won {
		return wonUnless(f.at(n).Accounts.Link(t.Context(), users[n].ID, s), identity.ErrExists)
	}))
	f.requireSeen(t, inUTC(users[winner]), s)
	for n, user := range users {
		require.Equal(t, n == winner, len(f.eventsOf(t, identity.EventLinked, user.ID)) == 1)
	}
	for _, err := range together(crowd, func(n int) error {
		return f.at(n).Accounts.Link(t.Context(), users[winner].ID,
			s)
	}) {
		require.NoError(t, err, "one's own")
	}
}

func parallelLinksOfUnion(t *testing.T, f fixture) {
	union, users := newName(), make([]identity.User, 8)
	sights := make([]identity.Sighting, len(users))
	for n := range users {
		users[n], sights[n] = f.newUser(t), in("op", union, sight("wx1", newName()))
	}
	winner := requireOneWinner(t, together(len(users), func(n int) won {
		return wonUnless(f.at(n).Accounts.Link(t.Context(), users[n].ID, sights[n]), identity.ErrExists)
	}))
	for n, user := range users {
		if n != winner {
			f.requireAccounts(t, user)
		}
	}
	f.requireSeen(t, inUTC(users[winner]), in("op", union, sight("wx2", newName())))
}

func linkRacesSight(t *testing.T, f fixture) {
	s, user := in("op", newName(), sight("wx1", newName())), f.newUser(t)
	var seen identity.User
	answers := together(2, func(n int) won {
		if n == 0 {
			return wonUnless(f.Accounts.Link(t.Context(), user.ID, s), identity.ErrExists)
		}
		var err error
		seen, _, err = f.at(n).Accounts.FindOrCreateUser(t.Context(), s)
		return won{err: err}
	})
	require.NoError(t, errors.Join(answers[0].err, answers[1].err))
	require.Equal(t, answers[0].won, seen.ID == user.ID)
	f.requireSeen(t, inUTC(seen), s)
}

func lastWaysRace(t *testing.T, f fixture) {
	ways := []identity.Sighting{in("op", newName(), sight("wx1", newName())), sight("wx2", newName())}
	user := f.requireNew(t, ways[0])
	f.link(t, user, ways[1])
	winner := requireOneWinner(t, together(2, func(n int) won {
		_, err := f.at(n).Accounts.Unlink(t.Context(), user.ID, ways[n].AccountKey)
		return wonUnless(err, identity.ErrLastWayIn)
	}))
	f.requireAccounts(t, user, ways[1-winner].AccountKey)
}

func unlinkRacesOpen(t *testing.T, f fixture) {
	race(t, f, 250, func(t *testing.T, user identity.User, client identity.Client) error {
		s := sight("wx1", newName())
		if err := f.Accounts.Link(t.Context(), user.ID, s); err != nil {
			return err
		}
		user, err := f.Users.Find(t.Context(), user.ID)
		if err != nil {
			return err
		}
		session := newSession(user, client)
		session.Account = s.AccountKey
		answers := together(2, func(n int) error {
			if n == 0 {
				_, err := f.Accounts.Unlink(t.Context(), user.ID, s.AccountKey)
				return err
			}
			if _, err := f.at(n).Sessions.Open(t.Context(), session, user.AuthEpoch, lifetimes(),
				0); !errors.Is(err, identity.ErrStale) {
				return err
			}
			return nil
		})
		return errors.Join(append(answers, live(t, f, user, 0))...)
	})
}

// unlinkRacesSight unlinks a union while its person signs in at another app. Whoever comes first, no account
// of it is left with the user whose union is gone.
func unlinkRacesSight(t *testing.T, f fixture) {
	union := newName()
	known, fresh := in("op", union, sight("wx1", newName())), in("op", union, sight("wx2", newName()))
	user := f.newUser(t)
	f.link(t, user, known)
	var seen identity.User
	for _, err := range together(2, func(n int) (err error) {
		if n == 0 {
			_, err = f.Accounts.Unlink(t.Context(), user.ID, known.AccountKey)
			return err
		}
		seen, _, err = f.at(n).Accounts.FindOrCreateUser(t.Context(), fresh)
		return err
	}) {
		require.NoError(t, err)
	}
	f.requireAccounts(t, user)
	again, _ := f.see(t, fresh)
	require.NotEqual(t, user.ID, again.ID)
	if seen.ID != user.ID {
		require.Equal(t, seen.ID, again.ID)
	}
	f.requireSeen(t, again, known)
}
