package provider_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// brokenWithdrawals cannot be applied.
type brokenWithdrawals struct {
	identity.Withdrawals
	broken
}

func (b *brokenWithdrawals) Apply(ctx context.Context, id [32]byte, w identity.Withdrawal) (applied bool, err error) {
	err = b.do(func() error {
		applied, err = b.Withdrawals.Apply(ctx, id, w)
		return err
	})
	return applied, err
}

// withdrawals puts another store before that of withdrawals.
func withdrawals(before func(identity.Withdrawals) identity.Withdrawals) option {
	return func(s *settings) {
		s.stores = func(stores *server.Stores) { stores.Withdrawals = before(stores.Withdrawals) }
	}
}

// newBrokenEnv returns an installation whose withdrawals cannot be applied when the test says so.
func newBrokenEnv(t *testing.T) (pushCalls, *brokenWithdrawals) {
	t.Helper()
	store := &brokenWithdrawals{}
	return newPushEnv(t, withdrawals(func(real identity.Withdrawals) identity.Withdrawals {
		store.Withdrawals = real
		return store
	})), store
}

// TestAcknowledgedPushesAreApplied, however often that fails, once, and without delay to others.
func TestAcknowledgedPushesAreApplied(t *testing.T) {
	t.Parallel()
	w, store := newBrokenEnv(t)
	for _, after := range []bool{false, true} {
		store.after.Store(after)
		first, second := fmt.Sprint("first ", after), fmt.Sprint("second ", after)
		session, other := w.signIn(first), w.signIn(second)
		before := len(w.eventsOf(identity.EventAuthRevoked))
		store.failures.Store(1)
		w.acknowledged(revoke(first, "8"))
		require.Error(t, w.pushes.ApplyDue(t.Context()))
		w.push(revoke(second, "8"))
		w.requireEnded(t, other)
		for range 2 {
			w.clock.Move(61 * time.Second)
			require.NoError(t, w.pushes.ApplyDue(t.Context()))
			w.requireEnded(t, session)
		}
		require.Len(t, w.eventsOf(identity.EventAuthRevoked), before+2)
	}
}

// TestManyThatFailDelayNoOthers: they are not tried again before everything else has been tried.
func TestManyThatFailDelayNoOthers(t *testing.T) {
	t.Parallel()
	w, store := newBrokenEnv(t)
	for n := range 21 {
		w.acknowledged(revoke(fmt.Sprint("unknown ", n), "8"))
	}
	store.failures.Store(20)
	require.Error(t, w.pushes.ApplyDue(t.Context()))
	require.Len(t, w.eventsOf(identity.EventAuthRevoked), 1)
	w.clock.Move(61 * time.Second)
	require.NoError(t, w.pushes.ApplyDue(t.Context()))
	require.Len(t, w.eventsOf(identity.EventAuthRevoked), 21)
}

// slowWithdrawals are not applied to one user until the caller gives up, since something is locked.
type slowWithdrawals struct {
	identity.Withdrawals
	subject string
}

func (s *slowWithdrawals) Apply(ctx context.Context, id [32]byte, w identity.Withdrawal) (bool, error) {
	if w.Account.Subject == s.subject {
		<-ctx.Done()
		return false, ctx.Err()
	}
	return s.Withdrawals.Apply(ctx, id, w)
}

// TestALockedUserDelaysNoOthers whose withdrawals came at the same time.
func TestALockedUserDelaysNoOthers(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t, withdrawals(func(real identity.Withdrawals) identity.Withdrawals {
		return &slowWithdrawals{real, wechattest.OpenID(testApp, "ada")}
	}))
	session := w.signIn("bob")
	w.acknowledged(revoke("ada", "8"))
	w.acknowledged(revoke("bob", "8"))
	done := make(chan error, 1)
	go func() { done <- w.pushes.ApplyDue(t.Context()) }()
	require.Eventually(t, func() bool { return w.session(t, session).EndReason != "" }, time.Minute, time.Millisecond)
	require.ErrorIs(t, <-done, context.DeadlineExceeded)
}

// stoppingWithdrawals end the server while they are applied.
type stoppingWithdrawals struct {
	identity.Withdrawals
	stop context.CancelFunc
}

func (s *stoppingWithdrawals) Apply(ctx context.Context, id [32]byte, w identity.Withdrawal) (bool, error) {
	defer s.stop()
	return s.Withdrawals.Apply(ctx, id, w)
}

// TestAnEndingServerLeavesNothingDone in the table, which another server would try again.
func TestAnEndingServerLeavesNothingDone(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	w := newPushEnv(t, withdrawals(func(real identity.Withdrawals) identity.Withdrawals {
		return &stoppingWithdrawals{real, stop}
	}))
	w.acknowledged(revoke("ada", "8"))
	_ = w.pushes.ApplyDue(ctx) // it may have ended by then
	require.ErrorIs(t, ctx.Err(), context.Canceled)
	waiting, err := w.database.Apps().Pushes().WithdrawalNotices().Waiting(t.Context())
	require.NoError(t, err)
	require.Zero(t, waiting.Notices)
}

// TestPushesOfOtherVersions are recognized: a server from before there were stored notices has applied the message.
func TestPushesOfOtherVersions(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	account := identity.AccountKey{Platform: identity.PlatformWechat, App: testApp,
		Subject: wechattest.OpenID(testApp, "ada")}
	message, at := cancel("ada"), w.clock.Now()
	message.CreateTime = at.Unix()
	id := sha256.Sum256(fmt.Appendf(nil, `["wechat",%q,%q,"user_authorization_cancellation","%d",""]`, testApp,
		account.Subject, at.Unix()))
	_, err := w.database.Deletions().Withdrawals().Apply(t.Context(), id, identity.Withdrawal{At: at, Account: account,
		Kind: identity.EventAuthCancelled})
	require.NoError(t, err)
	w.push(message)
	require.Len(t, w.eventsOf(identity.EventAuthCancelled), 1)
}

// TestAClockThatStepsBack delays no message that was acknowledged.
func TestAClockThatStepsBack(t *testing.T) {
	t.Parallel()
	w := newPushEnv(t)
	w.acknowledged(revoke("unknown", "8"))
	w.clock.Move(-time.Hour)
	require.NoError(t, w.pushes.ApplyDue(t.Context()))
	require.Len(t, w.eventsOf(identity.EventAuthRevoked), 1)
}
