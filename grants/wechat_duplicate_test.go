package grants_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestDuplicatesAfterAFailedFirstRequest sends several requests with one code and key. WeChat is busy for the first
// one; then one of the waiting requests takes its place, and all others get its answer instead of "code been used".
func TestDuplicatesAfterAFailedFirstRequest(t *testing.T) {
	w := newEnv(t)
	for range 3 { // five failures would open the circuit breaker
		code := w.code("alice")
		require.NoError(t, w.simulator.Fail(
			wechattest.Fault{Path: "/sns/jscode2session", Count: 1, DelayMS: 150, Errcode: -1},
			wechattest.Fault{Path: "/sns/jscode2session", Count: 1, DelayMS: 150},
		))
		answers, errs := make([]string, 4), make([]error, 4)
		var group sync.WaitGroup
		for n := range answers {
			group.Go(func() {
				info, err := w.token(wechatCode(code, testKey))
				if err == nil {
					answers[n] = info.GetRefresh()
				}
				errs[n] = err
			})
		}
		group.Wait()
		w.simulator.Heal()
		failed, answer := 0, ""
		for n, err := range errs {
			if err != nil {
				require.ErrorIs(t, err, oauth.TemporarilyUnavailable, "the first request, for which WeChat was busy")
				failed++
				continue
			}
			if answer == "" {
				answer = answers[n]
			}
			require.Equal(t, answer, answers[n])
		}
		require.Equal(t, 1, failed)
	}
}

// TestInvalidCodesAreBoundedByAddress also checks that valid codes are not bounded.
func TestInvalidCodesAreBoundedByAddress(t *testing.T) {
	w := newEnv(t)
	for n := range 310 {
		w.signIn(fmt.Sprint("user ", n))
	}
	var err error
	for tries := 0; !errors.Is(err, oauth.TooManyRequests); tries++ {
		_, err = w.token(wechatCode("a-code-that-was-made-up", ""))
		require.Less(t, tries, 1000)
	}
	wait := refusal(t, err).RetryAfter
	require.Positive(t, wait)
	asked := w.simulator.Requests().Paths["/sns/jscode2session"]
	_, err = w.token(wechatCode("a-code-that-was-made-up", ""))
	require.ErrorIs(t, err, oauth.TooManyRequests)
	require.Equal(t, asked, w.simulator.Requests().Paths["/sns/jscode2session"], "WeChat is not asked")
	_, err = w.tokenFrom("198.51.100.7", wechatCode(w.code("bob"), ""))
	require.NoError(t, err, "other addresses sign in")
	w.clock.Move(wait)
	w.signIn("alice")
}
