package main

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// both has each visit ask both replicas at once, and returns the answers, of the first visit first.
func (f *faults) both(t *testing.T, ask func(*visit) question, visits ...*visit) []shown {
	t.Helper()
	answers, errs := make([]shown, 2*len(visits)), make([]error, 2*len(visits))
	var asking sync.WaitGroup
	for n := range answers {
		v := visits[n/2]
		q := ask(v)
		asking.Go(func() { answers[n], errs[n] = v.send(f.replicas[n%2], q) })
	}
	asking.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	return answers
}

// raceForCode: of two users who follow the link of a pushed request at once, each twice, one gets a code.
func (f *faults) raceForCode(t *testing.T, alice, bob *visit) {
	t.Helper()
	alice.takePushed(f.answered(t, alice, f.replicas[0], nil, pushing(alice), false))
	bob.link = alice.link
	codes := 0
	for _, answer := range f.both(t, returning, alice, bob) {
		if !strings.HasPrefix(answer.header.Get("Location"), callback) {
			says(http.StatusBadRequest, startAgain)(alice, answer)
			continue
		}
		codes++
		alice.takeCode(answer)
	}
	require.Equal(t, 1, codes)
	alice.takeTokens(f.answered(t, alice, f.replicas[1], nil, redeeming("site", "itself")(alice), false))
}

// raceForDevice: of two users who approve a device at once, each twice, one does, and of four polls at once with keys
// of their own one gets tokens for that user.
func (f *faults) raceForDevice(t *testing.T, alice, bob *visit) {
	t.Helper()
	alice.takeDevice(f.answered(t, alice, f.replicas[0], nil, starting(alice), false))
	bob.link, bob.deviceCode = alice.link, alice.deviceCode
	for n, v := range []*visit{alice, bob} {
		v.takeForm(f.answered(t, v, f.replicas[n], nil, returning(v), false))
	}
	approved := map[*visit]bool{}
	for n, answer := range f.both(t, deciding("allow"), alice, bob) {
		v := []*visit{alice, bob}[n/2]
		if answer.status != http.StatusOK {
			says(http.StatusBadRequest, startAgain)(v, answer)
			continue
		}
		connected(v, answer)
		approved[v] = true
	}
	require.Len(t, approved, 1)

	var given []grantedTokens
	for _, answer := range f.both(t, func(v *visit) question { return polling(rand.Text())(v) }, alice, bob) {
		if answer.status != http.StatusOK {
			refusedWith("invalid_grant")(alice, answer)
			continue
		}
		given = append(given, alice.takeTokens(answer))
	}
	require.Len(t, given, 1)
	for v := range approved {
		require.Equal(t, claimsOf(t, v.tokens).Subject, claimsOf(t, given[0]).Subject)
	}
	alice.granted(f.answered(t, alice, f.replicas[1], nil, refreshing(given[0], "television", rand.Text()), false))
}
