package storagetest

import (
	"context"
	"errors"
	"fmt"
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

// race repeats a round, a tenth as often if it is to be brief. A round must not end the test: it runs in a
// goroutine of its own.
func race(t *testing.T, f fixture, rounds int, round func(t *testing.T, user identity.User,
	client identity.Client) error) {
	t.Helper()
	if f.briefly {
		rounds /= 10
	}
	client := f.newClient(t)
	failures := make([]error, pairs)
	var running sync.WaitGroup
	for pair := range pairs {
		running.Go(func() {
			for n := 0; n < rounds/pairs && failures[pair] == nil; n += perUser {
				failures[pair] = raceUser(t, f, min(perUser, rounds/pairs-n), client, round)
			}
		})
	}
	running.Wait()
	require.NoError(t, errors.Join(failures...))
}

// raceUser repeats a round with a user of its own.
func raceUser(t *testing.T, f fixture, rounds int, client identity.Client, round func(*testing.T, identity.User, identity.Client) error,
) error {
	user, err := f.Users.Create(t.Context(), newName(), "hash")
	for n := 0; n < rounds && err == nil; n++ {
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
