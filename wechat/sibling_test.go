package wechat_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
)

func sibling() wechat.Sibling {
	return wechat.Sibling{
		Name: "cousin", BaseURL: "https://api.cousin.example",
		IsHost:     func(host string) bool { return host == "api.cousin.example" },
		ValidAppID: func(id string) bool { return strings.HasPrefix(id, "cousin-") },
	}
}

// TestASiblingsSecretsGoToItself, or to a simulator on loopback.
func TestASiblingsSecretsGoToItself(t *testing.T) {
	for text, fits := range map[string]bool{
		"": true, "https://api.cousin.example": true, "https://api.cousin.example:8443/v2/": true,
		"http://127.0.0.1:8089": true, "http://localhost:8089": true, "https://[::1]:8089": true,
		"http://api.cousin.example": false, "https://api.weixin.qq.com": false, "https://gateway.example": false,
		"https://api.cousin.example.evil.example": false, "https://api.cousin.example@evil.example": false,
		"https://10.0.0.1": false,
	} {
		client, err := wechat.NewSiblingClient(sibling(), wechat.Config{BaseURL: text})
		require.Equal(t, fits, err == nil, text)
		if err != nil {
			require.ErrorContains(t, err, "cousin: the base URL ")
			continue
		}
		client.Close()
	}
	_, err := wechat.NewSiblingClient(sibling(), wechat.Config{Timeout: -1})
	require.ErrorContains(t, err, "cousin: timeout")
}

func TestASiblingNeedsAllFields(t *testing.T) {
	for name, spoil := range map[string]func(*wechat.Sibling){
		"name": func(s *wechat.Sibling) { s.Name = "" }, "base URL": func(s *wechat.Sibling) { s.BaseURL = "" },
		"hosts": func(s *wechat.Sibling) { s.IsHost = nil }, "AppIDs": func(s *wechat.Sibling) { s.ValidAppID = nil },
	} {
		spoilt := sibling()
		spoil(&spoilt)
		_, err := wechat.NewSiblingClient(spoilt, wechat.Config{})
		require.Error(t, err, name)
	}
}

// TestASiblingsLogNamesItself, and contains only AppIDs of its own form.
func TestASiblingsLogNamesItself(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	written := &log{}
	client, err := wechat.NewSiblingClient(sibling(), wechat.Config{BaseURL: server.URL,
		Logger: written.logger(slog.LevelDebug)})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	for _, id := range []string{"cousin-1", appID} {
		_, err := client.CodeToSession(context.Background(), wechat.Credentials{AppID: id, Secret: secret}, "code")
		require.ErrorIs(t, err, wechat.ErrUnavailable)
	}
	require.Contains(t, written.String(), `msg="cousin: code2Session failed" appid=cousin-1`)
	require.Contains(t, written.String(), `appid="not an AppID"`)
	require.NotContains(t, written.String(), appID)
	require.NotContains(t, written.String(), "wechat: code2Session")
}
