package wechat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
)

func TestABaseURLMustNotLeakTheSecret(t *testing.T) {
	for text, fits := range map[string]bool{
		"":                                 true,
		"https://api.weixin.qq.com":        true,
		"https://api2.weixin.qq.com/":      true,
		"https://gateway.example:8443/wx/": true,
		"http://127.0.0.1:8089":            true,
		"http://localhost:8089":            true,
		"http://[::1]:8089":                true,
		"http://api.weixin.qq.com":         false,
		"http://127.0.0.1.example":         false,
		"ftp://127.0.0.1":                  false,
		"api.weixin.qq.com":                false,
		"https://":                         false,
		"https://:443":                     false,
		"https://user:hunter2@example.com": false,
		"https://example.com/?hunter2":     false,
		"https://example.com/?":            false,
		"https://example.com/#hunter2":     false,
		"https://example.com/%zzhunter2":   false,
	} {
		_, err := wechat.NewClient(wechat.Config{BaseURL: text})
		require.Equal(t, fits, err == nil, text)
		if err != nil {
			require.NotContains(t, err.Error(), "hunter2")
		}
	}
}

func TestNegativeLimitsAreRejected(t *testing.T) {
	for _, config := range []wechat.Config{{Timeout: -1}, {MaxConcurrent: -1}, {OpenFor: -1}} {
		_, err := wechat.NewClient(config)
		require.Error(t, err)
	}
}

func TestWechatsHostsAreKnown(t *testing.T) {
	for host, known := range map[string]bool{
		"api.weixin.qq.com": true, "API.weixin.qq.com": true, "api2.weixin.qq.com": true,
		"sh.api.weixin.qq.com": true, "sz.api.weixin.qq.com": true, "hk.api.weixin.qq.com": true,
		"": false, "weixin.qq.com": false, "xx.api.weixin.qq.com": false,
		"api.weixin.qq.com.evil.example": false, "127.0.0.1": false,
	} {
		require.Equal(t, known, wechat.IsWechatHost(host), host)
	}
}

func TestAppIDsHaveAForm(t *testing.T) {
	for id, valid := range map[string]bool{
		"wx0123456789abcdef": true, "wx0123456789ABCDEF": false, "wx0123456789abcde": false,
		"wx0123456789abcdef0": false, "gh0123456789abcdef": false, "wx0123456789abcdeg": false, "": false,
	} {
		require.Equal(t, valid, wechat.ValidAppID(id), id)
	}
}
