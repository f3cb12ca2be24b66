package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func userRaces() []testCase {
	return []testCase{
		{"a session opened while its user is disabled does not live", disableRacesOpen},
		{"a session opened while its user's password changes does not live", passwordRacesOpen},
	}
}

func sessionRaces() []testCase {
	return []testCase{
		{"sessions opened at once stay within the limit", limitRacesOpen},
		{"a session ended while it is refreshed does not live", endRacesRotate},
	}
}

// pairs is how many races run side by side, each with a user of its own: they disturb each other, and a
// server's database works on all.
const pairs = 8

// perUser is how many rounds use one user: the second finds what the first left, and nobody has so many dead
// sessions that it takes long.
const perUser = 2

// rounds is how many of so many rounds a test has: all with -storagetest.long, a fifth without, and a tenth if it
// is to be brief.
func rounds(f fixture, all int) int {
	switch {
	case f.briefly:
		return all / 10
	case Long():
		return all
	}
	return all / 5
}

// race repeats a round; see rounds. A round must not end the test: it runs in a goroutine of its own.
func race(t *testing.T, f fixture, all int, round func(t *testing.T, user identity.User,
	client identity.Client) error) {
	t.Helper()
	times := rounds(f, all)
	client := f.newClient(t)
	failures := make([]error, pairs)
	var running sync.WaitGroup
	for pair := range pairs {
		running.Go(func() {
			for n := 0; n < times/pairs && failures[pair] == nil; n += perUser {
				failures[pair] = raceUser(t, f, min(perUser, times/pairs-n), client, round)
			}
		})
	}
	running.Wait()
	require.NoError(t, errors.Join(failures...))
}

// raceUser repeats a round with a user of its own.
func raceUser(t *testing.T, f fixture, times int, client identity.Client,
	round func(*testing.T, identity.User, identity.Client) error) error {
	user, err := f.Users.Create(t.Context(), newName(), "hash")
	for n := 0; n < times && err == nil; n++ {
		err = round(t, user, client)
	}
	return err
}

// tryOpen opens a session for a user as it was read before.
func tryOpen(t *testing.T, f fixture, user identity.User, client identity.Client, limit int) error {
	_, err := f.Sessions.Open(t.Context(), newSession(user, client), user.AuthEpoch, lifetimes(), limit)
	return err
}

// live is an error unless the user has so many live sessions.
func live(t *testing.T, f fixture, user identity.User, want int) error {
	live, err := f.Sessions.List(t.Context(), user.ID)
	if err == nil && len(live) != want {
		err = fmt.Errorf("user %s has %d live sessions, not %d", user.ID, len(live), want)
	}
	return err
}

// raceOpen races the opening of a session with a rival that must not leave any alive.
func raceOpen(t *testing.T, f fixture, user identity.User, client identity.Client,
	rival func(ctx context.Context, id string) error) error {
	user, err := f.Users.Find(t.Context(), user.ID)
	if err != nil {
		return err
	}
	answers := together(2, func(n int) error {
		if n == 0 {
			return rival(t.Context(), user.ID)
		}
		if err := tryOpen(t, f.at(n), user, client, 0); !errors.Is(err, identity.ErrStale) {
			return err
		}
		return nil
	})
	return errors.Join(append(answers, live(t, f, user, 0))...)
}

func disableRacesOpen(t *testing.T, f fixture) {
	race(t, f, 1000, func(t *testing.T, user identity.User, client identity.Client) error {
		if err := f.Users.Enable(t.Context(), user.ID); err != nil {
			return err
		}
		return raceOpen(t, f, user, client, f.Users.Disable)
	})
}

func passwordRacesOpen(t *testing.T, f fixture) {
	race(t, f, 1000, func(t *testing.T, user identity.User, client identity.Client) error {
		return raceOpen(t, f, user, client, func(ctx context.Context, id string) error {
			return f.Users.SetPassword(ctx, id, "new hash")
		})
	})
}

func limitRacesOpen(t *testing.T, f fixture) {
	const limit, openings = 1, 3
	race(t, f, 1000, func(t *testing.T, user identity.User, client identity.Client) error {
		answers := together(openings, func(n int) error { return tryOpen(t, f.at(n), user, client, limit) })
		return errors.Join(append(answers, live(t, f, user, limit))...)
	})
}

// endRacesRotate has fewer rounds: both are one statement on one row, which no store needs luck to order.
func endRacesRotate(t *testing.T, f fixture) {
	race(t, f, 250, func(t *testing.T, user identity.User, client identity.Client) error {
		session, err := f.Sessions.Open(t.Context(), newSession(user, client), user.AuthEpoch, lifetimes(), 0)
		if err != nil {
			return err
		}
		answers := together(2, func(n int) error {
			if n == 0 {
				_, err := f.Sessions.End(t.Context(), session.ID, identity.EndedByClient)
				return err
			}
			_, err := f.at(n).Sessions.Rotate(t.Context(), rotated(session, session.LastSeenAt.Add(time.Second),
				nil), session.Generation)
			return err
		})
		return errors.Join(append(answers, live(t, f, user, 0))...)
	})
}

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
	sights := make([]identity.ExternalIdentity, len(users))
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
	ways := []identity.ExternalIdentity{in("op", newName(), sight("wx1", newName())), sight("wx2", newName())}
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
		if err := f.Deletions.CancelDeletion(t.Context(), user.ID); err != nil {
			return err
		}
		return raceOpen(t, f, user, client, func(ctx context.Context, id string) error {
			_, err := f.Deletions.RequestDeletion(ctx, id, grace)
			return err
		})
	})
}

// deletionRacesGifts gives a user all kinds of things while he is deleted.
func deletionRacesGifts(t *testing.T, f fixture) {
	ctx, user, client, union := t.Context(), f.newUser(t), f.newClient(t), newName()
	f.link(t, user, in("op", union, sight("wx1", newName())))
	_, err := f.Deletions.RequestDeletion(ctx, user.ID, 0)
	require.NoError(t, err)
	user = f.user(t, user.ID)
	seen := make([]identity.User, crowd)
	for n, err := range together(crowd, func(n int) (err error) {
		switch at := f.at(n / 8); n % 8 {
		case 0:
			_, err = at.Deletions.PurgeDeleted(ctx, 10)
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
	_, err = f.Deletions.PurgeDeleted(ctx, 10)
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
	_, err := f.Deletions.RequestDeletion(t.Context(), user.ID, 0)
	require.NoError(t, err)
	answers := together(2, func(n int) won {
		if n == 0 {
			deleted, err := f.Deletions.PurgeDeleted(t.Context(), 10)
			return won{deleted == 1, err}
		}
		return wonUnless(f.at(n).Deletions.CancelDeletion(t.Context(), user.ID), identity.ErrNotFound)
	})
	stayed := requireOneWinner(t, answers) == 1
	found, err := f.Users.Find(t.Context(), user.ID)
	require.Equal(t, stayed, err == nil)
	require.False(t, found.DeletionRequested())
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
