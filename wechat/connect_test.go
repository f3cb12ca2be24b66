package wechat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
)

// TestConnectURLs: WeChat compares them with regular expressions, and the fragment must be there.
func TestConnectURLs(t *testing.T) {
	t.Parallel()
	r := wechat.ConnectRequest{AppID: "wx0123456789abcdef", RedirectURI: "https://id.example.com/wechat?a=1&b=2",
		Scope: wechat.ScopeLogin, State: "abc123"}
	require.Equal(t, "https://open.weixin.qq.com/connect/qrconnect?appid=wx0123456789abcdef&redirect_uri="+
		"https%3A%2F%2Fid.example.com%2Fwechat%3Fa%3D1%26b%3D2&response_type=code&scope=snsapi_login&state=abc123"+
		"&lang=en#wechat_redirect", r.WebsiteURL(wechat.DefaultConnectURL,
		wechat.WebsitePage{Language: "en", QuickLogin: true}))
	require.Equal(t, "https://open.weixin.qq.com/connect/qrconnect?appid=wx0123456789abcdef&redirect_uri="+
		"https%3A%2F%2Fid.example.com%2Fwechat%3Fa%3D1%26b%3D2&response_type=code&scope=snsapi_login&state=abc123"+
		"&lang=cn&login_type=jssdk&self_redirect=false&fast_login=0#wechat_redirect",
		r.WebsiteURL(wechat.DefaultConnectURL, wechat.WebsitePage{Language: "cn", InFrame: true}))
	r.Scope = wechat.ScopeBase
	require.Equal(t, "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx0123456789abcdef&redirect_uri="+
		"https%3A%2F%2Fid.example.com%2Fwechat%3Fa%3D1%26b%3D2&response_type=code&scope=snsapi_base&state=abc123"+
		"#wechat_redirect", r.OfficialAccountURL(wechat.DefaultConnectURL))
}
