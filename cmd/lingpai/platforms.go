package main

import (
	"log/slog"

	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/qq"
)

// platforms are those whose codes can be traded, by name. Each has bounds and a circuit breaker of its own.
type platforms struct {
	wechat *wechat.Client
	qq     *qq.Client
}

func openPlatforms(c config, logger *slog.Logger) (platforms, error) {
	weixin, err := wechat.NewClient(wechat.Config{BaseURL: c.WechatBaseURL, Timeout: c.WechatTimeout, Logger: logger})
	if err != nil {
		return platforms{}, err
	}
	sibling, err := qq.NewClient(wechat.Config{BaseURL: c.QQBaseURL, Timeout: c.WechatTimeout, Logger: logger})
	return platforms{weixin, sibling}, err
}

// byGrant are the platforms under the grants that trade their codes.
func (p platforms) byGrant() map[string]grants.Platform {
	return map[string]grants.Platform{oauth.GrantWechatCode: grants.WechatPlatform{Client: p.wechat},
		oauth.GrantQQCode: grants.QQPlatform{Client: p.qq}}
}

// of returns the platform of an app.
func (p platforms) of(app identity.App) grants.Platform {
	if app.Platform == identity.PlatformQQ {
		return grants.QQPlatform{Client: p.qq}
	}
	return grants.WechatPlatform{Client: p.wechat}
}

func (p platforms) close() {
	p.wechat.Close()
	p.qq.Close()
}
