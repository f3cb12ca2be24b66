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

// guarded is everything that needs a proof, as somebody would ask who has a token.
func guarded(w *env, c accounts.Caller) map[string]func(accounts.Proof) error {
	ctx := context.Background()
	return map[string]func(accounts.Proof) error{
		"link": func(p accounts.Proof) error {
			return w.accounts.Link(ctx, c, p, otherApp,
				w.code(otherApp, "o-thief"))
		},
		"unlink": func(p accounts.Proof) error {
			return w.accounts.Unlink(ctx, c, p, identity.PlatformWechat,
				miniApp)
		},
		"set password": func(p accounts.Proof) error { return w.accounts.SetPassword(ctx, c, p, "", newPassword) },
		"export":       func(p accounts.Proof) error { _, err := w.accounts.Export(ctx, c, p); return err },
		"leave":        func(p accounts.Proof) error { _, err := w.accounts.RequestDeletion(ctx, c, p); return err },
	}
}

// withBoth is a user with a password and an account, signed in.
func withBoth(w *env) accounts.Caller {
	w.t.Helper()
	c := w.named("alice")
	require.NoError(w.t, w.database.Accounts().Link(context.Background(), c.UserID,
		identity.ExternalIdentity{AccountKey: wechatAccount(miniApp, "o-alice")}))
	return c
}

func TestBorrowedTokensProveNothing(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	before := w.user(alice)
	w.seen("o-thief")
	for attack, proof := range map[string]func() accounts.Proof{
		"no proof":            func() accounts.Proof { return accounts.Proof{} },
		"an app without code": func() accounts.Proof { return accounts.Proof{AppID: miniApp} },
		"a wrong password": func() accounts.Proof {
			return accounts.Proof{Password: "wrong horse battery"}
		},
		"a code of a user of our own":          func() accounts.Proof { return byCode(w.code(miniApp, "o-thief")) },
		"a code of nobody who was ever here":   func() accounts.Proof { return byCode(w.code(miniApp, "o-stranger")) },
		"a code of the same id at another app": func() accounts.Proof { return byCode(w.code(otherApp, "o-alice")) },
		"a code that WeChat refuses":           func() accounts.Proof { return byCode("guessed") },
		"a code for another app than it is of": func() accounts.Proof {
			return accounts.Proof{Code: w.code(miniApp,
				"o-alice"), AppID: otherApp}
		},
	} {
		for act, do := range guarded(w, alice) {
			t.Run(act+" with "+attack, func(t *testing.T) {
				requireRefused(t, do(proof()),
					oauth.InsufficientUserAuthentication)
			})
		}
	}
	require.Equal(t, before, w.user(alice))
	require.Equal(t, miniApp+"/o-alice", w.linked(alice))
	require.True(t, w.alive(alice))
	require.Zero(t, w.hasher.hashes.Load())
	require.Empty(t, w.events(identity.EventExported, alice.UserID))
}

func TestOneCodeProvesOnce(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	proof := byCode(w.code(miniApp, "o-alice"))
	_, err := w.accounts.Export(context.Background(), alice, proof)
	require.NoError(t, err)
	_, err = w.accounts.RequestDeletion(context.Background(), alice, proof)
	requireRefused(t, err, oauth.InsufficientUserAuthentication)
	require.False(t, w.user(alice).DeletionRequested())
}

func TestTwoProofsAreNone(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	code := w.code(miniApp, "o-alice")
	for act, do := range guarded(w, alice) {
		requireRefused(t, do(accounts.Proof{Password: oldPassword, Code: code}), oauth.InvalidRequest)
		requireRefused(t, do(accounts.Proof{Password: oldPassword, AppID: miniApp}), oauth.InvalidRequest)
		require.True(t, w.fresh(code), act)
	}
	require.Zero(t, w.prover.asked)
}

func TestAPasswordThatIsNotThereProvesNothing(t *testing.T) {
	w := newEnv(t)
	bob := w.seen("o-bob")
	for act, do := range guarded(w, bob) {
		if act != "set password" { // which asks for a name before
			requireRefused(t, do(byPassword()), oauth.InsufficientUserAuthentication)
		}
	}
	requireRefused(t, w.accounts.SetPassword(context.Background(), bob, byPassword(), "bob", newPassword),
		oauth.InsufficientUserAuthentication)
	require.Zero(t, w.prover.asked)
}

func TestWhatTheProverSaysIsNotTouched(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	w.prover.broken = errWechatDown
	for act, do := range guarded(w, alice) {
		require.Equal(t, w.prover.broken, do(byPassword()), act)
		require.Equal(t, w.prover.broken, do(byCode("a-code")), act)
	}
}

func TestUsersWhoMayNotDoAnything(t *testing.T) {
	ctx := context.Background()
	for who, stop := range map[string]func(w *env, c accounts.Caller) error{
		"disabled": func(w *env, c accounts.Caller) error { return w.database.Users().Disable(ctx, c.UserID) },
		"leaving": func(w *env, c accounts.Caller) error {
			_, err := w.database.Deletions().RequestDeletion(ctx, c.UserID, time.Hour)
			return err
		},
		"joined": func(w *env, c accounts.Caller) error {
			_, err := w.database.Merges().Merge(ctx, c.UserID, w.seen("o-survivor").UserID)
			return err
		},
	} {
		t.Run(who, func(t *testing.T) {
			w := newEnv(t)
			c := w.named("alice")
			require.NoError(t, stop(w, c))
			requireOut(t, w, c, oauth.InvalidToken)
		})
	}
	w := newEnv(t)
	requireOut(t, w, accounts.Caller{UserID: "u_nobody", ClientID: client, SessionID: "s", Scope: oauth.ScopeAccount},
		oauth.InvalidToken)
	alice := w.named("alice")
	alice.Scope = "openid accounts my-account"
	requireOut(t, w, alice, oauth.InsufficientScope)
}

// requireOut asks for everything.
func requireOut(t *testing.T, w *env, c accounts.Caller, code oauth.Code) {
	t.Helper()
	ctx := context.Background()
	w.prover.asked = 0
	for _, do := range guarded(w, c) {
		requireRefused(t, do(byPassword()), code)
	}
	_, err := w.accounts.Profile(ctx, c)
	requireRefused(t, err, code)
	_, err = w.accounts.SetProfile(ctx, c, identity.Profile{})
	requireRefused(t, err, code)
	_, err = w.accounts.ListSessions(ctx, c)
	requireRefused(t, err, code)
	_, err = w.accounts.EndOtherSessions(ctx, c)
	requireRefused(t, err, code)
	requireRefused(t, w.accounts.EndSession(ctx, c, c.SessionID), code)
	require.Zero(t, w.prover.asked)
}

func TestStoresThatAreGone(t *testing.T) {
	w := newEnv(t)
	alice := withBoth(w)
	require.NoError(t, w.database.Close())
	requireOut(t, w, alice, oauth.TemporarilyUnavailable)
	_, err := w.accounts.Register(context.Background(), client, address, "lei", newPassword)
	requireRefused(t, err, oauth.TemporarilyUnavailable)
	refusal, _ := errors.AsType[*oauth.Error](err)
	require.Positive(t, refusal.RetryAfter)
	require.Error(t, refusal.Cause)
}
