package outbound

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAddressesThatAreNotPublic cannot be reached by the URI of a client (SSRF): metadata of clouds, the operator's
// network, this machine, and other ways to write them.
func TestAddressesThatAreNotPublic(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1",
		"172.31.9.9", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192",
		"198.18.0.1", "192.0.2.1",
		"224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fe80::1", "fe80::1%eth0",
		"fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1"} {
		require.False(t, public(netip.MustParseAddr(address)), address)
	}
	for _, address := range []string{"1.1.1.1", "100.128.0.1", "172.32.0.1", "::ffff:8.8.8.8", "2606:4700::1111",
		"2408:8000::1"} {
		require.True(t, public(netip.MustParseAddr(address)), address)
	}
}

// TestNamesThatResolveToThisMachine are refused when connecting, whatever DNS says (DNS rebinding).
func TestNamesThatResolveToThisMachine(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"http://localhost:1/", "http://127.0.0.1:1/", "http://[::1]:1/",
		"http://2130706433:1/"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, uri, nil)
		require.NoError(t, err)
		response, err := newClient(public).Do(request)
		if err == nil {
			response.Body.Close()
		}
		require.Error(t, err)
		require.NotContains(t, err.Error(), "connection refused", "nothing was sent")
	}
}

// TestLongHeaders: a client's server cannot fill the memory.
func TestLongHeaders(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Long", strings.Repeat("x", 1<<20))
	}))
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
	require.NoError(t, err)
	response, err := newClient(netip.Addr.IsLoopback).Do(request)
	if err == nil {
		response.Body.Close()
	}
	require.ErrorContains(t, err, "headers")
}
