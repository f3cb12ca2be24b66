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

func otherPlatform() wechat.Platform {
	return wechat.Platform{
		Name: "other", BaseURL: "https://api.other.example",
		IsHost:     func(host string) bool { return host == "api.other.example" },
		ValidAppID: func(id string) bool { return strings.HasPrefix(id, "other-") },
	}
}

// TestPlatformSecretsAreSentOnlyToIt, or to a simulator on loopback.
func TestPlatformSecretsAreSentOnlyToIt(t *testing.T) {
	for text, fits := range map[string]bool{
		"": true, "https://api.other.example": true, "https://api.other.example:8443/v2/": true,
		"http://127.0.0.1:8089": true, "http://localhost:8089": true, "https://[::1]:8089": true,
		"http://api.other.example": false, "https://api.weixin.qq.com": false, "https://gateway.example": false,
		"https://api.other.example.evil.example": false, "https://api.other.example@evil.example": false,
		"https://10.0.0.1": false,
	} {
		client, err := wechat.NewPlatformClient(otherPlatform(), wechat.Config{BaseURL: text})
		require.Equal(t, fits, err == nil, text)
		if err != nil {
			require.ErrorContains(t, err, "other: the base URL ")
			continue
		}
		client.Close()
	}
	_, err := wechat.NewPlatformClient(otherPlatform(), wechat.Config{Timeout: -1})
	require.ErrorContains(t, err, "other: timeout")
}

func TestPlatformFieldsAreRequired(t *testing.T) {
	for name, spoil := range map[string]func(*wechat.Platform){
		"name": func(s *wechat.Platform) { s.Name = "" }, "base URL": func(s *wechat.Platform) { s.BaseURL = "" },
		"hosts": func(s *wechat.Platform) { s.IsHost = nil }, "AppIDs": func(s *wechat.Platform) { s.ValidAppID = nil },
	} {
		spoilt := otherPlatform()
		spoil(&spoilt)
		_, err := wechat.NewPlatformClient(spoilt, wechat.Config{})
		require.Error(t, err, name)
	}
}

// TestPlatformIsNamedInTheLog, and contains only AppIDs of its own form.
func TestPlatformIsNamedInTheLog(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	written := &log{}
	client, err := wechat.NewPlatformClient(otherPlatform(), wechat.Config{BaseURL: server.URL,
		Logger: written.logger(slog.LevelDebug)})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	for _, id := range []string{"other-1", appID} {
		_, err := client.CodeToSession(context.Background(), wechat.Credentials{AppID: id, Secret: secret}, "code")
		require.ErrorIs(t, err, wechat.ErrUnavailable)
	}
	require.Contains(t, written.String(), `msg="other: code2Session failed" appid=other-1`)
	require.Contains(t, written.String(), `appid="not an AppID"`)
	require.NotContains(t, written.String(), appID)
	require.NotContains(t, written.String(), "wechat: code2Session")
}
