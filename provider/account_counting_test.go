package provider_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// TestGuessingAtAnAccountCountsWithSignIns: sign-ins and proofs share one counter of wrong passwords.
func TestGuessingAtAnAccountCountsWithSignIns(t *testing.T) {
	t.Parallel()
	for name, guess := range map[string]func(*env, answer) answer{
		"here": func(w *env, a answer) answer {
			return w.account("POST /export", a.text("access_token"), form{"current_password": newPassword})
		},
		"at /token":         func(w *env, _ answer) answer { return w.token(ownPassword("ADA", newPassword)) },
		"at another client": func(w *env, _ answer) answer { return w.token(passwordForm("ada", newPassword)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAccountEnv(t)
			a := w.both("ada")
			for range 8 { // an empty password is not counted
				requireUnproved(t, w.account("POST /export", a.text("access_token"), form{"current_password": ""}))
			}
			for range 5 {
				require.Less(t, guess(w, a).status, http.StatusTooManyRequests)
			}
			before := w.stateOf(a)
			for _, tooMany := range []answer{
				guess(w, a), w.token(ownPassword("ada", testPassword)), w.account("POST /export",
					a.text("access_token"), form{"current_password": testPassword}),
				w.account("POST /deletion", a.text("access_token"), form{"current_password": testPassword}),
			} {
				requireError(t, tooMany, http.StatusTooManyRequests, "temporarily_unavailable")
				require.Regexp(t, `^([1-9]|1[0-2])$`, tooMany.header.Get("Retry-After"))
			}
			require.Equal(t, before, w.stateOf(a))
			// a proof by code still works
			requireAccount(t, w.account("POST /export", a.text("access_token"), w.proofBy(testApp, "ada")))
			w.clock.Move(13 * time.Second)
			requireAccount(t, w.account("POST /export", a.text("access_token"), form{"current_password": testPassword}))
			requireTokens(t, w.token(ownPassword("ada", testPassword)))
		})
	}
}

// TestGuessingAtAnAccountInParallel allows no more guesses than guessing in sequence.
func TestGuessingAtAnAccountInParallel(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.registered("ada", testPassword)
	statuses := make([]int, 30)
	var group sync.WaitGroup
	for n := range statuses {
		group.Go(func() {
			statuses[n] = w.account("POST /export", a.text("access_token"),
				form{"current_password": newPassword}).status
		})
	}
	group.Wait()
	slices.Sort(statuses)
	require.Equal(t, slices.Concat(slices.Repeat([]int{http.StatusUnauthorized}, 5),
		slices.Repeat([]int{http.StatusTooManyRequests}, 25)), statuses)
}

// TestTwoUsersLinkOneAccountAtOnce: one succeeds, and the other gets an error.
func TestTwoUsersLinkOneAccountAtOnce(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	for _, shared := range []string{"one", "two", "three", "four"} {
		links := map[string]form{}
		for _, user := range []string{"ada", "bob"} {
			links[user+shared] = w.proofBy(testApp, user+shared).with("appid", otherApp, "code",
				w.codeOf(otherApp, shared))
		}
		var group sync.WaitGroup
		answers := make(chan answer, len(links))
		for user, link := range links {
			token := w.at(testApp, user).text("access_token")
			group.Go(func() { answers <- w.account("POST /links", token, link) })
		}
		group.Wait()
		first, second := <-answers, <-answers
		if first.status != http.StatusNoContent {
			first, second = second, first
		}
		requireNoContent(t, first)
		requireError(t, second, http.StatusConflict, "already_linked")
	}
}

// TestLinkingWhatIsTakenFromAnAccount changes nothing: an account stays with its user, and a user has at most one
// account of an app.
func TestLinkingWhatIsTakenFromAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a, bob := w.both("ada"), w.at(otherApp, "bob")
	before, bobBefore := w.stateOf(a), w.stateOf(bob)
	for name, link := range map[string]form{
		"bob's":                      {"appid": otherApp, "code": w.codeOf(otherApp, "bob")},
		"a second one of this app's": {"appid": testApp, "code": w.code("ada-2")},
	} {
		a := w.account("POST /links", a.text("access_token"), link.with("current_password", testPassword))
		requireError(t, a, http.StatusConflict, "already_linked")
		require.Equal(t, 1, w.simulator.Requests().Codes[link["code"]], name)
	}
	refused := form{"current_password": testPassword, "appid": otherApp, "code": "guessed"}
	requireError(t, w.account("POST /links", a.text("access_token"), refused), http.StatusBadRequest, "invalid_grant")
	for _, app := range []string{"wx0000000000000000", qqApp, "nonsense", ""} {
		link := form{"current_password": testPassword, "code": w.codeOf(otherApp, "ada")}.with("appid", app)
		requireError(t, w.account("POST /links", a.text("access_token"), link), http.StatusBadRequest,
			"invalid_request")
	}
	require.Equal(t, before, w.stateOf(a))
	require.Equal(t, bobBefore, w.stateOf(bob))
}

// TestTheLastWayIntoAnAccount cannot be removed, also if two requests remove two ways at once.
func TestTheLastWayIntoAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.at(testApp, "ada")
	before := w.stateOf(a)
	unlink := func(app string) answer {
		return w.account("POST /links/remove", a.text("access_token"), w.proofBy(testApp, "ada").with("platform",
			"wechat", "appid", app))
	}
	requireError(t, unlink(testApp), http.StatusConflict, "last_way_in")
	require.Equal(t, before, w.stateOf(a))
	w.requireAlive(t, a)

	requireNoContent(t, w.account("POST /links", a.text("access_token"), w.proofBy(testApp, "ada").with("appid",
		otherApp, "code", w.codeOf(otherApp, "ada"))))
	var group sync.WaitGroup
	answers := make([]answer, 2)
	for n, app := range []string{testApp, otherApp} {
		group.Go(func() { answers[n] = unlink(app) })
	}
	group.Wait()
	left := w.stateOf(a).Accounts
	require.Len(t, left, 1, "%s %s", answers[0].body, answers[1].body)
	signedIn := w.at(left[0].App, "ada")
	require.Equal(t, before.User.ID, w.subOf(signedIn.text("access_token")))
	requireNoContent(t, w.account("PUT /password", signedIn.text("access_token"), w.proofBy(left[0].App,
		"ada").with("username", "ada", "password", newPassword)))
	named := w.token(ownPassword("ada", newPassword))
	requireTokens(t, named)
	last := form{"current_password": newPassword, "platform": identity.PlatformWechat, "appid": left[0].App}
	requireNoContent(t, w.account("POST /links/remove", named.text("access_token"), last))
	w.requireAlive(t, named)
}

// TestNamesOfAccountsCannotBeTriedOutWithATokenAlone: the proof is checked first, so a token alone does not reveal
// which names are taken.
func TestNamesOfAccountsCannotBeTriedOutWithATokenAlone(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.at(testApp, "ada")
	before := w.stateOf(a)
	for _, name := range []string{"alice", "ALICE", "nobody-has-this"} {
		requireUnproved(t, w.account("PUT /password", a.text("access_token"), form{"username": name,
			"password": newPassword}))
	}
	taken := w.proofBy(testApp, "ada").with("username", "ａｌｉｃｅ", "password", newPassword)
	requireError(t, w.account("PUT /password", a.text("access_token"), taken), http.StatusConflict, "username_taken")
	require.Equal(t, before, w.stateOf(a))
}
