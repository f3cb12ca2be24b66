package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPagesDoNotReachTheSimulator: a web page in a browser on this machine could create codes, with a host name that
// resolves to loopback.
func TestPagesDoNotReachTheSimulator(t *testing.T) {
	simulator := newOperator(t).simulates()
	for name, spoil := range map[string]func(*http.Request){
		"a script":         func(r *http.Request) { r.Header.Set("Origin", "https://evil.example.com") },
		"a rebound name":   func(r *http.Request) { r.Host = "evil.example.com" },
		"the same, ported": func(r *http.Request) { r.Host = "evil.example.com:8081" },
	} {
		for _, path := range []string{"/_sim/codes", "/qq/_sim/codes", "/sns/jscode2session"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, simulator+path, nil)
			require.NoError(t, err)
			spoil(request)
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			response.Body.Close()
			require.Equal(t, http.StatusForbidden, response.StatusCode, name)
		}
	}
}

// TestItsOwnPagesReachTheSimulator: they post their forms, as a browser sends them.
func TestItsOwnPagesReachTheSimulator(t *testing.T) {
	simulator := newOperator(t).simulates()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, simulator+"/connect/phone",
		strings.NewReader("user=alice"))
	require.NoError(t, err)
	request.Header.Set("Origin", simulator)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusSeeOther, response.StatusCode)
}
