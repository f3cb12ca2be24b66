package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/server/settings"
)

func TestHealthcheckAsksTheServerOfItsConfiguration(t *testing.T) {
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com/login")
	_, base := o.serves()
	o = o.with("LINGPAI_SERVER_ADDR=" + strings.TrimPrefix(base, "http://"))
	require.Empty(t, o.ok("healthcheck"))
	o.ok("migrate", "down", "--lose-data")
	require.Eventually(t, func() bool { return get(t, base+"/login/readyz").status == http.StatusServiceUnavailable },
		patience, 50*time.Millisecond, "a result is kept for a while")
	require.Contains(t, o.refused("healthcheck"), "the server is not ready: 503 Service Unavailable database")
	require.Contains(t, o.with("LINGPAI_SERVER_ADDR=127.0.0.1:1").refused("healthcheck"), "no server answers")
}

// TestHealthcheckIgnoresProxies: the server is on this machine or network, and a proxy that answers is not ready.
func TestHealthcheckIgnoresProxies(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(proxy.Close)
	o := newOperator(t, "LINGPAI_SERVER_ADDR=lingpai.invalid:8080", "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL)
	require.Contains(t, o.refused("healthcheck"), "no server answers")
}

func TestHealthcheckAsksOnThisMachine(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:8080": "http://localhost:8080/readyz", "[::]:8080": "http://localhost:8080/readyz",
		":8080":          "http://localhost:8080/readyz",
		"127.0.0.1:8080": "http://127.0.0.1:8080/readyz", "[::1]:8080": "http://[::1]:8080/readyz",
	} {
		require.Equal(t, want, readyURL(settings.Settings{Addr: addr, Issuer: "https://login.example.com"}))
	}
	require.Equal(t, "http://localhost:80/login/readyz",
		readyURL(settings.Settings{Addr: ":80", Issuer: "https://login.example.com/login"}))
}
