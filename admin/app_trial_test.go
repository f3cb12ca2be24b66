package admin_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/wechat"
)

// fixedPlatform is a platform that returns the same error for every code.
type fixedPlatform struct {
	signin.WechatPlatform
	answer error
}

func (a fixedPlatform) Exchange(context.Context, identity.App, string) (signin.Login, error) {
	return signin.Login{}, a.answer
}

func (a fixedPlatform) of(identity.App) signin.Platform { return a }

func TestAppIsValidIfItsPlatformRejectsOnlyTheCode(t *testing.T) {
	e := newEnv(t)
	require.NoError(t, e.apps.Add(t.Context(), operator, newApp(appID)))
	try := func(answer error) error {
		return e.apps.Test(t.Context(), operator, appID, fixedPlatform{answer: answer}.of)
	}
	require.NoError(t, try(&wechat.Error{Class: wechat.ErrBadCode, Errcode: 40029}))
	require.ErrorIs(t, try(nil), wechat.ErrUnavailable, "no platform accepts an invalid code")
	require.ErrorIs(t, try(&wechat.Error{Class: wechat.ErrThrottled, Errcode: 45009}), wechat.ErrThrottled)
	require.ErrorIs(t, e.apps.Test(t.Context(), operator, otherApp, nil), identity.ErrNotFound)

	var refusal admin.AppRefusedError
	require.ErrorAs(t, try(&wechat.Error{Class: wechat.ErrMisconfigured, Errcode: 40125}), &refusal)
	require.EqualError(t, refusal, "the AppSecret is wrong (errcode 40125)")
	require.Contains(t, refusal.Remedy(), "lingpai apps rotate-secret "+appID)
}
