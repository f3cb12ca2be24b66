package storagetest

import (
	"errors"
	"flag"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

// Stores are what a database offers.
type Stores struct {
	Users        identity.Users
	Accounts     identity.Accounts
	Entitlements identity.Entitlements
	Deletions    identity.Deletions
	Profiles     identity.Profiles
	Apps         identity.Apps
	Clients      identity.Clients
	Sessions     identity.Sessions
	Events       identity.Events
	Merges       identity.Merges
	Keys         keys.Store

	Imports identity.Imports

	Replica *Stores // the same database as another server sees it, for races; nil: there is none
}

var long = flag.Bool("storagetest.long", false, "repeat what depends on chance up to five times as often")

// Long reports whether tests of stores are to repeat what they repeat as often as they do before a release:
// go test ./storage/sql -storagetest.long.
func Long() bool { return *long }

// crowd is how many callers do the same thing at once.
const crowd = 32

// fixture is a database under test, and its clock.
type fixture struct {
	Stores
	advance func(time.Duration) // moves the store's clock forward
	witness string              // id of a session that is there only to be asked for the store's clock
	briefly bool                // races have a tenth of their rounds, also with -storagetest.long
}

// testCase is one thing that a store must do; its name says what.
type testCase struct {
	name string
	run  func(t *testing.T, f fixture)
}

// group is test cases that share a database.
type group struct {
	name  string
	cases []testCase
}

// Run tests stores over a database. open returns them on a fresh, empty, migrated database, and a function
// that moves the store's clock forward. It is called for each group, in parallel.
func Run(t *testing.T, open func(t *testing.T) (Stores, func(time.Duration))) {
	run(t, open, testing.Short(), append([]group{
		{"users", users()},
		{"user names", usernames()},
		{"accounts", accounts()},
		{"unions", unions()},
		{"joins", joins()},
		{"linking", linking()},
		{"leaving", leaving()},
		{"profiles", profiles()},
		{"newcomers", people()},
		{"apps", apps()},
		{"phone budgets", phoneBudgets()},
		{"clients", clients()},
		{"sessions", sessions()},
		{"openings", openings()},
		{"rotations", rotations()},
		{"endings", endings()},
		{"endings listed", endingsListed()},
		{"limits", limits()},
		{"prunings", prunings()},
		{"keys", signingKeys()},
		{"events", events()},
		{"hostile texts looked up", hostileTexts()},
		{"hostile texts written", hostileWrites()},
		{"ended contexts", endedContexts()},
	}, races()...))
}

// RunRaces runs the races alone, and briefly, for a database that differs only by its settings from one that
// passed Run.
func RunRaces(t *testing.T, open func(t *testing.T) (Stores, func(time.Duration))) {
	run(t, open, true, races())
}

func races() []group {
	return []group{{"races of users", userRaces()}, {"races of sessions", sessionRaces()},
		{"races of people", peopleRaces()}, {"races of newcomers", newcomerRaces()}}
}

func run(t *testing.T, open func(t *testing.T) (Stores, func(time.Duration)), briefly bool, groups []group) {
	t.Helper()
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, briefly, open)
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, f) })
			}
		})
	}
}

func newFixture(t *testing.T, briefly bool, open func(t *testing.T) (Stores, func(time.Duration))) fixture {
	t.Helper()
	f := fixture{briefly: briefly}
	f.Stores, f.advance = open(t)
	f.witness = f.signIn(t, f.newUser(t), f.newClient(t)).ID
	return f
}

// at is the fixture as one of several parallel callers sees it: half of them are another server's, if there is one.
func (f fixture) at(caller int) fixture {
	if f.Replica != nil && caller%2 == 1 {
		f.Stores = *f.Replica
	}
	return f
}

// now reads the store's clock.
func (f fixture) now(t *testing.T) time.Time {
	t.Helper()
	_, now, err := f.Sessions.Find(t.Context(), f.witness)
	require.NoError(t, err)
	return now
}

// often repeats a test of parallel callers: one round may pass by luck.
func often(run func(t *testing.T, f fixture)) func(t *testing.T, f fixture) {
	return func(t *testing.T, f fixture) {
		times := 3
		if Long() {
			times = 5
		}
		for range times {
			run(t, f)
		}
	}
}

// together makes n calls at once and returns what each answered. A call must not end the test: it runs in a
// goroutine of its own.
func together[V any](n int, call func(n int) V) []V {
	answers := make([]V, n)
	gate := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-gate
			answers[i] = call(i)
		})
	}
	close(gate)
	running.Wait()
	return answers
}

// won is what one of many parallel calls answered.
type won struct {
	won bool
	err error
}

// wonUnless takes one error for a loser's; every other one is a failure.
func wonUnless(err, lost error) won {
	if errors.Is(err, lost) {
		return won{}
	}
	return won{err == nil, err}
}

// requireOneWinner returns which call won.
func requireOneWinner(t *testing.T, answers []won) int {
	t.Helper()
	winner := -1
	for n, answer := range answers {
		require.NoError(t, answer.err)
		if answer.won {
			require.Equal(t, -1, winner, "more than one winner")
			winner = n
		}
	}
	require.NotEqual(t, -1, winner, "no winner")
	return winner
}

// sameInstant allows for a store's rounding to the millisecond.
func sameInstant(t *testing.T, want, got time.Time) {
	t.Helper()
	require.WithinDuration(t, want, got, time.Millisecond)
}

// between allows for the same rounding.
func between(t *testing.T, from, to, got time.Time) {
	t.Helper()
	require.WithinRange(t, got, from.Add(-time.Millisecond), to.Add(time.Millisecond))
}
