package accounts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// callsWithProof returns every call that needs a proof.
func callsWithProof(w *env, c accounts.Caller) map[string]func(accounts.Proof) error {
	ctx := context.Background()
	return map[string]func(accounts.Proof) error{
		"link": func(p accounts.Proof) error {
			return w.accounts.Link(ctx, c, p, otherApp, w.code(otherApp, "o-thief"))
		},
		"unlink": func(p accounts.Proof) error {
			return w.accounts.Unlink(ctx, c, p, identity.PlatformWechat, miniApp)
		},
		"set password": func(p accounts.Proof) error { return w.accounts.SetPassword(ctx, c, p, "", newPassword) },
		"export":       func(p accounts.Proof) error { _, err := w.accounts.Export(ctx, c, p); return err },
		"delete":       func(p accounts.Proof) error { _, err := w.accounts.RequestDeletion(ctx, c, p); return err },
	}
}

// withBoth creates a user with a password and a WeChat account and signs them in.
func withBoth(w *env) accounts.Caller {
	w.t.Helper()
	c := w.passwordUser("alice")
	require.NoError(w.t, w.database.Accounts().Link(context.Background(), c.UserID,
		identity.ExternalIdentity{AccountKey: wechatAccount(miniApp, "o-alice")}))
	return c
}

func TestTokenIsNotAProof(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	before := w.user(alice)
	w.wechatUser("o-thief")
	for attack, proof := range map[string]func() accounts.Proof{
		"no proof":            func() accounts.Proof { return accounts.Proof{} },
		"an app without code": func() accounts.Proof { return accounts.Proof{AppID: miniApp} },
		"a wrong password": func() accounts.Proof {
			return accounts.Proof{Password: "wrong horse battery"}
		},
		"a code of another user":               func() accounts.Proof { return byCode(w.code(miniApp, "o-thief")) },
		"a code of an unknown account":         func() accounts.Proof { return byCode(w.code(miniApp, "o-unknown")) },
		"a code of the same id at another app": func() accounts.Proof { return byCode(w.code(otherApp, "o-alice")) },
		"a code that WeChat rejects":           func() accounts.Proof { return byCode("guessed") },
		"a code with the wrong app": func() accounts.Proof {
			return accounts.Proof{Code: w.code(miniApp, "o-alice"), AppID: otherApp}
		},
	} {
		for act, do := range callsWithProof(w, alice) {
			t.Run(act+" with "+attack, func(t *testing.T) {
				requireError(t, do(proof()), oauth.InsufficientUserAuthentication)
			})
		}
	}
	require.Equal(t, before, w.user(alice))
	require.Equal(t, miniApp+"/o-alice", w.linkedAccounts(alice))
	require.True(t, w.active(alice))
	require.Zero(t, w.hasher.hashes.Load())
	require.Empty(t, w.events(identity.EventExported, alice.UserID))
}

func TestACodeProvesOnlyOnce(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	proof := byCode(w.code(miniApp, "o-alice"))
	_, err := w.accounts.Export(context.Background(), alice, proof)
	require.NoError(t, err)
	_, err = w.accounts.RequestDeletion(context.Background(), alice, proof)
	requireError(t, err, oauth.InsufficientUserAuthentication)
	require.False(t, w.user(alice).DeletionRequested())
}

func TestTwoProofsAreRejected(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	code := w.code(miniApp, "o-alice")
	for act, do := range callsWithProof(w, alice) {
		requireError(t, do(accounts.Proof{Password: oldPassword, Code: code}), oauth.InvalidRequest)
		requireError(t, do(accounts.Proof{Password: oldPassword, AppID: miniApp}), oauth.InvalidRequest)
		require.True(t, w.unused(code), act)
	}
	require.Zero(t, w.prover.asked)
}

func TestPasswordOfAUserWithoutPasswordProvesNothing(t *testing.T) {
	w := newEnv(t)
	bob := w.wechatUser("o-bob")
	for act, do := range callsWithProof(w, bob) {
		if act != "set password" { // which needs a user name first
			requireError(t, do(byPassword()), oauth.InsufficientUserAuthentication)
		}
	}
	requireError(t, w.accounts.SetPassword(context.Background(), bob, byPassword(), "bob", newPassword),
		oauth.InsufficientUserAuthentication)
	require.Zero(t, w.prover.asked)
}

func TestOtherErrorsOfTheProverAreReturned(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	w.prover.broken = errWechatDown
	for act, do := range callsWithProof(w, alice) {
		require.Equal(t, w.prover.broken, do(byPassword()), act)
		require.Equal(t, w.prover.broken, do(byCode("a-code")), act)
	}
}

func TestUsersWithoutAccess(t *testing.T) {
	ctx := context.Background()
	for who, stop := range map[string]func(w *env, c accounts.Caller) error{
		"disabled": func(w *env, c accounts.Caller) error { return w.database.Users().Disable(ctx, c.UserID) },
		"deletion requested": func(w *env, c accounts.Caller) error {
			_, err := w.database.Deletions().RequestDeletion(ctx, c.UserID, time.Hour)
			return err
		},
		"merged": func(w *env, c accounts.Caller) error {
			_, err := w.database.Merges().Merge(ctx, c.UserID, w.wechatUser("o-survivor").UserID)
			return err
		},
	} {
		t.Run(who, func(t *testing.T) {
			w := newEnv(t)
			c := w.passwordUser("alice")
			require.NoError(t, stop(w, c))
			requireAllRejected(t, w, c, oauth.InvalidToken)
		})
	}
	w := newEnv(t)
	nobody := accounts.Caller{UserID: "u_nobody", ClientID: client, SessionID: "s", Scope: oauth.ScopeAccount}
	requireAllRejected(t, w, nobody, oauth.InvalidToken)
	alice := w.passwordUser("alice")
	alice.Scope = "openid accounts my-account"
	requireAllRejected(t, w, alice, oauth.InsufficientScope)
}

// requireAllRejected makes every call.
func requireAllRejected(t *testing.T, w *env, c accounts.Caller, code oauth.Code) {
	t.Helper()
	ctx := context.Background()
	w.prover.asked = 0
	for _, do := range callsWithProof(w, c) {
		requireError(t, do(byPassword()), code)
	}
	_, err := w.accounts.Profile(ctx, c)
	requireError(t, err, code)
	_, err = w.accounts.SetProfile(ctx, c, identity.Profile{})
	requireError(t, err, code)
	_, err = w.accounts.ListSessions(ctx, c)
	requireError(t, err, code)
	_, err = w.accounts.EndOtherSessions(ctx, c)
	requireError(t, err, code)
	requireError(t, w.accounts.EndSession(ctx, c, c.SessionID), code)
	_, err = w.accounts.ListConsents(ctx, c)
	requireError(t, err, code)
	requireError(t, w.accounts.WithdrawConsent(ctx, c, c.ClientID), code)
	require.Zero(t, w.prover.asked)
}

func TestStoreFailure(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	require.NoError(t, w.database.Close())
	requireAllRejected(t, w, alice, oauth.TemporarilyUnavailable)
	_, err := w.accounts.Register(context.Background(), client, address, "lei", newPassword)
	requireError(t, err, oauth.TemporarilyUnavailable)
	refusal, _ := errors.AsType[*oauth.Error](err)
	require.Positive(t, refusal.RetryAfter)
	require.Error(t, refusal.Cause)
}
