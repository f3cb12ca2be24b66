package provider_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// both signs in a user by name and testPassword who also has an account at testApp.
func (w accountCalls) both(user string) answer {
	w.t.Helper()
	a := w.registered(user, testPassword)
	requireNoContent(w.t, w.account("POST /links", a.text("access_token"), form{"current_password": testPassword,
		"appid": testApp, "code": w.code(user)}))
	return a
}

// guarded returns the calls that need a proof, as the thief of a token would make them.
func (w accountCalls) guarded() map[string]form {
	return map[string]form{
		"PUT /password":      {"password": newPassword},
		"POST /links":        {"appid": otherApp, "code": w.codeOf(otherApp, "eve")},
		"POST /links/remove": {"platform": "wechat", "appid": testApp},
		"POST /export":       {},
		"POST /deletion":     {},
	}
}

// state is all data of a user that a call could change.
type state struct {
	User     identity.User
	Details  identity.Details
	Accounts []identity.Account
	Sessions []string
}

func (w records) stateOf(a answer) state {
	w.t.Helper()
	ctx, sub := context.Background(), w.subOf(a.text("access_token"))
	var s state
	var err error
	s.User, err = w.database.Users().Find(ctx, sub)
	require.NoError(w.t, err)
	s.Details, err = w.database.Profiles().Find(ctx, sub)
	require.NoError(w.t, err)
	s.Accounts, err = w.database.Accounts().List(ctx, sub)
	require.NoError(w.t, err)
	sessions, err := w.database.Sessions().List(ctx, sub)
	require.NoError(w.t, err)
	for _, session := range sessions {
		s.Sessions = append(s.Sessions, session.ID)
	}
	return s
}

func requireUnproved(t testing.TB, a answer) {
	t.Helper()
	requireError(t, a, http.StatusUnauthorized, "insufficient_user_authentication")
	require.Contains(t, a.header.Get("WWW-Authenticate"),
		`Bearer realm="lingpai", error="insufficient_user_authentication", error_description="`)
}

// TestBorrowedAccountTokensProveNothing: the thief of a token has no password, and only codes of other people.
func TestBorrowedAccountTokensProveNothing(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.both("ada")
	w.at(testApp, "eve")
	before := w.stateOf(a)
	used := w.code("ada")
	w.at(testApp, "ada")
	requireTokens(t, w.token(form{"grant_type": "wechat_code", "client_id": "own", "appid": testApp, "code": used}))
	before.Sessions = w.stateOf(a).Sessions
	for name, proof := range map[string]func() form{
		"nothing":                                func() form { return form{} },
		"an app without code":                    func() form { return form{"proof_appid": testApp} },
		"a wrong password":                       func() form { return form{"current_password": newPassword} },
		"the name as password":                   func() form { return form{"current_password": "ada"} },
		"a code of another user":                 func() form { return w.proofBy(testApp, "eve") },
		"a code of somebody who never signed in": func() form { return w.proofBy(testApp, "stranger") },
		"a code of an app that is not linked":    func() form { return w.proofBy(otherApp, "ada") },
		"a code that WeChat never gave": func() form {
			return form{"proof_code": "guessed",
				"proof_appid": testApp}
		},
		"a code that was used": func() form { return form{"proof_code": used, "proof_appid": testApp} },
		"a code sent with another app": func() form {
			return w.proofBy(testApp, "ada").with("proof_appid",
				otherApp)
		},
		"a phone code": func() form {
			return form{"proof_code": w.phoneCode("ada"),
				"proof_appid": testApp}
		},
		"no code by its form": func() form {
			return form{"proof_code": strings.Repeat("a b", 200),
				"proof_appid": testApp}
		},
		"the refresh token": func() form {
			return form{"proof_code": a.text("refresh_token"),
				"proof_appid": testApp}
		},
	} {
		w.clock.Move(2 * time.Minute) // past the rate limit
		for call, body := range w.guarded() {
			t.Run(call+" with "+name, func(t *testing.T) {
				f := proof()
				requireUnproved(t, w.account(call, a.text("access_token"), f.with(pairsOf(body)...)))
				require.Equal(t, before, w.stateOf(a), "nothing changed")
				if code := f["proof_code"]; code != "" {
					w.requireNotLogged(t, code)
				}
			})
		}
	}
	w.requireAlive(t, a)
	require.NotContains(t, w.eventKinds(t), identity.EventExported)
	require.Zero(t, w.simulator.Requests().Codes[strings.Repeat("a b", 200)])
	w.requireNotLogged(t, a.text("access_token"), testPassword, newPassword)
}

func pairsOf(f form) (pairs []string) {
	for name, value := range f {
		pairs = append(pairs, name, value)
	}
	return pairs
}

// TestTheCodeToLinkIsNotAProofOfAnAccount: it may be the attacker's own.
func TestTheCodeToLinkIsNotAProofOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.at(testApp, "ada")
	before, code := w.stateOf(a), w.codeOf(otherApp, "eve")
	for _, proof := range []string{testApp, otherApp, ""} {
		link := form{"appid": otherApp, "code": code, "proof_code": code}.with("proof_appid", proof)
		requireError(t, w.account("POST /links", a.text("access_token"), link), http.StatusBadRequest,
			"invalid_request")
	}
	twice := w.proofBy(otherApp, "eve").with("appid", otherApp, "code", code)
	requireUnproved(t, w.account("POST /links", a.text("access_token"), twice))
	require.Equal(t, before, w.stateOf(a))
	require.Zero(t, w.simulator.Requests().Codes[code], "it was not sent to WeChat")
}

// TestOneCodeProvesOneChangeOfAnAccount: an overheard request cannot be turned into another one.
func TestOneCodeProvesOneChangeOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.both("ada")
	proof := w.proofBy(testApp, "ada")
	requireAccount(t, w.account("POST /export", a.text("access_token"), proof))
	before := w.stateOf(a)
	for call, body := range w.guarded() {
		requireUnproved(t, w.account(call, a.text("access_token"), proof.with(pairsOf(body)...)))
	}
	for call, body := range w.guarded() {
		both := w.proofBy(testApp, "ada").with("current_password", testPassword).with(pairsOf(body)...)
		requireError(t, w.account(call, a.text("access_token"), both), http.StatusBadRequest, "invalid_request")
		require.Zero(t, w.simulator.Requests().Codes[both["proof_code"]], "rejected before WeChat is asked")
	}
	require.Equal(t, before, w.stateOf(a))
}

// TestBadInputCostsNoProofOfAnAccount: the code can still be used after invalid input.
func TestBadInputCostsNoProofOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.at(testApp, "ada")
	proof := w.proofBy(testApp, "ada")
	for _, c := range []struct {
		call   string
		body   form
		status int
		name   string
	}{
		{"PUT /password", form{"username": "ada", "password": "short"}, http.StatusBadRequest, "weak_password"},
		{"PUT /password", form{"username": "ada", "password": "password"}, http.StatusBadRequest, "weak_password"},
		{"PUT /password", form{"username": "ada", "password": ""}, http.StatusBadRequest, "weak_password"},
		{"PUT /password", form{"username": "adalovelace", "password": "AdaLovelace"}, http.StatusBadRequest,
			"weak_password"},
		{"PUT /password", form{"password": newPassword}, http.StatusBadRequest, "invalid_request"},
		{"PUT /password", form{"username": "a da", "password": newPassword}, http.StatusBadRequest, "invalid_request"},
		{"PUT /password", form{"username": "аda", "password": newPassword}, http.StatusBadRequest, "invalid_request"},
		{"PUT /password", form{"username": "ada", "password": newPassword, "Proof_code": "x"},
			http.StatusBadRequest, "invalid_request"},
		{"POST /links", form{"appid": otherApp}, http.StatusBadRequest, "invalid_request"},
		{"POST /links", form{"appid": otherApp, "code": "a b"}, http.StatusBadRequest, "invalid_request"},
		{"POST /links/remove", form{"platform": "wechat", "appid": otherApp}, http.StatusNotFound, "unknown_account"},
		{"POST /links/remove", form{"platform": "qq", "appid": testApp}, http.StatusNotFound, "unknown_account"},
	} {
		requireError(t, w.account(c.call, a.text("access_token"), proof.with(pairsOf(c.body)...)), c.status, c.name)
	}
	w.requireAlive(t, a)
	requireNoContent(t, w.account("PUT /password", a.text("access_token"), proof.with("username", "ada",
		"password", newPassword)))
}
