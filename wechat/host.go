package wechat

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// DefaultBaseURL is the base URL of WeChat's APIs.
const DefaultBaseURL = "https://api.weixin.qq.com"

// IsWechatHost reports whether host, a name without a port, is one of those on which WeChat serves
// its APIs: the main one, its backup, and the regional ones (Shanghai, Shenzhen, Hong Kong).
func IsWechatHost(host string) bool {
	switch strings.ToLower(host) {
	case "api.weixin.qq.com", "api2.weixin.qq.com",
		"sh.api.weixin.qq.com", "sz.api.weixin.qq.com", "hk.api.weixin.qq.com":
		return true
	}
	return false
}

// ValidAppID reports whether id has the form of an AppID: "wx" and 16
// lower-case hexadecimal digits.
func ValidAppID(id string) bool {
	digits, found := strings.CutPrefix(id, "wx")
	if !found || len(digits) != 16 {
		return false
	}
	return strings.Trim(digits, "0123456789abcdef") == ""
}

// parseBaseURL rejects a URL that would send the AppSecret in clear text over a network or
// change the query that contains it. Its errors do not repeat the URL, which may contain
// a password.
func parseBaseURL(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("the base URL is not a URL")
	}
	switch {
	case base.Host == "" || base.Opaque != "" || base.Hostname() == "":
		return nil, errors.New("the base URL needs a scheme and a host")
	case base.User != nil || base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("the base URL must not have user, query or fragment")
	case base.Scheme != "https" && !(base.Scheme == "http" && isLoopback(base.Hostname())):
		return nil, errors.New("the base URL must be https, or http on loopback")
	}
	if base.Path == "" {
		base.Path = "/" // otherwise JoinPath returns a relative path, which is no request target
	}
	return base, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
