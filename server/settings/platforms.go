package settings

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/qq"
)

// platformURL accepts only the platform's hosts over https, or loopback, so that no other host gets
// AppSecrets.
func platformURL(field func(*Settings) *string, known func(string) bool) func(*Settings, string) error {
	return func(c *Settings, value string) error {
		u, err := url.Parse(value)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
			u.RawQuery != "" || u.Fragment != "":
			return errors.New("not an http or https URL without user, query and fragment")
		case known(u.Hostname()) && u.Scheme == "https", IsLoopback(u.Hostname()):
			*field(c) = strings.TrimSuffix(value, "/")
			return nil
		}
		return errors.New("neither the platform over https nor on loopback")
	}
}

// IsLoopback reports whether a host can only be this machine.
func IsLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}

// IsSimulated reports whether a platform is a simulator on this machine.
func (s Settings) IsSimulated(platform string) bool {
	if platform == identity.PlatformQQ {
		return !isHost(s.QQBaseURL, qq.IsHost)
	}
	return !isHost(s.WechatBaseURL, wechat.IsWechatHost)
}

// WechatConnectURL returns the base URL of WeChat's pages for browsers: a simulator has them beside its API.
func (s Settings) WechatConnectURL() string {
	if s.IsSimulated(identity.PlatformWechat) {
		return strings.TrimSuffix(s.WechatBaseURL, "/")
	}
	return wechat.DefaultConnectURL
}

// BrowserMethods returns the methods of sign-ins in a browser.
func (s Settings) BrowserMethods() []string {
	if len(s.WechatApps) > 0 {
		return []string{identity.MethodPassword, identity.PlatformWechat}
	}
	return []string{identity.MethodPassword}
}

// DescribePlatform returns the name of the platform, or "the simulator at" its address.
func (s Settings) DescribePlatform(platform string) string {
	title, base := "WeChat", s.WechatBaseURL
	if platform == identity.PlatformQQ {
		title, base = "QQ", s.QQBaseURL
	}
	if s.IsSimulated(platform) {
		return "the simulator at " + base
	}
	return title
}

func isHost(address string, known func(string) bool) bool {
	u, err := url.Parse(address)
	return err == nil && known(u.Hostname())
}
