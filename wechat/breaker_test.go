package wechat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestTheBreaker(t *testing.T) {
	const openFor = time.Second

	t.Run("opens when WeChat fails, then tries again", func(t *testing.T) {
		t.Parallel()
		server := simulate(t)
		client := newClient(t, wechat.Config{BaseURL: server.URL, OpenFor: openFor})
		server.Fault(wechattest.Fault{Status: 503, Count: 5})
		for range 5 {
			_, failed := logIn(t, client, "code")
			requireUnavailable(t, failed)
		}
		code := server.Code(appID, "ada")
		_, failed := logIn(t, client, code)
		requireUnavailable(t, failed)
		require.Equal(t, openFor, failed.RetryAfter)
		require.Zero(t, server.Requests().Codes[code])

		require.Eventually(t, func() bool {
			_, failed = logIn(t, client, code)
			return failed == nil
		}, 20*openFor, 10*time.Millisecond)
	})

	for name, fault := range map[string]wechattest.Fault{
		"bad codes":                       {Errcode: 40029},
		"used codes":                      {Errcode: 40163},
		"misconfigured apps":              {Errcode: 40125},
		"unknown errcodes":                {Errcode: 99999},
		"requests that a gateway rejects": {Status: 403},
	} {
		t.Run("does not count "+name, func(t *testing.T) {
			server := simulate(t)
			client := newClient(t, wechat.Config{BaseURL: server.URL})
			fault.Count = 20
			server.Fault(fault)
			for range fault.Count {
				_, failed := logIn(t, client, "code")
				require.NotNil(t, failed)
			}
			_, failed := logIn(t, client, server.Code(appID, "ada"))
			require.Nil(t, failed)
		})
	}

	t.Run("does not count throttled apps", func(t *testing.T) {
		server := simulate(t)
		client := newClient(t, wechat.Config{BaseURL: server.URL})
		server.Fault(wechattest.Fault{Errcode: 45011, Count: 10})
		for range 20 {
			_, failed := logIn(t, client, "code")
			require.ErrorIs(t, failed, wechat.ErrThrottled)
		}
		require.Equal(t, 10, server.Requests().Codes["code"])
		other := wechat.Credentials{AppID: otherApp, Secret: secret + "-two"}
		_, err := client.CodeToSession(t.Context(), other, server.Code(otherApp, "ada"))
		require.NoError(t, err)
	})
}
