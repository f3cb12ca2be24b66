package wechat_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	oauthPath   = "/sns/oauth2/access_token"
	profilePath = "/sns/userinfo"
	userToken   = "SecretUserToken_SecretUserToken-SecretUserToken"
)

// simulateOAuth serves a simulator whose one app is an official account.
func simulateOAuth(t *testing.T, options ...wechattest.Options) *wechattest.Server {
	t.Helper()
	server := wechattest.Start(t, options...)
	server.App(wechattest.App{AppID: appID, Secret: secret, Kind: wechattest.KindOfficialAccount})
	server.App(wechattest.App{AppID: otherApp, Secret: secret + "-two", Kind: wechattest.KindWebsite})
	return server
}

func oauthCode(server *wechattest.Server, user, scope string) string {
	return server.OAuthCode(wechattest.OAuthCode{AppID: appID, User: user, Scope: scope})
}

// authorize exchanges a code. It requires that an error is an *Error.
func authorize(t *testing.T, client *wechat.Client, code string) (wechat.OAuthLogin, *wechat.Error) {
	t.Helper()
	login, err := client.OAuthCode(context.Background(), credentials(), code)
	if err == nil {
		return login, nil
	}
	failed, ok := errors.AsType[*wechat.Error](err)
	require.True(t, ok, "%T is not a *wechat.Error", err)
	require.Empty(t, login)
	return login, failed
}

// profileOf requests a profile. It requires that an error is an *Error.
func profileOf(t *testing.T, client *wechat.Client, login wechat.OAuthLogin) (wechat.Profile, *wechat.Error) {
	t.Helper()
	profile, err := client.OAuthProfile(context.Background(), appID, login)
	if err == nil {
		return profile, nil
	}
	failed, ok := errors.AsType[*wechat.Error](err)
	require.True(t, ok, "%T is not a *wechat.Error", err)
	require.Empty(t, profile)
	return profile, failed
}
