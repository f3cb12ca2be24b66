// Package storagetest tests what every store must do.
//
// It specifies the store interfaces of identity and keys: each sentence of their comments is a subtest with the rule
// as its name, with real goroutines and no mocks. It does not implement a store, and does not test what only one
// technology can get wrong (its dialect, its migrations, its size): those tests are next to the store. A store's own
// test calls [Run] or [RunVolatile], or [RunRaces] for another configuration of the same database.
//
// Subtests of one group share a database, one after the other; each creates its own users and clients. Groups run in
// parallel. Races run up to 200 rounds each; 1000 with -storagetest.long, and 100 with -short.
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

// Stores are the stores of one database.
type Stores struct {
	Users        identity.Users
	Accounts     identity.Accounts
	Entitlements identity.Entitlements
	Deletions    identity.Deletions
	Profiles     identity.Profiles
	Apps         identity.Apps
	Clients      identity.Clients
	Sessions     identity.Sessions
	Browsers     identity.BrowserSessions
	Consents     identity.Consents
	Notices      identity.LogoutNotices
	Events       identity.Events
	Merges       identity.Merges
	Pushes       identity.Pushes
	Withdrawals  identity.Withdrawals
	Keys         keys.Store

	Imports           identity.Imports
	WithdrawalNotices identity.WithdrawalNotices

	Replica *Stores // the same database from another server, for races; nil: none
}

var long = flag.Bool("storagetest.long", false, "repeat tests that depend on timing up to five times as often")

// Long reports whether tests that depend on timing are repeated as often as before a release: go test ./storage/sql
// -storagetest.long.
func Long() bool { return *long }

// callers is how many callers do the same in parallel.
const callers = 32

// fixture is a database under test, and its clock.
type fixture struct {
	Stores
	advance      func(time.Duration) // moves the store's clock forward
	clockSession string              // a session for reading the store's clock
	brief        bool                // run a tenth of the rounds of races, even with -storagetest.long
}

// testCase is a rule for stores, with the rule as its name.
type testCase struct {
	name string
	run  func(t *testing.T, f fixture)
}

// group is a list of test cases that share a database.
type group struct {
	name  string
	cases []testCase
}

// Run tests the stores of a database. For each group, in parallel, it calls open, which returns the stores of a
// fresh, empty, migrated database, and a function that advances the store's clock.
func Run(t *testing.T, open func(t *testing.T) (Stores, func(time.Duration))) {
	run(t, open, testing.Short(), append([]group{
		{"users", users()},
		{"user names", usernames()},
		{"accounts", accounts()},
		{"unions", unions()},
		{"merges", merges()},
		{"linking", linking()},
		{"deletions", deletionRequests()},
		{"profiles", profiles()},
		{"imports", imports()},
		{"apps", apps()},
		{"phone budgets", phoneBudgets()},
		{"pushes", pushes()},
		{"withdrawals", withdrawals()},
		{"withdrawal notices", withdrawalNotices()},
		{"clients", clients()},
		{"sessions", sessions()},
		{"openings", openings()},
		{"rotations", rotations()},
		{"endings", endings()},
		{"endings listed", endingsListed()},
		{"limits", limits()},
		{"prunings", prunings()},
		{"browser sessions", browserSessions()},
		{"endings of browser sessions", browserEndings()},
		{"consents", consents()},
		{"keys", signingKeys()},
		{"events", events()},
		{"hostile texts looked up", hostileTexts()},
		{"hostile texts written", hostileWrites()},
		{"ended contexts", endedContexts()},
	}, races()...))
}

// RunRaces runs only the races, with a tenth of the rounds, for a database that differs from one that passed Run only
// by its settings.
func RunRaces(t *testing.T, open func(t *testing.T) (Stores, func(time.Duration))) {
	run(t, open, true, races())
}

func races() []group {
	return []group{{"races of users", userRaces()}, {"races of sessions", sessionRaces()},
		{"races of browser sessions", browserRaces()},
		{"races of accounts", accountRaces()}, {"races of imports", importRaces()}}
}

func run(t *testing.T, open func(t *testing.T) (Stores, func(time.Duration)), brief bool, groups []group) {
	t.Helper()
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, brief, open)
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, f) })
			}
		})
	}
}

func newFixture(t *testing.T, brief bool, open func(t *testing.T) (Stores, func(time.Duration))) fixture {
	t.Helper()
	f := fixture{brief: brief}
	f.Stores, f.advance = open(t)
	f.clockSession = f.signIn(t, f.newUser(t), f.newClient(t)).ID
	return f
}

// at returns the fixture of one of several parallel callers. If there is a replica, every second caller uses it.
func (f fixture) at(caller int) fixture {
	if f.Replica != nil && caller%2 == 1 {
		f.Stores = *f.Replica
	}
	return f
}

// now returns the time of the store's clock.
func (f fixture) now(t *testing.T) time.Time {
	t.Helper()
	_, now, err := f.Sessions.Find(t.Context(), f.clockSession)
	require.NoError(t, err)
	return now
}

// often repeats a test of parallel callers, since one round may pass by luck.
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

// inParallel makes n calls in parallel and returns the result of each. A call must not call t.FailNow, since it runs
// in a separate goroutine.
func inParallel[V any](n int, call func(n int) V) []V {
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

// won is the result of one of several parallel calls of which one should win.
type won struct {
	won bool
	err error
}

// wonUnless returns a result in which lost is the error of a call that did not win, and every other error is a
// failure.
func wonUnless(err, lost error) won {
	if errors.Is(err, lost) {
		return won{}
	}
	return won{err == nil, err}
}

// requireOneWinner requires exactly one call to win and returns its number.
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

// sameInstant requires two times to be equal, apart from a store's rounding to milliseconds.
func sameInstant(t *testing.T, want, got time.Time) {
	t.Helper()
	require.WithinDuration(t, want, got, time.Millisecond)
}

// between requires a time to be in a range, apart from a store's rounding to milliseconds.
func between(t *testing.T, from, to, got time.Time) {
	t.Helper()
	require.WithinRange(t, got, from.Add(-time.Millisecond), to.Add(time.Millisecond))
}
