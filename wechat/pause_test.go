package wechat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnAppThatUsedUpItsQuotaIsPaused(t *testing.T) {
	now := time.Now()
	p := newPauser()
	p.now = func() time.Time { return now }
	login, other := pausedCall{"code2Session", "wx1"}, pausedCall{"code2Session", "wx2"}
	requirePaused := func(errcode int, left time.Duration) {
		t.Helper()
		failed, ok := p.check(login).(*Error)
		require.True(t, ok)
		require.ErrorIs(t, failed, ErrThrottled)
		require.Equal(t, []any{errcode, left, true}, []any{failed.Errcode, failed.RetryAfter, failed.NotSent})
		require.NoError(t, p.check(other))
		require.NoError(t, p.check(pausedCall{"getPhoneNumber", "wx1"}))
	}

	p.learn(login, refusal(45009, ""))
	requirePaused(45009, 10*time.Minute)
	now = now.Add(9 * time.Minute)
	p.learn(login, outage("timeout"))
	requirePaused(45009, time.Minute)
	now = now.Add(time.Minute)
	require.NoError(t, p.check(login))
	p.learn(login, nil)
	require.Empty(t, p.pauses)

	for _, useful := range []error{nil, refusal(40029, "")} {
		for range limitedCalls - 1 {
			p.learn(login, refusal(45011, ""))
		}
		require.NoError(t, p.check(login), "it may be the limit of one user")
		p.learn(login, useful)
		require.NoError(t, p.check(login))
	}
	for range limitedCalls {
		p.learn(login, refusal(45011, ""))
	}
	requirePaused(45011, time.Minute)
}
