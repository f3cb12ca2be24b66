package server

import (
	"log/slog"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/qq"
)

// Platforms has the clients of the platforms whose codes are accepted. Each has limits and a circuit breaker of its
// own.
type Platforms struct {
	wechat *wechat.Client
	qq     *qq.Client
}

// OpenPlatforms returns a client for each platform, without connecting to it.
func OpenPlatforms(s settings.Settings, logger *slog.Logger) (Platforms, error) {
	return openPlatforms(s, 0, logger)
}

// openPlatforms is OpenPlatforms with the time for which WeChat's circuit breaker stays open; 0: the default.
func openPlatforms(s settings.Settings, wechatOpenFor time.Duration, logger *slog.Logger) (Platforms, error) {
	wechatClient, err := wechat.NewClient(wechat.Config{BaseURL: s.WechatBaseURL, Timeout: s.WechatTimeout,
		OpenFor: wechatOpenFor, Logger: logger})
	if err != nil {
		return Platforms{}, err
	}
	qqClient, err := qq.NewClient(wechat.Config{BaseURL: s.QQBaseURL, Timeout: s.WechatTimeout, Logger: logger})
	return Platforms{wechatClient, qqClient}, err
}

// byGrant returns the platforms by the grant types of their codes.
func (p Platforms) byGrant() map[string]signin.Platform {
	return map[string]signin.Platform{oauth.GrantWechatCode: signin.WechatPlatform{Client: p.wechat},
		oauth.GrantQQCode: signin.QQPlatform{Client: p.qq}}
}

// Of returns the platform of an app.
func (p Platforms) Of(app identity.App) signin.Platform {
	if app.Platform == identity.PlatformQQ {
		return signin.QQPlatform{Client: p.qq}
	}
	return signin.WechatPlatform{Client: p.wechat}
}

// Close closes the idle connections to all platforms.
func (p Platforms) Close() error {
	p.wechat.Close()
	p.qq.Close()
	return nil
}
