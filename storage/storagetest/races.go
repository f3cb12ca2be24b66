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
		{"a session opened while its user is disabled ends", disableRacesOpen},
		{"a session opened while its user's password changes ends", passwordRacesOpen},
	}
}

func sessionRaces() []testCase {
	return []testCase{
		{"sessions opened in parallel stay within the limit", limitRacesOpen},
		{"a session ended while it is refreshed stays ended", endRacesRotate},
	}
}

// pairs is how many races run in parallel, each with its own user, so that the database is busy with all of them.
const pairs = 8

// perUser is how many rounds use one user: the second one finds what the first one left. With more rounds a user
// would have so many ended sessions that tests become slow.
const perUser = 2

// rounds returns how many of all rounds a test runs: all with -storagetest.long, a fifth without, and a tenth if f is
// brief.
func rounds(f fixture, all int) int {
	switch {
	case f.brief:
		return all / 10
	case Long():
		return all
	}
	return all / 5
}

// race repeats a round; see rounds. A round must not call t.FailNow, since it runs in a separate goroutine.
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

// raceUser repeats a round with a new user.
func raceUser(t *testing.T, f fixture, times int, client identity.Client,
	round func(*testing.T, identity.User, identity.Client) error) error {
	user, err := f.Users.Create(t.Context(), newName(), "hash")
	for n := 0; n < times && err == nil; n++ {
		err = round(t, user, client)
	}
	return err
}

// tryOpen opens a session for a user as the caller read it.
func tryOpen(t *testing.T, f fixture, user identity.User, client identity.Client, limit int) error {
	_, err := f.Sessions.Open(t.Context(), newSession(user, client), user.AuthEpoch, lifetimes(), limit)
	return err
}

// live returns an error unless the user has the given number of active sessions.
func live(t *testing.T, f fixture, user identity.User, want int) error {
	live, err := f.Sessions.List(t.Context(), user.ID)
	if err == nil && len(live) != want {
		err = fmt.Errorf("user %s has %d active sessions, not %d", user.ID, len(live), want)
	}
	return err
}

// raceOpen opens a session in parallel with a rival after which no session may be active.
func raceOpen(t *testing.T, f fixture, user identity.User, client identity.Client,
	rival func(ctx context.Context, id string) error) error {
	user, err := f.Users.Find(t.Context(), user.ID)
	if err != nil {
		return err
	}
	answers := inParallel(2, func(n int) error {
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
		answers := inParallel(openings, func(n int) error { return tryOpen(t, f.at(n), user, client, limit) })
		return errors.Join(append(answers, live(t, f, user, limit))...)
	})
}

// endRacesRotate has fewer rounds, since both are one statement on one row, which every store orders reliably.
func endRacesRotate(t *testing.T, f fixture) {
	race(t, f, 250, func(t *testing.T, user identity.User, client identity.Client) error {
		session, err := f.Sessions.Open(t.Context(), newSession(user, client), user.AuthEpoch, lifetimes(), 0)
		if err != nil {
			return err
		}
		answers := inParallel(2, func(n int) error {
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
	e, users := inUnion("op", newName(), newIdentity("wx1")), make([]identity.User, 8)
	for n := range users {
		users[n] = f.newUser(t)
	}
	winner := requireOneWinner(t, inParallel(len(users), func(n int) won {
		return wonUnless(f.at(n).Accounts.Link(t.Context(), users[n].ID, e), identity.ErrExists)
	}))
	f.requireUser(t, inUTC(users[winner]), e)
	for n, user := range users {
		require.Equal(t, n == winner, len(f.eventsOf(t, identity.EventLinked, user.ID)) == 1)
	}
	for _, err := range inParallel(callers, func(n int) error {
		return f.at(n).Accounts.Link(t.Context(), users[winner].ID,
			e)
	}) {
		require.NoError(t, err, "the user's own account")
	}
}

func parallelLinksOfUnion(t *testing.T, f fixture) {
	union, users := newName(), make([]identity.User, 8)
	externals := make([]identity.ExternalIdentity, len(users))
	for n := range users {
		users[n], externals[n] = f.newUser(t), inUnion("op", union, newIdentity("wx1"))
	}
	winner := requireOneWinner(t, inParallel(len(users), func(n int) won {
		return wonUnless(f.at(n).Accounts.Link(t.Context(), users[n].ID, externals[n]), identity.ErrExists)
	}))
	for n, user := range users {
		if n != winner {
			f.requireAccounts(t, user)
		}
	}
	f.requireUser(t, inUTC(users[winner]), inUnion("op", union, newIdentity("wx2")))
}

func linkRacesSignIn(t *testing.T, f fixture) {
	e, user := inUnion("op", newName(), newIdentity("wx1")), f.newUser(t)
	var signedIn identity.User
	answers := inParallel(2, func(n int) won {
		if n == 0 {
			return wonUnless(f.Accounts.Link(t.Context(), user.ID, e), identity.ErrExists)
		}
		var err error
		signedIn, _, err = f.at(n).Accounts.FindOrCreateUser(t.Context(), e)
		return won{err: err}
	})
	require.NoError(t, errors.Join(answers[0].err, answers[1].err))
	require.Equal(t, answers[0].won, signedIn.ID == user.ID)
	f.requireUser(t, inUTC(signedIn), e)
}

func lastUnlinksRace(t *testing.T, f fixture) {
	ways := []identity.ExternalIdentity{inUnion("op", newName(), newIdentity("wx1")), newIdentity("wx2")}
	user := f.requireNewUser(t, ways[0])
	f.link(t, user, ways[1])
	winner := requireOneWinner(t, inParallel(2, func(n int) won {
		_, err := f.at(n).Accounts.Unlink(t.Context(), user.ID, ways[n].AccountKey)
		return wonUnless(err, identity.ErrLastWayIn)
	}))
	f.requireAccounts(t, user, ways[1-winner].AccountKey)
}

func unlinkRacesOpen(t *testing.T, f fixture) {
	race(t, f, 250, func(t *testing.T, user identity.User, client identity.Client) error {
		e := newIdentity("wx1")
		if err := f.Accounts.Link(t.Context(), user.ID, e); err != nil {
			return err
		}
		user, err := f.Users.Find(t.Context(), user.ID)
		if err != nil {
			return err
		}
		session := newSession(user, client)
		session.Account = e.AccountKey
		answers := inParallel(2, func(n int) error {
			if n == 0 {
				_, err := f.Accounts.Unlink(t.Context(), user.ID, e.AccountKey)
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

// unlinkRacesSignIn unlinks a union while its person signs in at another app. In either order, no account of the
// union may remain with the user.
func unlinkRacesSignIn(t *testing.T, f fixture) {
	union := newName()
	known, fresh := inUnion("op", union, newIdentity("wx1")), inUnion("op", union, newIdentity("wx2"))
	user := f.newUser(t)
	f.link(t, user, known)
	var signedIn identity.User
	for _, err := range inParallel(2, func(n int) (err error) {
		if n == 0 {
			_, err = f.Accounts.Unlink(t.Context(), user.ID, known.AccountKey)
			return err
		}
		signedIn, _, err = f.at(n).Accounts.FindOrCreateUser(t.Context(), fresh)
		return err
	}) {
		require.NoError(t, err)
	}
	f.requireAccounts(t, user)
	again, _ := f.findOrCreate(t, fresh)
	require.NotEqual(t, user.ID, again.ID)
	if signedIn.ID != user.ID {
		require.Equal(t, signedIn.ID, again.ID)
	}
	f.requireUser(t, again, known)
}

func accountRaces() []testCase {
	return []testCase{
		{"one of several users who link one account in parallel succeeds", often(parallelLinksOfAccount)},
		{"one of several users who link accounts of one union in parallel succeeds", often(parallelLinksOfUnion)},
		{"an account that is linked while it signs in belongs to one user", often(linkRacesSignIn)},
		{"one of the last two accounts stays if both are unlinked in parallel", often(lastUnlinksRace)},
		{"a session opened while its account is unlinked ends", unlinkRacesOpen},
		{"an account of a union that is unlinked does not come back in parallel", often(unlinkRacesSignIn)},
		{"a session opened while its user's deletion is requested ends", deletionRacesOpen},
		{"data added to a user who is being deleted is rejected or deleted", often(purgeRacesWrites)},
		{"a deletion is either canceled or done", often(cancelRacesPurge)},
		{"parallel requests get no more phone numbers than the budget", often(parallelSpending)},
	}
}

func deletionRacesOpen(t *testing.T, f fixture) {
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

// purgeRacesWrites adds all kinds of data to a user who is being deleted.
func purgeRacesWrites(t *testing.T, f fixture) {
	ctx, user, client, union := t.Context(), f.newUser(t), f.newClient(t), newName()
	f.link(t, user, inUnion("op", union, newIdentity("wx1")))
	_, err := f.Deletions.RequestDeletion(ctx, user.ID, 0)
	require.NoError(t, err)
	user = f.user(t, user.ID)
	signedIn := make([]identity.User, callers)
	for n, err := range inParallel(callers, func(n int) (err error) {
		switch at := f.at(n / 8); n % 8 {
		case 0:
			_, err = at.Deletions.PurgeDeleted(ctx, 10)
		case 1:
			err = at.Accounts.Link(ctx, user.ID, newIdentity(fmt.Sprint("link", n)))
		case 2:
			signedIn[n], _, err = at.Accounts.FindOrCreateUser(ctx,
				inUnion("op", union, newIdentity(fmt.Sprint("see", n))))
		case 3:
			err = at.Profiles.Choose(ctx, user.ID, fullProfile())
		case 4:
			err = at.Profiles.SetPhone(ctx, user.ID, identity.Phone{Number: "+8613800000000"})
		case 5:
			err = tryOpen(t, at, user, client, 1)
		case 6:
			err = at.Users.SetUsername(ctx, user.ID, strings.ToUpper(user.Username))
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
	requireDeleted(t, f, user)
	f.requireAccounts(t, user)
	require.Zero(t, f.details(t, user.ID))
	f.requireLive(t, user)
	for _, signedIn := range signedIn {
		if signedIn.ID != "" && signedIn.ID != user.ID {
			require.Equal(t, signedIn.ID, f.user(t, signedIn.ID).ID, "the user of a sign-in after the deletion exists")
		}
	}
}

func cancelRacesPurge(t *testing.T, f fixture) {
	user := f.newUser(t)
	_, err := f.Deletions.RequestDeletion(t.Context(), user.ID, 0)
	require.NoError(t, err)
	answers := inParallel(2, func(n int) won {
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
	for _, answer := range inParallel(callers, func(n int) (answer won) {
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
